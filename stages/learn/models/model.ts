// What a model is: data (its parameters and running statistics) and one pure function over named tensors.
// Weights in, logits out; nothing is kept between calls, and nothing here draws random numbers.

import type {Scalar, Tensor, Tensor2D, Tensor4D} from '@tensorflow/tfjs-core';
import type {HostTensor, HostTensors} from '../../../src/engine/program.ts';
import {stream} from '../random.ts';

export type NamedTensors = Readonly<Record<string, Tensor>>;

/** Which role a parameter plays. Optimizers ask: decay and perturbation differ by role in the literature. */
export type ParameterKind = 'weight' | 'bias' | 'norm-scale' | 'norm-shift';

export type Initialisation =
  | {readonly law: 'constant'; readonly value: number}
  | {readonly law: 'normal'; readonly deviation: number}
  /** Uniform in [-limit, limit). */
  | {readonly law: 'uniform'; readonly limit: number}
  /** As they are, whatever the seed. */
  | {readonly law: 'given'; readonly data: Float32Array};

export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly kind: ParameterKind;
  readonly initialisation: Initialisation;
}

/** A running statistic: part of the state, changed by training passes, never by gradients. */
export interface StatisticSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** Everywhere, or one by one. */
  readonly value: number | Float32Array;
}

/** A place where units are dropped in training. `shape` is that of one sample. */
export interface DropoutSpec {
  readonly law: 'dropout';
  readonly name: string;
  readonly shape: readonly number[];
  /** Probability of dropping, in [0, 1). */
  readonly rate: number;
}

/** A place where training wants numbers from N(0, 1). `shape` is that of one sample. */
export interface NoiseSpec {
  readonly law: 'normal';
  readonly name: string;
  readonly shape: readonly number[];
}

/** What a model wants drawn for each training pass. */
export type DrawSpec = DropoutSpec | NoiseSpec;

export type Mode =
  /** Batch statistics; `masks` has one tensor [batch, ...shape] per place of `draws`: 0 (drop) and 1, or normal numbers. */
  {readonly phase: 'training'; readonly masks: NamedTensors} | {readonly phase: 'evaluation'};

export interface Forward {
  /** [batch, classes] */
  readonly logits: Tensor2D;
  /** The running statistics after this pass: those given, in evaluation. */
  readonly statistics: NamedTensors;
  /** What regularizers add to the loss. */
  readonly penalty?: Scalar | undefined;
}

export interface Model {
  readonly name: string;
  readonly parameters: readonly ParameterSpec[];
  readonly statistics: readonly StatisticSpec[];
  readonly draws: readonly DrawSpec[];
  /** Multiplications of one sample's forward pass, in matrix products and convolutions. */
  readonly multiplications: number;
  /** @param images [batch, height, width, channels], normalised. */
  readonly forward: (
    weights: NamedTensors,
    statistics: NamedTensors,
    images: Tensor4D,
    mode: Mode,
  ) => Forward;
}

/** What a model is built for. */
export interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly classes: number;
}

export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, length) => product * length, 1);

/** The number of trained numbers. Running statistics do not count. */
export const countParameters = ({parameters}: Model): number =>
  parameters.reduce((sum, {shape}) => sum + sizeOf(shape), 0);

/** The tensor called so; a missing one is a bug in the model, and says its name. */
export function tensorNamed(tensors: NamedTensors, name: string): Tensor {
  const tensor = tensors[name];
  if (tensor === undefined) {
    throw new Error(`expected a tensor called ${name}, got ${Object.keys(tensors).join(', ') || 'none'}`);
  }
  return tensor;
}

/** Initial weights. Each parameter has a stream of its own, named by its place in the model's list. */
export function initialWeights({parameters}: Pick<Model, 'parameters'>, seed: number): HostTensors {
  return Object.fromEntries(
    parameters.map(({name, shape, initialisation}, index): [string, HostTensor] => {
      const draws = stream(seed, 'init', index);
      const data = new Float32Array(sizeOf(shape));
      switch (initialisation.law) {
        case 'constant':
          data.fill(initialisation.value);
          break;
        case 'normal':
          for (let i = 0; i < data.length; i++) data[i] = initialisation.deviation * draws.normal();
          break;
        case 'given':
          data.set(initialisation.data);
          break;
        case 'uniform':
          for (let i = 0; i < data.length; i++) data[i] = initialisation.limit * (2 * draws.uniform() - 1);
          break;
      }
      return [name, {dtype: 'float32', shape, data}];
    }),
  );
}

export const initialStatistics = ({statistics}: Pick<Model, 'statistics'>): HostTensors =>
  Object.fromEntries(
    statistics.map(({name, shape, value}): [string, HostTensor] => [
      name,
      {
        dtype: 'float32',
        shape,
        data: typeof value === 'number' ? new Float32Array(sizeOf(shape)).fill(value) : value.slice(),
      },
    ]),
  );
