// A model of tf.layers as a pure function of its weights: what a compiled step needs. The layers' own code runs; their
// variables answer with the tensors of the step for as long as it does, and what they write becomes running statistics.

import * as tf from '@tensorflow/tfjs';
import {type HostTensor, runEagerly} from '../../../src/engine/index.ts';
import type {
  DropoutSpec,
  Mode,
  NamedTensors,
  ParameterKind,
  ParameterSpec,
  StatisticSpec,
} from '../models/model.ts';
import {tensorNamed} from '../models/model.ts';

type Layer = tf.layers.Layer;
type LayerVariable = Layer['weights'][number];

export interface LayersFunction {
  readonly name: string;
  readonly parameters: readonly ParameterSpec[];
  /** Running statistics and frozen weights. */
  readonly statistics: readonly StatisticSpec[];
  readonly dropout: readonly DropoutSpec[];
  /** What the model takes and gives, without the batch. */
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  /** `penalty`: what the regularizers of the layers add to the loss. */
  readonly apply: (weights: NamedTensors, statistics: NamedTensors, x: tf.Tensor, mode: Mode) => Applied;
  /** Gives the values to the model's own variables. */
  readonly writeBack: (values: Readonly<Record<string, HostTensor>>) => void;
}

export interface Applied {
  readonly y: tf.Tensor;
  readonly statistics: NamedTensors;
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
  const listed: unknown = Reflect.get(layer, 'layers');
  const found = [...inner, ...(Array.isArray(listed) ? listed : [])].filter(
    (x: unknown): x is Layer => x instanceof tf.layers.Layer,
  );
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

/** Layers that draw random numbers themselves, or keep something from batch to batch. */
function checkLayer(layer: Layer): void {
  const kind = layer.getClassName();
  const refuse = (why: string): never => {
    throw new RangeError(`the layer ${layer.name} (${kind}) cannot be compiled: ${why}`);
  };
  if (['GaussianNoise', 'GaussianDropout', 'AlphaDropout'].includes(kind))
    refuse('it draws random numbers that nobody gives it; use Dropout');
  for (const key of ['dropout', 'recurrentDropout'])
    if (Number(Reflect.get(layer, key) ?? 0) > 0) refuse(`${key} inside of a recurrent layer; use Dropout`);
  if (Reflect.get(layer, 'stateful') === true && !(layer instanceof tf.LayersModel))
    refuse('it is stateful: its state would be lost between steps');
}

interface DropoutLayer {
  readonly layer: Layer;
  readonly spec: DropoutSpec;
}

/** The places where units are dropped: masks come from outside, one for each sample. */
function dropoutsOf(layers: readonly Layer[]): readonly DropoutLayer[] {
  return layers
    .filter(layer => ['Dropout', 'SpatialDropout1D'].includes(layer.getClassName()))
    .map((layer, i): DropoutLayer => {
      const {input} = layer;
      if (Array.isArray(input)) throw new RangeError(`the layer ${layer.name} is used on several inputs`);
      const shape = input.shape.slice(1).map(length => length ?? Number.NaN);
      const isSpatial = layer.getClassName() === 'SpatialDropout1D';
      return {
        layer,
        spec: {
          name: `dropout${i}`,
          shape: isSpatial ? [1, shape[1] ?? 1] : shape,
          rate: Number(Reflect.get(layer, 'rate')),
        },
      };
    });
}

const only = (x: tf.Tensor | tf.Tensor[]): tf.Tensor => {
  const [first] = Array.isArray(x) ? x : [x];
  if (first === undefined) throw new RangeError('expected a tensor');
  return first;
};

const withoutBatch = (what: string, shape: tf.Shape | tf.Shape[]): number[] => {
  const [, ...rest] = shape;
  const lengths = rest.map(length => (typeof length === 'number' ? length : Number.NaN));
  if (Array.isArray(shape[0]) || lengths.some(Number.isNaN))
    throw new RangeError(`expected a model with one ${what} of known shape, got ${JSON.stringify(shape)}`);
  return lengths;
};

/** @throws RangeError for layers that cannot be a function of their weights. */
export function functionOf(model: tf.LayersModel): LayersFunction {
  if (model.inputs.length !== 1 || model.outputs.length !== 1)
    throw new RangeError(
      `expected a model with one input and one output, got ${model.inputs.length} and ${model.outputs.length}`,
    );
  const layers = [...new Set(model.layers.flatMap(insideOf))];
  for (const layer of layers) checkLayer(layer);
  const held = heldBy(model);
  const constrained = held.find(({variable}) => (Reflect.get(variable, 'constraint') ?? null) !== null);
  if (constrained !== undefined)
    throw new RangeError(`${constrained.name} has a constraint, which has no place in a step`);
  const drops = dropoutsOf(layers);
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
    dropout: drops.map(({spec}) => spec),
    inputShape: withoutBatch('input', model.inputs[0]?.shape ?? []),
    outputShape: withoutBatch('output', model.outputs[0]?.shape ?? []),
    apply: (weights, statistics, x, mode) => apply(model, held, drops, weights, statistics, x, mode),
    writeBack: values =>
      runEagerly(() => {
        for (const {name, variable} of held) {
          const value = values[name];
          if (value !== undefined) variable.write(tf.tensor(value.data, [...value.shape], 'float32'));
        }
      }),
  };
}

function apply(
  model: tf.LayersModel,
  held: readonly Held[],
  drops: readonly DropoutLayer[],
  weights: NamedTensors,
  statistics: NamedTensors,
  x: tf.Tensor,
  mode: Mode,
): Applied {
  const written = new Map<string, tf.Tensor>();
  const isTraining = mode.phase === 'training';
  try {
    for (const {name, variable, isTrained} of held) {
      const value = tensorNamed(isTrained ? weights : statistics, name);
      Object.assign(variable, {
        read: () => value,
        // Written inside of a scope that ends: kept until this pass does.
        write: (next: tf.Tensor) => {
          written.set(name, tf.keep(tf.clone(next)));
          return variable;
        },
      });
    }
    for (const {layer, spec} of drops)
      Object.assign(layer, {
        call: (inputs: tf.Tensor | tf.Tensor[]) => {
          const input = only(inputs);
          if (!isTraining || spec.rate === 0) return input;
          const mask = tf.cast(tensorNamed(mode.masks, spec.name), 'float32');
          return tf.mul(input, tf.mul(mask, 1 / (1 - spec.rate)));
        },
      });
    const y = only(model.apply(x, {training: isTraining}) as tf.Tensor | tf.Tensor[]);
    const losses = isTraining ? model.calculateLosses().map(loss => tf.mean(loss)) : [];
    const next = Object.entries(statistics).map(([name, before]) => {
      const after = written.get(name);
      return [name, after === undefined ? before : tf.clone(after)] as const;
    });
    return {
      y,
      statistics: Object.fromEntries(next),
      penalty: losses.length > 0 ? (tf.addN(losses) as tf.Scalar) : undefined,
    };
  } finally {
    for (const tensor of written.values()) tensor.dispose();
    // What was assigned stands in front of the classes' own.
    for (const {variable} of held) for (const key of ['read', 'write']) Reflect.deleteProperty(variable, key);
    for (const {layer} of drops) Reflect.deleteProperty(layer, 'call');
  }
}
