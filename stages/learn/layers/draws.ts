// The places where layers of a model draw random numbers in training: dropout, noise, dropout inside of recurrent cells.
// For the length of a pass they take what is drawn outside instead, in the order in which the pass asks.

import * as tf from '@tensorflow/tfjs';
import type {DrawSpec, NamedTensors} from '../models/model.ts';

type Layer = tf.layers.Layer;

/** What a layer wants drawn, [batch, …shape]. */
export type Wanted =
  | {readonly law: 'dropout'; readonly shape: readonly number[]; readonly rate: number}
  | {readonly law: 'normal'; readonly shape: readonly number[]};

/** Gives the draws for one place, [batch, …shape]. */
type Draw = (wanted: Wanted) => tf.Tensor;

/** Takes the draws of a step one after the other. */
export function drawsGiven(specs: readonly DrawSpec[], masks: NamedTensors): Draw {
  let places = 0;
  return ({shape}) => {
    const spec = specs[places++];
    const given = spec && masks[spec.name];
    if (given === undefined || given.shape.slice(1).join() !== shape.join())
      throw new RangeError(
        `place ${places} of ${specs.length} wants draws of [${shape}], unlike when it was rehearsed`,
      );
    return tf.cast(given, 'float32');
  };
}

/** Notes what a pass wants drawn, and gives zeros. */
export function drawsNoted(batch: number, note: (spec: DrawSpec) => void): Draw {
  let places = 0;
  return wanted => {
    note({...wanted, name: `dropout${places++}`});
    return tf.zeros([batch, ...wanted.shape]);
  };
}

const numberOf = (layer: Layer, key: string): number => Number(Reflect.get(layer, key) ?? 0);

const first = (x: tf.Tensor | tf.Tensor[]): tf.Tensor => {
  const tensor = Array.isArray(x) ? x[0] : x;
  if (tensor === undefined) throw new RangeError('expected a tensor');
  return tensor;
};

/** Draws are of one sample each: a shape that all samples of a batch share is none. */
function sampleShape(layer: Layer, input: tf.Tensor, given: readonly (number | null)[] | null | undefined) {
  const shape = input.shape.map((length, axis) => given?.[axis] ?? length);
  if (shape[0] !== input.shape[0])
    throw new RangeError(
      `the layer ${layer.name} (${layer.getClassName()}) cannot be compiled: its noiseShape has one draw for a whole ` +
        'batch; begin it with null',
    );
  return shape.slice(1);
}

/** What `call` of a layer that draws becomes in training; undefined for layers that do not. */
function noisy(layer: Layer): ((input: tf.Tensor, draw: Draw) => tf.Tensor) | undefined {
  const rate = numberOf(layer, 'rate');
  const drops = rate > 0 && rate < 1;
  const noiseShape: (number | null)[] | null | undefined = Reflect.get(layer, 'noiseShape');
  switch (layer.getClassName()) {
    case 'Dropout':
    case 'SpatialDropout1D':
      return (input, draw) => {
        if (!drops) return input;
        const isSpatial = layer.getClassName() === 'SpatialDropout1D';
        const shape = sampleShape(layer, input, isSpatial ? [null, 1, null] : noiseShape);
        return tf.mul(input, tf.mul(draw({law: 'dropout', shape, rate}), 1 / (1 - rate)));
      };
    case 'GaussianNoise':
      return (input, draw) => {
        const noise = draw({law: 'normal', shape: input.shape.slice(1)});
        return tf.add(input, tf.mul(noise, numberOf(layer, 'stddev')));
      };
    case 'GaussianDropout':
      return (input, draw) => {
        if (!drops) return input;
        const noise = draw({law: 'normal', shape: input.shape.slice(1)});
        return tf.mul(input, tf.add(tf.mul(noise, Math.sqrt(rate / (1 - rate))), 1));
      };
    case 'AlphaDropout':
      // Klambauer et al. 2017: what is dropped is SELU's limit, and mean and variance stay.
      return (input, draw) => {
        if (!drops) return input;
        const limit = -1.6732632423543772 * 1.0507009873554805;
        const scale = ((1 - rate) * (1 + rate * limit ** 2)) ** -0.5;
        const shape = sampleShape(layer, input, noiseShape);
        const kept = draw({law: 'dropout', shape, rate});
        const x = tf.add(tf.mul(input, kept), tf.mul(tf.sub(1, kept), limit));
        return tf.add(tf.mul(x, scale), -scale * limit * rate);
      };
    default:
      return undefined;
  }
}

const cells = ['SimpleRNNCell', 'GRUCell', 'LSTMCell', 'ConvLSTM2DCell'];
const isDroppingCell = (layer: Layer): boolean =>
  cells.includes(layer.getClassName()) &&
  ['dropout', 'recurrentDropout'].some(key => numberOf(layer, key) > 0);

export const isDrawing = (layer: Layer): boolean => noisy(layer) !== undefined || isDroppingCell(layer);

/** A cell keeps its masks from step to step of a sequence; another sequence has others. */
function forget(cell: Layer): void {
  for (const key of ['dropoutMask', 'recurrentDropoutMask']) {
    const masks: tf.Tensor | tf.Tensor[] | null = Reflect.get(cell, key);
    if (masks !== null) tf.dispose(masks);
    Reflect.set(cell, key, null);
  }
}

/** Lets the layers take their draws from `draw` for as long as `body` runs; undefined for none, as in evaluation. */
export function withDraws<T>(layers: readonly Layer[], draw: Draw | undefined, body: () => T): T {
  const droppingCells = layers.filter(isDroppingCell);
  const noisyLayers = layers.filter(layer => noisy(layer) !== undefined);
  for (const layer of noisyLayers) {
    const apply = noisy(layer);
    const call = (inputs: tf.Tensor | tf.Tensor[]): tf.Tensor =>
      draw === undefined || apply === undefined ? first(inputs) : apply(first(inputs), draw);
    Object.assign(layer, {call});
  }
  for (const cell of droppingCells) {
    forget(cell);
    const dropoutFunc = (ones: tf.Tensor, rate: number): tf.Tensor =>
      draw === undefined
        ? ones
        : tf.mul(draw({law: 'dropout', shape: ones.shape.slice(1), rate}), 1 / (1 - rate));
    Object.assign(cell, {dropoutFunc});
  }
  try {
    return body();
  } finally {
    // What was assigned stands in front of the class's own `call`.
    for (const layer of noisyLayers) Reflect.deleteProperty(layer, 'call');
    for (const cell of droppingCells) {
      forget(cell);
      Reflect.set(cell, 'dropoutFunc', undefined);
    }
  }
}
