// One training step as a program for the engine: gather and augment a batch, take the rule's gradient, clip, update.
// A training has several programs (a rule's phases, a shorter last batch); all have the same state.

import * as tf from '@tensorflow/tfjs-core';
import type {Definition, HostTensor, HostTensors, SliceSpec, StepOutputs} from '../../src/engine/program.ts';
import {type AugmentationPolicy, drawLength, isNoAugmentation} from './augmentation.ts';
import {gatherBatch, residentShape} from './augmentation-graph.ts';
import type {Dataset} from './dataset-file.ts';
import type {GradientRule, RulePhase, Slots} from './gradients/rule.ts';
import {drawSlice} from './models/dropout.ts';
import {
  initialStatistics,
  initialWeights,
  type Model,
  type NamedTensors,
  sizeOf,
  tensorNamed,
} from './models/model.ts';
import {type Batch, type Objective, type ObjectiveOptions, objectiveOf} from './objective.ts';
import {clipByNorm} from './optimizers/clip.ts';
import type {Optimizer} from './optimizers/optimizer.ts';
import type {ScannedNumbers} from './scanned.ts';

/** How weights change from step to step, whatever the data are. */
export interface Recipe {
  readonly model: Pick<Model, 'name' | 'parameters' | 'statistics' | 'draws'>;
  readonly rule: GradientRule;
  readonly optimizer: Optimizer;
  /** Largest norm of the gradient that the optimizer gets; undefined for no clipping. */
  readonly clip: number | undefined;
  /** Whether a second pass has the dropout masks of the first (google-research/sam) or its own (davda54/sam). */
  readonly freshMasks: boolean;
  readonly learningRate: (step: number) => number;
  readonly seed: number;
}

/** Everything that determines a training on images, beside the order of its batches. */
export interface Training extends Recipe {
  readonly model: Model;
  readonly dataset: Dataset;
  readonly policy: AugmentationPolicy;
  readonly objective: ObjectiveOptions;
}

/** Names of the state: `weights/…`, `statistics/…`, `rule/SLOT/…`, `optimizer/SLOT/…`. */
export function initialState({model, rule, optimizer, seed}: Recipe): HostTensors {
  const weights = initialWeights(model, seed);
  const zeros = (owner: string, slots: readonly string[]): HostTensors =>
    Object.fromEntries(
      slots.flatMap(slot =>
        model.parameters.map(({name, shape}): [string, HostTensor] => [
          `${owner}/${slot}/${name}`,
          {dtype: 'float32', shape, data: new Float32Array(sizeOf(shape))},
        ]),
      ),
    );
  return {
    ...prefixed('weights', weights),
    ...prefixed('statistics', initialStatistics(model)),
    ...zeros('rule', rule.slots),
    ...zeros('optimizer', optimizer.slots),
  };
}

/** What one phase's steps read per step, beside `indices`: float32 numbers by name. */
export const scannedNumbersOf = (
  {optimizer, learningRate}: Recipe,
  phase: RulePhase,
): Readonly<Record<string, ScannedNumbers>> => ({
  rate: {shape: [], at: step => [learningRate(step)]},
  ...prefixed('rule', phase.scanned),
  ...prefixed('optimizer', optimizer.scanned),
});

/** The dropout masks and noise of a step, [batch, …] each. */
export const maskNamesOf = ({
  model,
  freshMasks,
}: Recipe): readonly {name: string; place: number; pass: number}[] =>
  model.draws.flatMap((spec, place) => [
    {name: `mask/${spec.name}`, place, pass: 0},
    ...(freshMasks ? [{name: `again/${spec.name}`, place, pass: 1}] : []),
  ]);

/** How they are scanned. */
export const maskSlicesOf = (recipe: Recipe, batch: number): Readonly<Record<string, SliceSpec>> =>
  Object.fromEntries(
    maskNamesOf(recipe).flatMap(({name, place}) => {
      const spec = recipe.model.draws[place];
      return spec === undefined ? [] : [[name, drawSlice(spec, batch)]];
    }),
  );

/**
 * The program of one phase and batch size. Metrics per step: `loss`, the mean loss of the batch in the first pass,
 * without weight decay; `correct`, how many of the batch were right in that pass.
 */
