// The programs of a compiled tf.layers model: one training step, and evaluation of all samples.

import * as tf from '@tensorflow/tfjs';
import type {Definition, HostTensor, HostTensors, Program, SliceSpec} from '../../../src/engine/index.ts';
import type {RulePhase} from '../gradients/rule.ts';
import {initialStatistics, initialWeights, type NamedTensors, sizeOf, tensorNamed} from '../models/model.ts';
import {mapNamed} from '../named-tensors.ts';
import {type Batch, differentiate, type Objective} from '../objective.ts';
import {
  initialState,
  maskSlicesOf,
  pick,
  prefixed,
  type Recipe,
  ruleStep,
  scannedNumbersOf,
} from '../training-program.ts';
import type {LayersFunction} from './layers-model.ts';
import type {Judgement} from './losses.ts';

/** Rows of the inputs and labels of a model, in the order of its inputs and outputs. */
export interface Rows {
  readonly x: readonly HostTensor[];
  readonly y: readonly HostTensor[];
}

/** What judges a model: one judgement for each output, and how much each loss counts. */
export interface Judge {
  readonly judgements: readonly Judgement[];
  readonly weights: readonly number[];
}

const place = (kind: 'x' | 'y', index: number): string => (index === 0 ? kind : `${kind}/${index}`);

const residentOf = ({x, y}: Rows): HostTensors =>
  Object.fromEntries([
    ...x.map((tensor, i) => [place('x', i), tensor] as const),
    ...y.map((tensor, i) => [place('y', i), tensor] as const),
  ]);

/** The rows of one batch, by the names of the resident tensors. */
function batchOf(resident: NamedTensors, indices: tf.Tensor): NamedTensors {
  return mapNamed(resident, (data, name) => {
    const rows = tf.gather(data, indices as tf.Tensor1D);
    return name.startsWith('x') ? tf.cast(rows, 'float32') : rows;
  });
}

const listed = (tensors: NamedTensors, kind: 'x' | 'y', count: number): readonly tf.Tensor[] =>
  Array.from({length: count}, (_, i) => tensorNamed(tensors, place(kind, i)));

/** The weighted sum of the outputs' losses, [batch]; what is right, where a single output has answers. */
function judged(
  {judgements, weights}: Judge,
  labels: readonly tf.Tensor[],
  outputs: readonly tf.Tensor[],
): {readonly losses: tf.Tensor; readonly right: tf.Tensor | undefined} {
  const losses = judgements.map(({loss}, i) => {
    const [label, output] = [labels[i], outputs[i]];
    if (label === undefined || output === undefined) throw new RangeError(`no output ${i}`);
    const own = loss(label, output);
    return weights[i] === 1 ? own : tf.mul(own, weights[i] ?? 1);
  });
  const [only] = judgements;
  const [label, output] = [labels[0], outputs[0]];
  const right =
    judgements.length === 1 && label !== undefined && output !== undefined
      ? only?.right?.(label, output)
      : undefined;
  return {losses: losses.reduce((sum, loss) => tf.add(sum, loss)), right};
}

/** Loss and gradients, as a gradient rule asks for them. */
function objectiveOf(model: LayersFunction, judge: Judge, statistics: NamedTensors): Objective {
  const forward = (weights: NamedTensors, {images, labels, masks, more}: Batch) => {
    const inputs = listed({...more, x: images}, 'x', model.inputs.length);
    const all = listed({...more, y: labels}, 'y', model.outputs.length);
    const mode = {phase: 'training', masks} as const;
    const {outputs, statistics: next, penalty} = model.apply(weights, statistics, inputs, mode);
    return {next, penalty, ...judged(judge, all, outputs)};
  };
  return {
    measure: (weights, batch) => forward(weights, batch).losses as tf.Tensor1D,
    differentiate: (weights, batch) => {
      const {value, aside, gradients} = differentiate(weights, at => {
        const {next, penalty, losses, right} = forward(at, batch);
        const mean = tf.mean(losses);
        return {
          value: (penalty === undefined ? mean : tf.add(mean, penalty)) as tf.Scalar,
          aside: {...next, losses, correct: right === undefined ? tf.scalar(Number.NaN) : tf.sum(right)},
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
  judge: Judge,
  rows: Rows,
  phase: RulePhase,
  batch: number,
): Definition {
  const scanned: Record<string, SliceSpec> = {indices: {shape: [batch], dtype: 'int32'}};
  for (const [name, {shape}] of Object.entries(scannedNumbersOf(recipe, phase)))
    scanned[name] = {shape, dtype: 'float32'};
  Object.assign(scanned, maskSlicesOf(recipe, batch));
  return {
    name: `train-${model.name}-${phase.name}-${batch}`,
    state: initialState(recipe),
    resident: residentOf(rows),
    scanned,
    step: ({state, resident, scanned}) => {
      const {x, y, ...more} = batchOf(resident, tensorNamed(scanned, 'indices'));
      const next = ruleStep(recipe, phase, state, scanned, {
        objective: objectiveOf(model, judge, pick(state, 'statistics')),
        images: x as tf.Tensor4D,
        labels: y as tf.Tensor1D,
        more,
      });
      if (model.constrain === undefined) return next;
      const constrained = model.constrain(pick(next.state, 'weights'));
      return {...next, state: {...next.state, ...prefixed('weights', constrained)}};
    },
  };
}

export interface Judged {
  /** For each output [rows, …output], flat. */
  readonly outputs: readonly Float32Array[];
  /** One per row; empty where there are no labels. */
  readonly losses: Float32Array;
  readonly correct: number;
}

/** Runs all rows: the last batch is filled up with the last row, and what comes of that is left out. */
export async function evaluationOf(
  model: LayersFunction,
  judge: Judge,
  rows: Rows,
  batchSize: number,
  state: HostTensors | undefined,
  open: (definition: Definition) => Promise<Program>,
): Promise<Judged> {
  const count = rows.x[0]?.shape[0] ?? 0;
  const batch = Math.min(batchSize, count);
  const steps = Math.ceil(count / batch);
  const own = {
    ...prefixed('weights', initialWeights(model, 0)),
    ...prefixed('statistics', initialStatistics(model)),
  };
  const program = await open({
    name: `evaluate-${model.name}-${batch}`,
    state: state ?? own,
    resident: residentOf(rows),
    scanned: {indices: {shape: [batch], dtype: 'int32'}},
    step: ({state, resident, scanned}) => {
      const data = batchOf(resident, tensorNamed(scanned, 'indices'));
      const inputs = listed(data, 'x', model.inputs.length);
      const mode = {phase: 'evaluation'} as const;
      const {outputs} = model.apply(pick(state, 'weights'), pick(state, 'statistics'), inputs, mode);
      const given = Object.fromEntries(outputs.map((output, i) => [`output${i}`, output]));
      if (rows.y.length === 0) return {state, metrics: given};
      const {losses, right} = judged(judge, listed(data, 'y', model.outputs.length), outputs);
      return {state, metrics: {...given, losses, ...(right && {right})}};
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
      outputs: model.outputs.map(({shape}, i) => take(`output${i}`, sizeOf(shape))),
      losses: take('losses', 1),
      correct: take('right', 1).reduce((sum, right) => sum + right, 0),
    };
  } finally {
    await program.dispose();
  }
}
