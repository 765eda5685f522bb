// Models whose initial weights come from a seed: TF.js draws them from Math.random where no initializer has one.

import type * as tf from '@tensorflow/tfjs';
import {runEagerly} from '../../../src/engine/index.ts';
import {stream} from '../random.ts';

/** What `build` makes, with Math.random drawn from the seed while it does. */
export function seeded(seed: number, build: () => tf.LayersModel): tf.LayersModel {
  const {random} = Math;
  const draws = stream(seed, 'init', 0);
  Math.random = () => draws.uniform();
  try {
    return runEagerly(build);
  } finally {
    Math.random = random;
  }
}
