// LookSAM (Liu et al. 2022, arXiv 2203.02714): a SAM step every k steps, whose part orthogonal to the plain gradient,
// gv = g2 - (<g2, g1>/‖g1‖²)·g1, is kept and reused in between: g + alpha·(‖g‖/‖gv‖)·gv. k = 1 is SAM.
// Norms are over all parameters together, as in the paper (public ports take them per tensor). The two kinds of
// step are two phases, so that a reuse step costs one gradient and not two.

import * as tf from '@tensorflow/tfjs-core';
import type {ParameterSpec} from '../models/model.ts';
import {addScaled, dotNamed, normOf} from '../named-tensors.ts';
import type {Perturbation} from './perturbation.ts';
import {type GradientRule, plainGradient, type RuleInputs, type RuleOutputs, slotNamed} from './rule.ts';
import {checkRange, type SharpnessOptions, sharpnessRule, takeTwoPasses} from './two-passes.ts';

export interface LookSamOptions extends SharpnessOptions {
  /** A SAM step at every step that k divides; an integer of at least 1. 5 and 10 in the paper. */
  readonly k: number;
  /** Weight of the reused part; 0.7 in the paper. */
  readonly alpha: number;
}

const tiny = 1e-12;

export function lookSam(parameters: readonly ParameterSpec[], options: LookSamOptions): GradientRule {
  const {k, alpha} = options;
  checkRange('alpha', alpha, 0);
  if (!(Number.isInteger(k) && k >= 1)) {
    throw new RangeError(`expected k to be an integer of at least 1, got ${k}`);
  }
  const ascend = (inputs: RuleInputs, perturb: Perturbation): RuleOutputs => {
    const {first, second} = takeTwoPasses(inputs, perturb);
    const along = tf.div(dotNamed(second, first.gradients), tf.add(tf.square(normOf(first.gradients)), tiny));
    const ascent = addScaled(second, first.gradients, tf.neg(along));
    return {gradients: second, pass: first, slots: {ascent}};
  };
  const reuse = ({objective, weights, batch, slots}: RuleInputs): RuleOutputs => {
    const ascent = slotNamed(slots, 'ascent');
    const {gradients, ...pass} = objective.differentiate(weights, batch);
    const ratio = tf.div(normOf(gradients), tf.add(normOf(ascent), tiny));
    return {gradients: addScaled(gradients, ascent, tf.mul(ratio, alpha)), pass, slots: {ascent}};
  };
  const rule = sharpnessRule('looksam', parameters, options, ascend, {slots: ['ascent']});
  if (rule === plainGradient || k === 1) return rule;
  return {
    ...rule,
    phases: [...rule.phases, {name: 'looksam-reuse', cost: 1, scanned: {}, apply: reuse}],
    phaseAt: step => (step % k === 0 ? 0 : 1),
  };
}
