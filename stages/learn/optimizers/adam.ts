// Adam (Kingma and Ba 2015, arXiv 1412.6980); with decoupled decay it is AdamW (arXiv 1711.05101).
//   m ← b1·m + (1-b1)·g;  v ← b2·v + (1-b2)·g²;  w ← w - lr·(m/(1-b1^t)) / (√(v/(1-b2^t)) + epsilon),  t from 1.

import * as tf from '@tensorflow/tfjs-core';
import {slotNamed} from '../gradients/rule.ts';
import {tensorNamed} from '../models/model.ts';
import {zipNamed} from '../named-tensors.ts';
import {scannedScalar} from '../scanned.ts';
import {decayGradients, decayWeights} from './decay.ts';
import {noDecay, type Optimizer, type UpdateDecay} from './optimizer.ts';

export interface AdamOptions {
  /** 0.9 */
  readonly beta1: number;
  /** 0.999 */
  readonly beta2: number;
  /** 1e-8 */
  readonly epsilon: number;
  readonly decay: UpdateDecay;
}

/** @throws when a beta is not in [0, 1), or epsilon is not above 0. */
export function adam({
  beta1 = 0.9,
  beta2 = 0.999,
  epsilon = 1e-8,
  decay = noDecay,
}: Partial<AdamOptions> = {}): Optimizer {
  for (const [name, beta] of Object.entries({beta1, beta2})) {
    if (!(beta >= 0 && beta < 1)) throw new RangeError(`expected ${name} to be in [0, 1), got ${beta}`);
  }
  if (!(epsilon > 0)) throw new RangeError(`expected epsilon to be above 0, got ${epsilon}`);
  return {
    name: decay.mode === 'decoupled' ? 'adamw' : 'adam',
    slots: ['mean', 'square'],
    // Powers of the betas are taken on the host in double precision: no step counter in the state.
    scanned: {
      meanCorrection: scannedScalar(step => 1 - beta1 ** (step + 1)),
      squareCorrection: scannedScalar(step => 1 - beta2 ** (step + 1)),
    },
    update: ({weights, gradients, slots, rate, scanned}) => {
      const g = decayGradients(gradients, weights, decay);
      const mean = zipNamed(slotNamed(slots, 'mean'), g, (m, x) =>
        tf.add(tf.mul(m, beta1), tf.mul(x, 1 - beta1)),
      );
      const square = zipNamed(slotNamed(slots, 'square'), g, (v, x) =>
        tf.add(tf.mul(v, beta2), tf.mul(tf.square(x), 1 - beta2)),
      );
      const stride = tf.div(rate, tensorNamed(scanned, 'meanCorrection'));
      const correction = tensorNamed(scanned, 'squareCorrection');
      const direction = zipNamed(mean, square, (m, v) =>
        tf.div(m, tf.add(tf.sqrt(tf.div(v, correction)), epsilon)),
      );
      return {
        weights: zipNamed(decayWeights(weights, rate, decay), direction, (w, d) =>
          tf.sub(w, tf.mul(d, stride)),
        ),
        slots: {mean, square},
      };
    },
  };
}
