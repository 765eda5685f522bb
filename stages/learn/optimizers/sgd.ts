// Stochastic gradient descent with momentum, in PyTorch's and TF.js's form (Sutskever et al. 2013):
//   v ← momentum·v + g;  w ← w - lr·v, or with Nesterov w ← w - lr·(g + momentum·v).

import * as tf from '@tensorflow/tfjs-core';
import {slotNamed} from '../gradients/rule.ts';
import {addScaled, zipNamed} from '../named-tensors.ts';
import {decayGradients, decayWeights} from './decay.ts';
import {noDecay, type Optimizer, type UpdateDecay} from './optimizer.ts';

export interface SgdOptions {
  /** In [0, 1). Default 0. */
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly decay: UpdateDecay;
}

/** @throws when momentum is not in [0, 1), or when Nesterov is asked for without momentum. */
export function sgd({momentum = 0, nesterov = false, decay = noDecay}: Partial<SgdOptions> = {}): Optimizer {
  if (!(momentum >= 0 && momentum < 1)) {
    throw new RangeError(`expected momentum to be in [0, 1), got ${momentum}`);
  }
  if (nesterov && momentum === 0) {
    throw new RangeError('expected momentum above 0 for nesterov, got 0; set momentum, or nesterov: false');
  }
  return {
    name: 'sgd',
    slots: momentum === 0 ? [] : ['velocity'],
    scanned: {},
    update: ({weights, gradients, slots, rate}) => {
      const g = decayGradients(gradients, weights, decay);
      const start = decayWeights(weights, rate, decay);
      const descend = tf.neg(rate);
      if (momentum === 0) return {weights: addScaled(start, g, descend), slots: {}};
      const velocity = zipNamed(slotNamed(slots, 'velocity'), g, (v, x) => tf.add(tf.mul(v, momentum), x));
      const direction = nesterov ? addScaled(g, velocity, momentum) : velocity;
      return {weights: addScaled(start, direction, descend), slots: {velocity}};
    },
  };
}
