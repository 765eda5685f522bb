// Batch normalisation with the statistics of the batch, written so that it compiles to few passes over memory.

import * as tf from '@tensorflow/tfjs-core';

export interface Normalised<T extends tf.Tensor> {
  readonly y: T;
  /** Mean and (biased) variance of each channel over the batch and all pixels, for running averages. */
  readonly mean: tf.Tensor1D;
  readonly variance: tf.Tensor1D;
}

interface Statistics {
  readonly mean: tf.Tensor;
  readonly variance: tf.Tensor;
  readonly inverse: tf.Tensor;
}

/** The variance as E[x²] − E[x]², in one reading of x each; rounding may make that negative where it is zero. */
function statistics(x: tf.Tensor, epsilon: number): Statistics {
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const mean = tf.mean(x, axes);
  const variance = tf.maximum(tf.sub(tf.mean(tf.square(x), axes), tf.square(mean)), 0);
  return {mean, variance, inverse: tf.rsqrt(tf.add(variance, epsilon))};
}

/**
 * Normalises each channel (the last axis of `x`, any rank from 2) to mean 0 and variance 1, times `gamma` plus `beta`
 * ([channels] each), as in training (Ioffe and Szegedy 2015). The gradient is its closed form,
 * dx = a·dy + b·x + c per channel, and can itself be differentiated: it is computed from the inputs alone, and the
 * compiled graph shares the repeated statistics.
 */
export function batchNorm<T extends tf.Tensor>(
  x: T,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  epsilon = 1e-5,
): Normalised<T> {
  const normalise = tf.customGrad((...given) => {
    const [input, scale, offset, save] = given;
    if (!(input instanceof tf.Tensor && scale instanceof tf.Tensor && offset instanceof tf.Tensor))
      throw new TypeError('expected three tensors');
    if (typeof save === 'function') save([input, scale]);
    return {
      value: forward(input, scale, offset, epsilon),
      gradFunc: (dy, saved) => gradient(dy, saved, epsilon),
    };
  });
  const {mean, variance} = statistics(x, epsilon);
  return {y: normalise(x, gamma, beta) as T, mean: mean as tf.Tensor1D, variance: variance as tf.Tensor1D};
}

function forward(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: number): tf.Tensor {
  const {mean, inverse} = statistics(x, epsilon);
  const scale = tf.mul(inverse, gamma);
  return tf.add(tf.mul(x, scale), tf.sub(beta, tf.mul(mean, scale)));
}

function gradient(dy: tf.Tensor | tf.Tensor[], saved: tf.Tensor[], epsilon: number): tf.Tensor[] {
  const [x, gamma] = saved;
  if (Array.isArray(dy) || x === undefined || gamma === undefined)
    throw new TypeError('expected one gradient');
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const count = x.size / (x.shape.at(-1) ?? 1);
  const {mean, inverse} = statistics(x, epsilon);
  const scale = tf.mul(inverse, gamma);
  const dBeta = tf.sum(dy, axes);
  const dGamma = tf.mul(tf.sub(tf.sum(tf.mul(dy, x), axes), tf.mul(mean, dBeta)), inverse);
  const perPixel = tf.div(tf.mul(inverse, dGamma), count);
  const b = tf.neg(tf.mul(scale, perPixel));
  const c = tf.mul(scale, tf.sub(tf.mul(perPixel, mean), tf.div(dBeta, count)));
  return [tf.add(tf.add(tf.mul(dy, scale), tf.mul(x, b)), c), dGamma, dBeta];
}
