// Evaluation over whole splits: exact, whatever the batch size. The last batch is filled up with the split's last
// sample, and what comes out for the filling is dropped on the host.

import * as tf from '@tensorflow/tfjs-core';
import type {Definition, HostTensors, Program} from '../../src/engine/program.ts';
import {noAugmentation} from './augmentation.ts';
import {gatherBatch} from './augmentation-graph.ts';
import type {Dataset, Split} from './dataset-file.ts';
import {crossEntropy} from './loss.ts';
import type {Predictions} from './metrics.ts';
import {initialStatistics, type Model, sizeOf, tensorNamed} from './models/model.ts';
import {pick, prefixed} from './training-program.ts';

/**
 * A program whose state is weights and running statistics, with metrics per step: `classes` int32 [batch], the
 * predicted classes, and `losses` [batch], cross-entropy without smoothing.
 */
export function evaluationDefinition(
  model: Model,
  dataset: Dataset,
  split: Split,
  batch: number,
): Definition {
  const zeros = Object.fromEntries(
    model.parameters.map(({name, shape}) => [
      name,
      {dtype: 'float32' as const, shape, data: new Float32Array(sizeOf(shape))},
    ]),
  );
  return {
    name: `evaluate-${model.name}-${batch}`,
    state: {...prefixed('weights', zeros), ...prefixed('statistics', initialStatistics(model))},
    resident: {
      images: {
        dtype: 'uint8',
        shape: [split.count, dataset.height, dataset.width, dataset.channels],
        data: split.images,
      },
      labels: {dtype: 'int32', shape: [split.count], data: split.labels},
    },
    scanned: {indices: {shape: [batch], dtype: 'int32'}},
    step: ({state, resident, scanned}) => {
      const indices = tensorNamed(scanned, 'indices') as tf.Tensor1D;
      const images = gatherBatch(
        noAugmentation,
        dataset,
        dataset.normalisation,
        tensorNamed(resident, 'images'),
        indices,
        undefined,
      );
      const labels = tf.gather(tensorNamed(resident, 'labels'), indices) as tf.Tensor1D;
      const {logits} = model.forward(pick(state, 'weights'), pick(state, 'statistics'), images, {
        phase: 'evaluation',
      });
      return {
        state,
        metrics: {
          classes: tf.cast(tf.argMax(logits, 1), 'int32'),
          losses: crossEntropy(logits, labels, {amount: 0, over: 'all'}),
        },
      };
    },
  };
}

/**
 * Predictions for all samples of the split, in their order.
 * @param state a training's state: weights and statistics are taken from it.
 * @param stepsPerCall batches per call of the program; the signal is looked at between calls.
 */
export async function predict(
  program: Program,
  state: HostTensors,
  count: number,
  batch: number,
  stepsPerCall: number,
  signal: AbortSignal,
): Promise<Predictions> {
  await program.writeState({
    ...prefixed('weights', pick(state, 'weights')),
    ...prefixed('statistics', pick(state, 'statistics')),
  });
  const classes = new Int32Array(count);
  const losses = new Float32Array(count);
  const perCall = batch * stepsPerCall;
  for (let start = 0; start < count; start += perCall) {
    signal.throwIfAborted();
    const steps = Math.min(stepsPerCall, Math.ceil((count - start) / batch));
    const indices = Int32Array.from({length: steps * batch}, (_, i) => Math.min(start + i, count - 1));
    const metrics = await program.run({indices: {dtype: 'int32', shape: [steps, batch], data: indices}});
    const real = Math.min(count - start, steps * batch);
    const {classes: predicted, losses: measured} = metrics;
    if (predicted === undefined || measured === undefined) {
      throw new Error('expected classes and losses from the evaluation program');
    }
    classes.set(predicted.data.subarray(0, real), start);
    losses.set(measured.data.subarray(0, real), start);
  }
  // A model that has diverged predicts nothing: what arg max makes of NaN differs between devices.
  for (let i = 0; i < count; i++) if (!Number.isFinite(losses[i])) classes[i] = -1;
  return {classes, losses};
}
