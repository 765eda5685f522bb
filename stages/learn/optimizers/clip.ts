// Gradient clipping by the norm over all parameters together, after the gradient rule and before the optimizer.

import * as tf from '@tensorflow/tfjs-core';
import type {NamedTensors} from '../models/model.ts';
import {normOf, scaleNamed} from '../named-tensors.ts';

/** Scales the gradients down to the norm `limit` where theirs is larger; exactly the same numbers where it is not. */
export const clipByNorm = (gradients: NamedTensors, limit: number): NamedTensors =>
  scaleNamed(gradients, tf.div(limit, tf.maximum(normOf(gradients), limit)));
