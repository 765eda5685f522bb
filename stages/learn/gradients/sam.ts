// Sharpness-aware minimisation (Foret et al. 2021, arXiv 2010.01412):
//   g1 = g(w; B), eps = rho·g1/‖g1‖, g2 = g(w + eps; B) with the same batch; the optimizer gets g2 at w.
// The weights are never moved, so nothing has to be restored; the second-order term is dropped, as in the paper.

import * as tf from '@tensorflow/tfjs-core';
import type {ParameterSpec} from '../models/model.ts';
import {zipNamed} from '../named-tensors.ts';
import type {GradientRule} from './rule.ts';
import {checkRange, type SharpnessOptions, sharpnessRule, takeTwoPasses} from './two-passes.ts';

/** SAM; with `adaptive`, ASAM; with `perturbs: norm`, SAM-ON. */
export const sam = (parameters: readonly ParameterSpec[], options: SharpnessOptions): GradientRule =>
  sharpnessRule('sam', parameters, options, (inputs, perturb) => {
    const {first, second} = takeTwoPasses(inputs, perturb);
    return {gradients: second, pass: first, slots: {}};
  });

export interface PenaltyOptions extends SharpnessOptions {
  /** Share of g2, in [0, 1]. */
  readonly alpha: number;
}

/**
 * Gradient norm penalty (Zhao et al. 2022, arXiv 2202.03599): (1 - alpha)·g1 + alpha·g2. Alpha 1 is SAM, alpha 0 the
 * plain gradient.
 */
export function gradientNormPenalty(
  parameters: readonly ParameterSpec[],
  options: PenaltyOptions,
): GradientRule {
  checkRange('alpha', options.alpha, 0, 1);
  return sharpnessRule('gnp', parameters, options, (inputs, perturb) => {
    const {first, second} = takeTwoPasses(inputs, perturb);
    const gradients = zipNamed(first.gradients, second, (g1, g2) =>
      tf.add(tf.mul(g1, 1 - options.alpha), tf.mul(g2, options.alpha)),
    );
    return {gradients, pass: first, slots: {}};
  });
}
