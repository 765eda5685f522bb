// Friendly-SAM (Li et al., CVPR 2024, arXiv 2403.12350; nblt/F-SAM): the perturbation follows d = g - sigma·M, where
// M is a running mean of raw gradients that is updated after use. At the first step d = g, and M becomes g.
// Sigma 0 is SAM. (One port feeds d instead of g into the mean: that is another algorithm.)

import * as tf from '@tensorflow/tfjs-core';
import {type ParameterSpec, tensorNamed} from '../models/model.ts';
import {addScaled, zipNamed} from '../named-tensors.ts';
import {scannedScalar} from '../scanned.ts';
import {move, type Perturbation} from './perturbation.ts';
import {type GradientRule, type RuleInputs, slotNamed} from './rule.ts';
import {checkRange, rhoOf, type SharpnessOptions, sharpnessRule} from './two-passes.ts';

export interface FriendlySamOptions extends SharpnessOptions {
  /** How much of the mean gradient is taken away; 1 in the paper. */
  readonly sigma: number;
  /** How much of the mean is retained each step, in [0, 1]; 0.9 in the paper. */
  readonly lambda: number;
}

export function friendlySam(parameters: readonly ParameterSpec[], options: FriendlySamOptions): GradientRule {
  const {sigma, lambda} = options;
  checkRange('sigma', sigma, 0);
  checkRange('lambda', lambda, 0, 1);
  const apply = ({objective, weights, batch, again, slots, scanned}: RuleInputs, perturb: Perturbation) => {
    const retain = tensorNamed(scanned, 'retain');
    const mean = slotNamed(slots, 'mean');
    const first = objective.differentiate(weights, batch);
    const eps = perturb(addScaled(first.gradients, mean, -sigma), weights, rhoOf(scanned));
    const blend = (m: tf.Tensor, g: tf.Tensor): tf.Tensor =>
      tf.add(tf.mul(m, retain), tf.mul(g, tf.sub(1, retain)));
    return {
      gradients: objective.differentiate(move(weights, eps), again).gradients,
      pass: first,
      slots: {mean: zipNamed(mean, first.gradients, blend)},
    };
  };
  return sharpnessRule('fsam', parameters, options, apply, {
    slots: ['mean'],
    // Retaining nothing at step 0 makes the first mean the first gradient.
    scanned: {retain: scannedScalar(step => (step === 0 ? 0 : lambda))},
  });
}
