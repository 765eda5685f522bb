// The programs of a compiled tf.layers model: one training step, and evaluation of all samples.

import * as tf from '@tensorflow/tfjs';
import type {Definition, HostTensor, HostTensors, Program, SliceSpec} from '../../../src/engine/index.ts';
import type {RulePhase} from '../gradients/rule.ts';
import {initialStatistics, initialWeights, sizeOf, tensorNamed} from '../models/model.ts';
import {mapNamed} from '../named-tensors.ts';
import {type Batch, differentiate, type Objective} from '../objective.ts';
import {
  initialState,
  maskNamesOf,
  pick,
  prefixed,
  type Recipe,
  ruleStep,
  scannedNumbersOf,
} from '../training-program.ts';
import type {LayersFunction} from './layers-model.ts';
import type {Judgement} from './losses.ts';
import type {Samples} from './samples.ts';

/** Rows of a data set, as the model takes them. */
const rowsOf = (data: tf.Tensor, indices: tf.Tensor): tf.Tensor => tf.gather(data, indices as tf.Tensor1D);

const inputOf = (data: tf.Tensor, indices: tf.Tensor): tf.Tensor => tf.cast(rowsOf(data, indices), 'float32');

/** Loss and gradients, as a gradient rule asks for them. */
function objectiveOf(
  model: LayersFunction,
  {loss, right}: Judgement,
  statistics: Readonly<Record<string, tf.Tensor>>,
): Objective {
  const forward = (weights: Readonly<Record<string, tf.Tensor>>, {images, labels, masks}: Batch) => {
    const {
      y,
      statistics: next,
      penalty,
    } = model.apply(weights, statistics, images, {phase: 'training', masks});
    return {y, next, penalty, losses: loss(labels, y)};
  };
  return {
    measure: (weights, batch) => forward(weights, batch).losses as tf.Tensor1D,
    differentiate: (weights, batch) => {
      const {value, aside, gradients} = differentiate(weights, at => {
        const {y, next, penalty, losses} = forward(at, batch);
        const mean = tf.mean(losses);
        const shares = right?.(batch.labels, y);
        return {
          value: (penalty === undefined ? mean : tf.add(mean, penalty)) as tf.Scalar,
          aside: {...next, losses, correct: shares === undefined ? tf.scalar(Number.NaN) : tf.sum(shares)},
        };
      });
      return {
        loss: value,
        losses: tensorNamed(aside, 'losses') as tf.Tensor1D,
        correct: tensorNamed(aside, 'correct') as tf.Scalar,
        statistics: mapNamed(statistics, (_, name) => tensorNamed(aside, name)),
        gradients,
      };
    },
  };
}

/** One step of a phase of the rule. */
export function stepDefinition(
  recipe: Recipe,
  model: LayersFunction,
  judgement: Judgement,
  {x, y}: Samples,
  phase: RulePhase,
  batch: number,
): Definition {
  const scanned: Record<string, SliceSpec> = {indices: {shape: [batch], dtype: 'int32'}};
  for (const [name, {shape}] of Object.entries(scannedNumbersOf(recipe, phase)))
    scanned[name] = {shape, dtype: 'float32'};
  for (const {name, place} of maskNamesOf(recipe))
    scanned[name] = {shape: [batch, ...(model.dropout[place]?.shape ?? [])], dtype: 'uint8'};
  return {
    name: `train-${model.name}-${phase.name}-${batch}`,
    state: initialState(recipe),
    resident: {x, y},
    scanned,
    step: ({state, resident, scanned}) => {
      const indices = tensorNamed(scanned, 'indices');
      return ruleStep(recipe, phase, state, scanned, {
        objective: objectiveOf(model, judgement, pick(state, 'statistics')),
        images: inputOf(tensorNamed(resident, 'x'), indices) as tf.Tensor4D,
        labels: rowsOf(tensorNamed(resident, 'y'), indices) as tf.Tensor1D,
      });
    },
  };
}

export interface Judged {
  /** [rows, …output], flat. */
  readonly outputs: Float32Array;
  /** One per row; empty where there are no labels. */
  readonly losses: Float32Array;
  readonly correct: number;
}

/** Runs all rows: the last batch is filled up with the last row, and what comes of that is left out. */
export async function evaluationOf(
  model: LayersFunction,
  judgement: Judgement,
  {x, y}: {readonly x: HostTensor; readonly y: HostTensor | undefined},
  batchSize: number,
  state: HostTensors | undefined,
  open: (definition: Definition) => Promise<Program>,
): Promise<Judged> {
  const count = x.shape[0] ?? 0;
  const batch = Math.min(batchSize, count);
  const steps = Math.ceil(count / batch);
  const own = {
    ...prefixed('weights', initialWeights(model, 0)),
    ...prefixed('statistics', initialStatistics(model)),
  };
  const program = await open({
    name: `evaluate-${model.name}-${batch}`,
    state: state ?? own,
    resident: y === undefined ? {x} : {x, y},
    scanned: {indices: {shape: [batch], dtype: 'int32'}},
    step: ({state, resident, scanned}) => {
      const indices = tensorNamed(scanned, 'indices');
      const input = inputOf(tensorNamed(resident, 'x'), indices);
      const mode = {phase: 'evaluation'} as const;
      const {y: outputs} = model.apply(pick(state, 'weights'), pick(state, 'statistics'), input, mode);
      if (y === undefined) return {state, metrics: {outputs}};
      const labels = rowsOf(tensorNamed(resident, 'y'), indices);
      const right = judgement.right?.(labels, outputs);
      return {state, metrics: {outputs, losses: judgement.loss(labels, outputs), ...(right && {right})}};
    },
  });
  try {
    const indices = Int32Array.from({length: steps * batch}, (_, i) => Math.min(i, count - 1));
    const metrics = await program.run({
      indices: {dtype: 'int32', shape: [steps, batch], data: indices},
    });
    const take = (name: string, size: number): Float32Array =>
      Float32Array.from(metrics[name]?.data.subarray(0, count * size) ?? []);
    return {
      outputs: take('outputs', sizeOf(model.outputShape)),
      losses: take('losses', 1),
      correct: take('right', 1).reduce((sum, right) => sum + right, 0),
    };
  } finally {
    await program.dispose();
  }
}
