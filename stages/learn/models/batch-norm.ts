// Batch normalisation over all axes but the last (Ioffe and Szegedy 2015, arXiv 1502.03167), with the arithmetic
// of flax: variance as E[x²] - E[x]², biased in the running statistics as well; momentum 0.9, epsilon 1e-5.

import * as tf from '@tensorflow/tfjs-core';
import {type Mode, type NamedTensors, type ParameterSpec, type StatisticSpec, tensorNamed} from './model.ts';

const epsilon = 1e-5;
const momentum = 0.9;

export const normParameters = (name: string, channels: number): readonly ParameterSpec[] => [
  {
    name: `${name}.scale`,
    shape: [channels],
    kind: 'norm-scale',
    initialisation: {law: 'constant', value: 1},
  },
  {
    name: `${name}.shift`,
    shape: [channels],
    kind: 'norm-shift',
    initialisation: {law: 'constant', value: 0},
  },
];

export const normStatistics = (name: string, channels: number): readonly StatisticSpec[] => [
  {name: `${name}.mean`, shape: [channels], value: 0},
  {name: `${name}.variance`, shape: [channels], value: 1},
];

/** Normalises `x` [..., channels] with the layer `name`; returns it beside the layer's next running statistics. */
export function batchNorm(
  name: string,
  x: tf.Tensor,
  weights: NamedTensors,
  statistics: NamedTensors,
  phase: Mode['phase'],
): {readonly y: tf.Tensor; readonly statistics: NamedTensors} {
  const scale = tensorNamed(weights, `${name}.scale`);
  const shift = tensorNamed(weights, `${name}.shift`);
  const runningMean = tensorNamed(statistics, `${name}.mean`);
  const runningVariance = tensorNamed(statistics, `${name}.variance`);
  if (phase === 'evaluation') {
    const factor = tf.mul(tf.rsqrt(tf.add(runningVariance, epsilon)), scale);
    return {
      y: tf.add(tf.mul(x, factor), tf.sub(shift, tf.mul(runningMean, factor))),
      statistics: {[`${name}.mean`]: runningMean, [`${name}.variance`]: runningVariance},
    };
  }
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const mean = tf.mean(x, axes);
  const variance = tf.relu(tf.sub(tf.mean(tf.square(x), axes), tf.square(mean)));
  const blend = (running: tf.Tensor, batch: tf.Tensor): tf.Tensor =>
    tf.add(tf.mul(running, momentum), tf.mul(batch, 1 - momentum));
  return {
    y: normalise(x, scale, shift, mean, tf.rsqrt(tf.add(variance, epsilon)), axes),
    statistics: {
      [`${name}.mean`]: blend(runningMean, mean),
      [`${name}.variance`]: blend(runningVariance, variance),
    },
  };
}

/**
 * y = (x - mean) * inverse * scale + shift, where mean and inverse deviation are known to be functions of x: the
 * gradient with respect to x is the whole one, written per channel as dx = a·dy + b·x + c. That is two reductions
 * and two multiplications where composed gradients would take a dozen passes over x.
 *
 * `mean` and `inverse` are saved rather than made in here, so that they stay on the tape: second derivatives hold.
 */
function normalise(
  x: tf.Tensor,
  scale: tf.Tensor,
  shift: tf.Tensor,
  mean: tf.Tensor,
  inverse: tf.Tensor,
  axes: number[],
): tf.Tensor {
  const samples = x.size / scale.size;
  return tf.customGrad((...args) => {
    const [input, gamma, beta, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([input, gamma, mean, inverse]);
    const factor = tf.mul(inverse, gamma);
    return {
      value: tf.add(tf.mul(input, factor), tf.sub(beta, tf.mul(mean, factor))),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [x, gamma, mean, inverse] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
        const dShift = tf.sum(dy, axes);
        const dScale = tf.mul(tf.sub(tf.sum(tf.mul(dy, x), axes), tf.mul(mean, dShift)), inverse);
        const a = tf.mul(inverse, gamma);
        const b = tf.neg(tf.div(tf.mul(tf.mul(a, inverse), dScale), samples));
        const c = tf.neg(tf.add(tf.mul(b, mean), tf.div(tf.mul(a, dShift), samples)));
        return [tf.add(tf.add(tf.mul(dy, a), tf.mul(x, b)), c), dScale, dShift];
      },
    };
  })(x, scale, shift);
}
