// m-SAM (Foret et al. 2021, section 4.1): each of the batch's disjoint parts of m samples has a perturbation of its
// own, as on unsynchronised accelerators; the gradients at the perturbed weights are averaged. m = |B| is SAM.

import * as tf from '@tensorflow/tfjs-core';
import type {ParameterSpec} from '../models/model.ts';
import {meanNamed} from '../named-tensors.ts';
import {type Batch, mapBatch} from '../objective.ts';
import type {GradientRule} from './rule.ts';
import {type SharpnessOptions, sharpnessRule, takeTwoPasses} from './two-passes.ts';

export interface MSamOptions extends SharpnessOptions {
  /** Samples per perturbation: a divisor of the batch size. */
  readonly m: number;
}

/**
 * Batch norm sees each part by itself; the running statistics are the mean of what the parts' first passes give.
 * @throws when a step is traced whose batch m does not divide.
 */
export const mSam = (parameters: readonly ParameterSpec[], options: MSamOptions): GradientRule =>
  sharpnessRule('msam', parameters, options, (inputs, perturb) => {
    const size = inputs.batch.labels.shape[0];
    if (!(Number.isInteger(options.m) && options.m > 0 && size % options.m === 0)) {
      throw new RangeError(`expected m to divide the batch of ${size}, got ${options.m}; choose a divisor`);
    }
    const parts = Array.from({length: size / options.m}, (_, index) => {
      const part = (batch: Batch): Batch =>
        mapBatch(batch, tensor =>
          tf.slice(
            tensor,
            [index * options.m, ...tensor.shape.slice(1).map(() => 0)],
            [options.m, ...tensor.shape.slice(1)],
          ),
        );
      return takeTwoPasses({...inputs, batch: part(inputs.batch), again: part(inputs.again)}, perturb);
    });
    const losses = parts.map(({first}) => first.loss);
    return {
      gradients: meanNamed(parts.map(({second}) => second)),
      pass: {
        loss: tf.div(tf.addN(losses), parts.length) as tf.Scalar,
        correct: tf.addN(parts.map(({first}) => first.correct)),
        statistics: meanNamed(parts.map(({first}) => first.statistics)),
      },
      slots: {},
    };
  });
