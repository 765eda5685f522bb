// Arithmetic on static shapes.

import {type Shape, sizeOf} from './value.ts';

/** The shape that two shapes broadcast to; throws when they do not. */
export function broadcastShape(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({length: rank}, (_, i) => {
    const [x, y] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
    if (x !== y && x !== 1 && y !== 1) throw new RangeError(`shapes [${a}] and [${b}] do not broadcast`);
    return x === 1 ? y : x;
  });
}

/** Strides of a row-major array seen as `target`, which it broadcasts to: 0 where it is repeated. */
export function stridesOf(shape: Shape, target: Shape): number[] {
  const strides = target.map(() => 0);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const d = shape[i] ?? 1;
    if (d !== 1) strides[i + target.length - shape.length] = stride;
    stride *= d;
  }
  return strides;
}

/** Axes as non-negative numbers, in ascending order. */
export const normalAxes = (axes: readonly number[], rank: number): number[] =>
  axes.map(axis => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);

/** The shape after a reduction over `axes`, which are normal. */
export const reducedShape = (shape: Shape, axes: readonly number[], keepDims: boolean): number[] =>
  shape.flatMap((d, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [d]));

export const isIdentityPermutation = (permutation: readonly number[]): boolean =>
  permutation.every((p, i) => p === i);

/** What undoes a permutation. */
export const invertPermutation = (permutation: readonly number[]): number[] =>
  permutation.map((_, i) => permutation.indexOf(i));

export const permuted = (shape: Shape, permutation: readonly number[]): number[] =>
  permutation.map(p => shape[p] ?? 1);

export const iota = (n: number): number[] => Array.from({length: n}, (_, i) => i);

/** `sizeOf` of the part of a shape from `start` to before `end`. */
export const sizeBetween = (shape: Shape, start: number, end: number): number =>
  sizeOf(shape.slice(start, end));
