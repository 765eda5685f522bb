// Batch normalisation with the statistics of the batch (Ioffe and Szegedy 2015, arXiv 1502.03167), written so that it
// compiles to few passes over memory and loses no digits where the mean is far from zero.

import * as tf from '@tensorflow/tfjs-core';

export interface Normalised {
  readonly y: tf.Tensor;
  /** Mean and (biased) variance of each channel over all other axes, for running averages. */
  readonly mean: tf.Tensor;
  readonly variance: tf.Tensor;
}

/**
 * Normalises each channel (the last axis of `x`) to mean 0 and variance 1, times `gamma` plus `beta` ([channels] each).
 * Its first derivatives are closed forms, and can themselves be differentiated.
 */
export function batchNorm(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon = 1e-5): Normalised {
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const mean = tf.mean(x, axes);
  // Squares of differences, not E[x²] - E[x]²: where the mean is a hundred deviations, that has three digits left.
  const variance = tf.mean(tf.square(tf.sub(x, mean)), axes);
  const inverse = tf.rsqrt(tf.add(variance, epsilon));
  return {y: normalise(x, gamma, beta, mean, inverse, axes), mean, variance};
}

/**
 * y = (x - mean) * inverse * gamma + beta, where mean and inverse deviation are known to be functions of x: the gradient
 * with respect to x is the whole one, written per channel as dx = a·dy + b·(x - mean) + c. That is two reductions and two
 * multiplications where composed gradients would take a dozen passes over x.
 *
 * `mean` and `inverse` are saved rather than made in here, so that they stay on the tape: second derivatives hold.
 */
function normalise(
  x: tf.Tensor,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  mean: tf.Tensor,
  inverse: tf.Tensor,
  axes: number[],
): tf.Tensor {
  const samples = x.size / gamma.size;
  return tf.customGrad((...args) => {
    const [input, scale, shift, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([input, scale, mean, inverse]);
    return {
      value: tf.add(tf.mul(tf.sub(input, mean), tf.mul(inverse, scale)), shift),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [x, scale, mean, inverse] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
        const centred = tf.sub(x, mean);
        const dShift = tf.sum(dy, axes);
        const dScale = tf.mul(tf.sum(tf.mul(dy, centred), axes), inverse);
        const a = tf.mul(inverse, scale);
        const b = tf.neg(tf.div(tf.mul(tf.mul(a, inverse), dScale), samples));
        const c = tf.neg(tf.div(tf.mul(a, dShift), samples));
        return [tf.add(tf.add(tf.mul(dy, a), tf.mul(centred, b)), c), dScale, dShift];
      },
    };
  })(x, gamma, beta);
}