export function trainingDefinition(training: Training, phase: RulePhase, batch: number): Definition {
  const {model, dataset, policy, objective} = training;
  const numbers = scannedNumbersOf(training, phase);
  const scanned: Record<string, SliceSpec> = {indices: {shape: [batch], dtype: 'int32'}};
  if (!isNoAugmentation(policy)) scanned.draws = {shape: [batch, drawLength], dtype: 'int32'};
  for (const [name, {shape}] of Object.entries(numbers)) scanned[name] = {shape, dtype: 'float32'};
  Object.assign(scanned, maskSlicesOf(training, batch));
  return {
    name: `train-${model.name}-${phase.name}-${batch}`,
    state: initialState(training),
    resident: {
      images: {
        dtype: 'uint8',
        shape: residentShape(policy, dataset.train.count, dataset),
        data: dataset.train.images,
      },
      labels: {dtype: 'int32', shape: [dataset.train.count], data: dataset.train.labels},
    },
    scanned,
    step: ({state, resident, scanned}) => {
      const indices = tensorNamed(scanned, 'indices') as tf.Tensor1D;
      const images = gatherBatch(
        policy,
        dataset,
        dataset.normalisation,
        tensorNamed(resident, 'images'),
        indices,
        scanned.draws as tf.Tensor2D | undefined,
      );
      const labels = tf.gather(tensorNamed(resident, 'labels'), indices) as tf.Tensor1D;
      return ruleStep(training, phase, state, scanned, {
        objective: objectiveOf(model, pick(state, 'statistics'), objective),
        images,
        labels,
        more: {},
      });
    },
  };
}

/** What a step is of, beside its state. */
interface StepData extends Omit<Batch, 'masks'> {
  readonly objective: Objective;
}

/** The rule's gradient at the state's weights, clipped, handed to the optimizer: the next state and the metrics. */
export function ruleStep(
  {rule, optimizer, clip, freshMasks}: Recipe,
  phase: RulePhase,
  state: NamedTensors,
  scanned: NamedTensors,
  {objective, ...data}: StepData,
): StepOutputs {
  const weights = pick(state, 'weights');
  const first = {...data, masks: pick(scanned, 'mask')};
  const result = phase.apply({
    objective,
    weights,
    batch: first,
    again: freshMasks ? {...first, masks: pick(scanned, 'again')} : first,
    slots: slotsOf(state, 'rule', rule.slots),
    scanned: pick(scanned, 'rule'),
  });
  const gradients = clip === undefined ? result.gradients : clipByNorm(result.gradients, clip);
  const next = optimizer.update({
    weights,
    gradients,
    slots: slotsOf(state, 'optimizer', optimizer.slots),
    rate: tensorNamed(scanned, 'rate'),
    scanned: pick(scanned, 'optimizer'),
  });
  return {
    state: {
      ...prefixed('weights', next.weights),
      ...prefixed('statistics', result.pass.statistics),
      ...flattened('rule', result.slots),
      ...flattened('optimizer', next.slots),
    },
    metrics: {loss: result.pass.loss, correct: result.pass.correct},
  };
}

/** The entries of `tensors` under `prefix/`, by the rest of their names. */
export const pick = <T>(tensors: Readonly<Record<string, T>>, prefix: string): Readonly<Record<string, T>> =>
  Object.fromEntries(
    Object.entries(tensors).flatMap(([name, tensor]) =>
      name.startsWith(`${prefix}/`) ? [[name.slice(prefix.length + 1), tensor]] : [],
    ),
  );

/** The same entries with `prefix/` before their names. */
export const prefixed = <T>(
  prefix: string,
  tensors: Readonly<Record<string, T>>,
): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [`${prefix}/${name}`, tensor]));

const slotsOf = (state: NamedTensors, owner: string, slots: readonly string[]): Slots =>
  Object.fromEntries(slots.map(slot => [slot, pick(state, `${owner}/${slot}`)]));

const flattened = (owner: string, slots: Slots): NamedTensors =>
  Object.assign({}, ...Object.entries(slots).map(([slot, tensors]) => prefixed(`${owner}/${slot}`, tensors)));
