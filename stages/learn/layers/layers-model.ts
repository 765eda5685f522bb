// A model of tf.layers as a pure function of its weights: what a compiled step needs. The layers' own code runs; their
// variables answer with the tensors of the step for as long as it does, and what they write becomes running statistics.

import * as tf from '@tensorflow/tfjs';
import {type HostTensor, rehearse, runEagerly} from '../../../src/engine/index.ts';
import type {
  DrawSpec,
  Mode,
  NamedTensors,
  ParameterKind,
  ParameterSpec,
  StatisticSpec,
} from '../models/model.ts';
import {tensorNamed} from '../models/model.ts';
import {drawsGiven, drawsNoted, isDrawing, withDraws} from './draws.ts';

type Layer = tf.layers.Layer;
type LayerVariable = Layer['weights'][number];

export interface LayersFunction {
  readonly name: string;
  readonly parameters: readonly ParameterSpec[];
  /** Running statistics and frozen weights. */
  readonly statistics: readonly StatisticSpec[];
  readonly draws: readonly DrawSpec[];
  /** What the model takes and gives, in its order. */
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly apply: (
    weights: NamedTensors,
    statistics: NamedTensors,
    inputs: readonly tf.Tensor[],
    mode: Mode,
  ) => Applied;
  /** Weights after an update, as the constraints of the layers want them; undefined where there are none. */
  readonly constrain: ((weights: NamedTensors) => NamedTensors) | undefined;
  /** Gives the values to the model's own variables. */
  readonly writeBack: (values: Readonly<Record<string, HostTensor>>) => void;
}

