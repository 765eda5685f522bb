// Arithmetic over named tensors as if they were one long vector. All functions keep the order of names.

import * as tf from '@tensorflow/tfjs-core';
import {type NamedTensors, tensorNamed} from './models/model.ts';

/** Applies `f` to each tensor. */
export const mapNamed = (
  tensors: NamedTensors,
  f: (tensor: tf.Tensor, name: string) => tf.Tensor,
): NamedTensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, f(tensor, name)]));

/** Applies `f` to the tensors of the same name. @throws when `b` lacks a name of `a`. */
export const zipNamed = (
  a: NamedTensors,
  b: NamedTensors,
  f: (a: tf.Tensor, b: tf.Tensor, name: string) => tf.Tensor,
): NamedTensors => mapNamed(a, (tensor, name) => f(tensor, tensorNamed(b, name), name));

/** a + factor·b; `factor` is a number or a scalar tensor. */
export const addScaled = (a: NamedTensors, b: NamedTensors, factor: number | tf.Tensor): NamedTensors =>
  zipNamed(a, b, (x, y) => tf.add(x, tf.mul(y, factor)));

export const scaleNamed = (a: NamedTensors, factor: number | tf.Tensor): NamedTensors =>
  mapNamed(a, x => tf.mul(x, factor));

/** The inner product over all tensors, a scalar. */
export const dotNamed = (a: NamedTensors, b: NamedTensors): tf.Scalar =>
  tf.addN(Object.values(zipNamed(a, b, (x, y) => tf.sum(tf.mul(x, y))))) as tf.Scalar;

/** The L2 norm over all tensors together, a scalar. */
export const normOf = (a: NamedTensors): tf.Scalar =>
  tf.sqrt(tf.addN(Object.values(a).map(x => tf.sum(tf.square(x)))) as tf.Scalar);

/** The mean of several sets of tensors. A single set is returned as it is. */
export function meanNamed(sets: readonly NamedTensors[]): NamedTensors {
  const [first] = sets;
  if (first === undefined) throw new Error('expected at least one set of tensors, got none');
  if (sets.length === 1) return first;
  return mapNamed(first, (_, name) => tf.div(tf.addN(sets.map(set => tensorNamed(set, name))), sets.length));
}
