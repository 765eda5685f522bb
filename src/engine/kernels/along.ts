// Linear maps along one axis by a constant matrix: what resizing and local normalisation are.

import type {Builder} from '../ir/builder.ts';
import {reshape} from '../ir/ops.ts';
import {sizeBetween} from '../ir/shape.ts';
import type {Value} from '../ir/value.ts';

/** Row-major [rows][columns]. */
export type Matrix = readonly (readonly number[])[];

export const transposed = (matrix: Matrix): Matrix =>
  (matrix[0] ?? []).map((_, column) => matrix.map(row => row[column] ?? 0));

/** y[…, i, …] = Σ_j matrix[i][j] · x[…, j, …]. */
export function alongAxis(b: Builder, matrix: Matrix, x: Value, axis: number): Value {
  const [rows, columns] = [matrix.length, matrix[0]?.length ?? 0];
  const before = sizeBetween(x.shape, 0, axis);
  const after = sizeBetween(x.shape, axis + 1, x.shape.length);
  const constant = b.constant('float32', [rows, columns], Float32Array.from(matrix.flat()));
  const flat = reshape(b, x, [before, columns, after]);
  const y = b.one('MatMul', [constant, flat], {}, 'float32', [before, rows, after]);
  return reshape(
    b,
    y,
    x.shape.map((d, i) => (i === axis ? rows : d)),
  );
}