/** An input or output by its name in the model; `shape` is that of one sample. */
export interface Port {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface Applied {
  readonly outputs: readonly tf.Tensor[];
  readonly statistics: NamedTensors;
  /** What the regularizers of the layers add to the loss. */
  readonly penalty: tf.Scalar | undefined;
}

interface Held {
  readonly name: string;
  readonly variable: LayerVariable;
  readonly isTrained: boolean;
}

/** Layers inside of layers: nested models, and what wrappers wrap. */
function insideOf(layer: Layer): Layer[] {
  const inner = ['layer', 'forwardLayer', 'backwardLayer', 'cell'].map(key => Reflect.get(layer, key));
  const listed = ['layers', 'cells'].map((key): unknown => Reflect.get(layer, key)).filter(Array.isArray);
  const found = [...inner, ...listed.flat()].filter((x: unknown): x is Layer => x instanceof tf.layers.Layer);
  return [layer, ...found.flatMap(insideOf)];
}

const kinds: Readonly<Record<string, ParameterKind>> = {
  bias: 'bias',
  gamma: 'norm-scale',
  beta: 'norm-shift',
};
const lastWord = (name: string): string => name.split('/').at(-1)?.replace(/_\d+$/, '') ?? name;

/** The weights in the model's order, under names that do not depend on how many models were made before. */
function heldBy(model: tf.LayersModel): readonly Held[] {
  const trained = new Set(model.trainableWeights);
  const seen = new Set<LayerVariable>();
  return model.layers.flatMap((layer, i) =>
    layer.weights.flatMap((variable, j): Held[] => {
      if (seen.has(variable)) return [];
      seen.add(variable);
      const name = `layer${i}.${layer.getClassName()}.${j}.${lastWord(variable.originalName)}`;
      return [{name, variable, isTrained: trained.has(variable)}];
    }),
  );
}

/** Layers that keep something from batch to batch. */
function checkLayer(layer: Layer): void {
  if (Reflect.get(layer, 'stateful') === true && !(layer instanceof tf.LayersModel))
    throw new RangeError(
      `the layer ${layer.name} (${layer.getClassName()}) cannot be compiled: it is stateful: its state would be lost ` +
        'between steps',
    );
}

const lengthsOf = (shape: tf.Shape | tf.Shape[]): number[] =>
  shape.slice(1).map(length => (typeof length === 'number' ? length : Number.NaN));

const listOf = (x: tf.Tensor | tf.Tensor[]): readonly tf.Tensor[] => (Array.isArray(x) ? x : [x]);

const only = (x: tf.Tensor | tf.Tensor[]): tf.Tensor => {
  const [first] = listOf(x);
  if (first === undefined) throw new RangeError('expected a tensor');
  return first;
};

function portsOf(names: readonly string[], tensors: readonly tf.SymbolicTensor[]): readonly Port[] {
  return tensors.map(({shape}, i) => {
    const lengths = lengthsOf(shape);
    if (lengths.some(Number.isNaN))
      throw new RangeError(`expected inputs and outputs of known shapes, got ${JSON.stringify(shape)}`);
    return {name: names[i] ?? String(i), shape: lengths};
  });
}

/** @throws RangeError for layers that cannot be a function of their weights. */
export function functionOf(model: tf.LayersModel): LayersFunction {
  const layers = [...new Set(model.layers.flatMap(insideOf))];
  for (const layer of layers) checkLayer(layer);
  const held = heldBy(model);
  const drawing = layers.filter(isDrawing);
  const inputs = portsOf(model.inputNames, model.inputs);
  const draws = drawsOf(model, held, drawing, inputs);
  const dataOf = (variable: LayerVariable): Float32Array =>
    runEagerly(() => Float32Array.from(variable.read().dataSync()));
  const shapeOf = (variable: LayerVariable): number[] => variable.shape.map(Number);
  return {
    name: model.name,
    parameters: held
      .filter(({isTrained}) => isTrained)
      .map(({name, variable}) => ({
        name,
        shape: shapeOf(variable),
        kind: kinds[lastWord(variable.originalName)] ?? 'weight',
        initialisation: {law: 'given', data: dataOf(variable)},
      })),
    statistics: held
      .filter(({isTrained}) => !isTrained)
      .map(({name, variable}) => ({name, shape: shapeOf(variable), value: dataOf(variable)})),
    draws,
    inputs,
    outputs: portsOf(model.outputNames, model.outputs),
    apply: (weights, statistics, inputs, mode) => {
      const draw = mode.phase === 'training' ? drawsGiven(draws, mode.masks) : undefined;
      const values = {...weights, ...statistics};
      return withDraws(drawing, draw, () => apply(model, held, values, inputs, mode.phase === 'training'));
    },
    constrain: constraintsOf(held),
    writeBack: values =>
      runEagerly(() => {
        for (const {name, variable} of held) {
          const value = values[name];
          if (value !== undefined) variable.write(tf.tensor(value.data, [...value.shape], 'float32'));
        }
      }),
  };
}

/** What a training pass draws, in its order: found by tracing one, which computes nothing. */
function drawsOf(
  model: tf.LayersModel,
  held: readonly Held[],
  drawing: readonly Layer[],
  inputs: readonly Port[],
): readonly DrawSpec[] {
  if (drawing.length === 0) return [];
  const specs: DrawSpec[] = [];
  const batch = 2;
  const named = [
    ...held.map(({name, variable}) => [name, variable.shape.map(Number)] as const),
    ...inputs.map(({shape}, i) => [`x${i}`, [batch, ...shape]] as const),
  ];
  rehearse({
    name: model.name,
    state: {},
    scanned: Object.fromEntries(named.map(([name, shape]) => [name, {dtype: 'float32', shape}])),
    step: ({scanned}) => {
      const draw = drawsNoted(batch, spec => specs.push(spec));
      const x = inputs.map((_, i) => tensorNamed(scanned, `x${i}`));
      withDraws(drawing, draw, () => apply(model, held, scanned, x, true));
      return {state: {}, metrics: {}};
    },
  });
  return specs;
}

interface Constraint {
  apply(weight: tf.Tensor): tf.Tensor;
}

const isConstraint = (value: unknown): value is Constraint =>
  typeof value === 'object' && value !== null && typeof Reflect.get(value, 'apply') === 'function';

function constraintsOf(held: readonly Held[]): LayersFunction['constrain'] {
  const found = held.flatMap(({name, variable, isTrained}) => {
    const constraint: unknown = Reflect.get(variable, 'constraint');
    return isTrained && isConstraint(constraint) ? [{name, constraint}] : [];
  });
  if (found.length === 0) return undefined;
  return weights => ({
    ...weights,
    ...Object.fromEntries(
      found.map(({name, constraint}) => [name, constraint.apply(tensorNamed(weights, name))]),
    ),
  });
}

/** Runs the model with the values of a step: `values` are weights and statistics, by name. */
function apply(
  model: tf.LayersModel,
  held: readonly Held[],
  values: NamedTensors,
  given: readonly tf.Tensor[],
  isTraining: boolean,
): Applied {
  const written = new Map<string, tf.Tensor>();
  const kept: tf.Tensor[] = [];
  try {
    for (const {name, variable} of held)
      Object.assign(variable, {
        // A layer that is used twice goes on from what its first use wrote.
        read: () => written.get(name) ?? tensorNamed(values, name),
        // Written inside of a scope that ends: kept until this pass does.
        write: (next: tf.Tensor) => {
          const after = tf.keep(tf.clone(next));
          kept.push(after);
          written.set(name, after);
          return variable;
        },
      });
    const x = given.length === 1 ? only([...given]) : [...given];
    const outputs = listOf(model.apply(x, {training: isTraining}) as tf.Tensor | tf.Tensor[]);
    const losses = isTraining ? model.calculateLosses().map(loss => tf.mean(loss)) : [];
    const next = held
      .filter(({isTrained}) => !isTrained)
      .map(({name}) => {
        const after = written.get(name);
        return [name, after === undefined ? tensorNamed(values, name) : tf.clone(after)] as const;
      });
    return {
      outputs,
      statistics: Object.fromEntries(next),
      penalty: losses.length > 0 ? (tf.addN(losses) as tf.Scalar) : undefined,
    };
  } finally {
    for (const tensor of kept) tensor.dispose();
    // What was assigned stands in front of the classes' own.
    for (const {variable} of held) for (const key of ['read', 'write']) Reflect.deleteProperty(variable, key);
  }
}
