// TF.js's own optimizers inside of a step: those with slots keep them in variables that a program would never carry from
// step to step, so that momentum would be lost without a word.

import * as tf from '@tensorflow/tfjs-core';

const withSlots = [
  tf.AdadeltaOptimizer,
  tf.AdagradOptimizer,
  tf.AdamOptimizer,
  tf.AdamaxOptimizer,
  tf.MomentumOptimizer,
  tf.RMSPropOptimizer,
];

/** Runs `body`; an optimizer with slots that is applied in it calls `fail` instead. */
export function withoutOptimizers<T>(fail: (message: string) => never, body: () => T): T {
  const before = withSlots.map(({prototype}) => prototype.applyGradients);
  for (const {prototype} of withSlots)
    prototype.applyGradients = function refuse(this: tf.Optimizer) {
      return fail(
        `tf.train's ${this.getClassName()} optimizer was applied inside of a step: it keeps its slots (momentum and the ` +
          'like) in variables of its own, which are not carried from step to step. Keep the slots in the state, as ' +
          'the optimizers of compileModel do (sgd, adam)',
      );
    };
  try {
    return body();
  } finally {
    withSlots.forEach(({prototype}, i) => {
      const own = before[i];
      if (own !== undefined) prototype.applyGradients = own;
    });
  }
}
