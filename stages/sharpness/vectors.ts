// All weights as one long vector. Numbers are float32, as in the model; sums over them are taken in float64.

import type {HostTensors} from '../../src/engine/program.ts';
import {stream} from '../learn/random.ts';

export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** The tensors in the order of `shapes`, one after another. @throws when one is missing or is not float32. */
export function flatten(tensors: HostTensors, shapes: readonly NamedShape[]): Float32Array {
  const out = new Float32Array(shapes.reduce((sum, {shape}) => sum + sizeOf(shape), 0));
  let at = 0;
  for (const {name, shape} of shapes) {
    const tensor = tensors[name];
    if (tensor?.dtype !== 'float32' || tensor.data.length !== sizeOf(shape)) {
      throw new Error(`expected ${name} as float32 [${shape.join(', ')}]`);
    }
    out.set(tensor.data, at);
    at += tensor.data.length;
  }
  return out;
}

/** The inverse of `flatten`. The tensors are views of `vector`. */
export function unflatten(vector: Float32Array, shapes: readonly NamedShape[]): HostTensors {
  let at = 0;
  return Object.fromEntries(
    shapes.map(({name, shape}) => {
      const data = vector.subarray(at, (at += sizeOf(shape)));
      return [name, {dtype: 'float32' as const, shape, data}];
    }),
  );
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

export const norm = (a: Float32Array): number => Math.sqrt(dot(a, a));

/** y += factor·x. */
export function addTo(y: Float32Array, x: Float32Array, factor: number): void {
  for (let i = 0; i < y.length; i++) y[i] = (y[i] ?? 0) + factor * (x[i] ?? 0);
}

export const scaled = (x: Float32Array, factor: number): Float32Array => x.map(value => value * factor);

/** A direction drawn uniformly from the sphere, of length 1. @param place several directions of one seed. */
export function randomUnit(length: number, seed: number, place: number): Float32Array {
  const draws = stream(seed, 'direction', place);
  const vector = Float32Array.from({length}, () => draws.normal());
  return scaled(vector, 1 / norm(vector));
}

/** Takes out of `v` its part along each of an orthonormal set; twice, since once leaves rounding behind. */
export function orthogonalise(v: Float32Array, basis: readonly Float32Array[]): void {
  for (let pass = 0; pass < 2; pass++) for (const u of basis) addTo(v, u, -dot(u, v));
}
