// A trained model for others: an ONNX model from raw pixels to logits, with the normalisation inside.

import type {Tensor4D} from '@tensorflow/tfjs-core';
import {exportInference} from '../../src/engine/index.ts';
import type {HostTensors} from '../../src/engine/program.ts';
import {normalise} from './augmentation-graph.ts';
import type {Dataset} from './dataset-file.ts';
import {type Model, tensorNamed} from './models/model.ts';
import {pick} from './training-program.ts';

/**
 * Input `images`, uint8 [batch, height, width, channels]; output `logits`, float32 [batch, classes].
 * @param state a training's state: weights and running statistics are taken from it.
 */
export function inferenceModel(
  model: Model,
  {height, width, channels, normalisation}: Dataset,
  state: HostTensors,
): Uint8Array {
  // By name: a state that came from a file has another order, and is the same state.
  const weights = Object.entries(state)
    .filter(([name]) => name.startsWith('weights/') || name.startsWith('statistics/'))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return exportInference({
    name: model.name,
    weights: Object.fromEntries(weights),
    inputs: {images: {dtype: 'uint8', shape: [height, width, channels]}},
    forward: (named, inputs) => {
      const images: Tensor4D = normalise(tensorNamed(inputs, 'images'), normalisation);
      const mode = {phase: 'evaluation'} as const;
      const {logits} = model.forward(pick(named, 'weights'), pick(named, 'statistics'), images, mode);
      return {logits};
    },
  });
}
