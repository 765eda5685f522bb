// Batch normalisation over all axes but the last (Ioffe and Szegedy 2015, arXiv 1502.03167), with the arithmetic
// of flax: the variance is biased in the running statistics as well; momentum 0.9, epsilon 1e-5.

import * as tf from '@tensorflow/tfjs-core';
import {batchNorm as normalised} from '../../../src/engine/index.ts';
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
  const {y, mean, variance} = normalised(x, scale, shift, epsilon);
  const blend = (running: tf.Tensor, batch: tf.Tensor): tf.Tensor =>
    tf.add(tf.mul(running, momentum), tf.mul(batch, 1 - momentum));
  return {
    y,
    statistics: {
      [`${name}.mean`]: blend(runningMean, mean),
      [`${name}.variance`]: blend(runningVariance, variance),
    },
  };
}
