// ESAM, efficient SAM (Du et al. 2022, arXiv 2110.03141; dydjw9/Efficient_SAM), from two ideas.
// Stochastic weight perturbation: eps = rho·g/(‖g‖·beta) over a random choice of tensors, each with probability beta;
// whole tensors, as in the authors' code. Sharpness-sensitive data selection: g2 comes from the gamma·|B| samples
// whose loss rises most, which is where time is saved. Beta = gamma = 1 is SAM.

import * as tf from '@tensorflow/tfjs-core';
import {type ParameterSpec, tensorNamed} from '../models/model.ts';
import {mapNamed} from '../named-tensors.ts';
import {mapBatch} from '../objective.ts';
import {stream} from '../random.ts';
import type {ScannedNumbers} from '../scanned.ts';
import {move, type Perturbation} from './perturbation.ts';
import type {GradientRule, RuleInputs, RuleOutputs} from './rule.ts';
import {checkRange, rhoOf, type SharpnessOptions, sharpnessRule} from './two-passes.ts';

export interface EsamOptions extends SharpnessOptions {
  /** Probability that a tensor is perturbed, in (0, 1]; 0.6 for ResNet-18, 0.5 for Wide ResNets. */
  readonly beta: number;
  /** Share of the batch in the second pass, in (0, 1]; 0.5. */
  readonly gamma: number;
  /** Seed of the choice of tensors. */
  readonly seed: number;
}

export function esam(parameters: readonly ParameterSpec[], options: EsamOptions): GradientRule {
  const {beta, gamma, seed} = options;
  checkRange('beta', beta, Number.MIN_VALUE, 1);
  checkRange('gamma', gamma, Number.MIN_VALUE, 1);
  const apply = (inputs: RuleInputs, perturb: Perturbation): RuleOutputs => {
    const {objective, weights, batch, again, scanned} = inputs;
    const masks = tensorNamed(scanned, 'mask');
    const first = objective.differentiate(weights, batch);
    const chosen = Object.fromEntries(
      parameters.map(({name}, index) => [
        name,
        tf.mul(tensorNamed(first.gradients, name), tf.slice(masks, [index], [1])),
      ]),
    );
    const eps = mapNamed(perturb(chosen, weights, rhoOf(scanned)), tensor => tf.div(tensor, beta));
    const moved = move(weights, eps);
    const size = batch.labels.shape[0];
    const kept = Math.max(1, Math.floor(gamma * size));
    if (kept === size) {
      return {gradients: objective.differentiate(moved, again).gradients, pass: first, slots: {}};
    }
    const rise = tf.sub(objective.measure(moved, again), first.losses) as tf.Tensor1D;
    const selected = largest(rise, kept);
    const hardest = mapBatch(again, tensor => tf.gather(tensor, selected));
    return {gradients: objective.differentiate(moved, hardest).gradients, pass: first, slots: {}};
  };
  const mask: ScannedNumbers = {
    shape: [parameters.length],
    at: step => {
      const draws = stream(seed, 'esam', step);
      return Float32Array.from(parameters, () => (draws.uniform() < beta ? 1 : 0));
    },
  };
  return sharpnessRule('esam', parameters, options, apply, {scanned: {mask}, cost: 1 + gamma});
}

/**
 * The places of the `count` largest values, in ascending order of place; of equal values the earlier one wins.
 * By counting, since a batch is small: no sort, and the same on every device.
 * @param values [n] @returns int32 [count]
 */
export function largest(values: tf.Tensor1D, count: number): tf.Tensor1D {
  const n = values.shape[0];
  const places = tf.range(0, n, 1, 'float32');
  const [row, column] = [tf.reshape(values, [n, 1]), tf.reshape(values, [1, n])];
  const isEarlier = tf.less(tf.reshape(places, [1, n]), tf.reshape(places, [n, 1]));
  const beats = tf.logicalOr(tf.greater(column, row), tf.logicalAnd(tf.equal(column, row), isEarlier));
  const rank = tf.sum(tf.cast(beats, 'float32'), 1);
  const isSelected = tf.cast(tf.less(rank, count), 'float32');
  const before = tf.sum(tf.mul(tf.cast(isEarlier, 'float32'), tf.reshape(isSelected, [1, n])), 1);
  const slots = tf.reshape(tf.range(0, count, 1, 'float32'), [count, 1]);
  const hits = tf.mul(
    tf.cast(tf.equal(tf.reshape(before, [1, n]), slots), 'float32'),
    tf.reshape(isSelected, [1, n]),
  );
  return tf.cast(tf.sum(tf.mul(hits, tf.reshape(places, [1, n])), 1), 'int32') as tf.Tensor1D;
}
