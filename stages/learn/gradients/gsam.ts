// GSAM, surrogate-gap guided SAM (Zhuang et al. 2022, arXiv 2203.08065; juntang-zhuang/GSAM): from g2 is taken alpha
// times the part of g1 that is orthogonal to it. That lowers the gap L(w + eps) - L(w) and leaves L(w + eps) to
// first order. Alpha 0 with a constant radius is SAM.

import * as tf from '@tensorflow/tfjs-core';
import type {ParameterSpec} from '../models/model.ts';
import {addScaled, dotNamed, normOf} from '../named-tensors.ts';
import type {GradientRule} from './rule.ts';
import {checkRange, type SharpnessOptions, sharpnessRule, takeTwoPasses} from './two-passes.ts';

export interface GsamOptions extends SharpnessOptions {
  /** How much of the orthogonal part is taken away; 0.4 in the authors' CIFAR example. */
  readonly alpha: number;
}

export function gsam(parameters: readonly ParameterSpec[], options: GsamOptions): GradientRule {
  checkRange('alpha', options.alpha, 0);
  return sharpnessRule('gsam', parameters, options, (inputs, perturb) => {
    const {first, second} = takeTwoPasses(inputs, perturb);
    const along = tf.div(dotNamed(first.gradients, second), tf.add(tf.square(normOf(second)), 1e-12));
    const orthogonal = addScaled(first.gradients, second, tf.neg(along));
    return {gradients: addScaled(second, orthogonal, -options.alpha), pass: first, slots: {}};
  });
}

/**
 * The paper's radius, which falls with the learning rate: rho goes from `max` at the highest rate to `min` at the
 * lowest. A constant learning rate has no range to map, and gives `max`.
 */
export function radiusFollowing(
  rate: (step: number) => number,
  range: {readonly lowest: number; readonly highest: number; readonly min: number; readonly max: number},
): (step: number) => number {
  const {lowest, highest, min, max} = range;
  if (highest === lowest) return () => max;
  // A warm-up may begin below the lowest rate of the schedule.
  return step => min + ((max - min) * Math.max(0, rate(step) - lowest)) / (highest - lowest);
}
