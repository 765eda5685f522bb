// Weight decay as it enters an update: before it (coupled) or beside it (decoupled).

import * as tf from '@tensorflow/tfjs-core';
import type {NamedTensors} from '../models/model.ts';
import {zipNamed} from '../named-tensors.ts';
import type {UpdateDecay} from './optimizer.ts';

/** The gradients with coupled decay; the same tensors where nothing decays. */
export const decayGradients = (
  gradients: NamedTensors,
  weights: NamedTensors,
  {mode, rate, decays}: UpdateDecay,
): NamedTensors =>
  mode === 'coupled' && rate !== 0
    ? zipNamed(gradients, weights, (g, w, name) => (decays(name) ? tf.add(g, tf.mul(w, rate)) : g))
    : gradients;

/** The weights with decoupled decay at this learning rate; the same tensors where nothing decays. */
export const decayWeights = (
  weights: NamedTensors,
  learningRate: tf.Tensor,
  {mode, rate, decays}: UpdateDecay,
): NamedTensors =>
  mode === 'decoupled' && rate !== 0
    ? zipNamed(weights, weights, (w, _, name) =>
        decays(name) ? tf.mul(w, tf.sub(1, tf.mul(learningRate, rate))) : w,
      )
    : weights;
