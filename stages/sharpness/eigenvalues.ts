// Extreme eigenvalues of a symmetric operator that is only known by its products with vectors.

import {addTo, dot, norm, orthogonalise, randomUnit, scaled} from './vectors.ts';

/** v ↦ Hv. May not keep or change `v`. */
export type Operator = (v: Float32Array) => Promise<Float32Array>;

export interface Eigenvalue {
  readonly value: number;
  /**
   * ‖Hv - λv‖ for the unit vector v found, and at least the rounding of float32 products: the distance to some true
   * eigenvalue is at most this.
   */
  readonly residual: number;
  /** Products that were needed for it; those of Lanczos are shared by all. */
  readonly products: number;
  readonly isConverged: boolean;
}

export interface PowerOptions {
  /** How many, by falling magnitude. */
  readonly count: number;
  readonly iterations: number;
  /** Stops when λ changes by less than this share of itself. PyHessian: 100 iterations, 1e-3. */
  readonly tolerance: number;
  readonly seed: number;
}

/**
 * The eigenvalues of largest magnitude by power iteration; those found are projected out for the next ones
 * (Yao et al. 2020, PyHessian).
 */
export async function powerIteration(
  product: Operator,
  length: number,
  {count, iterations, tolerance, seed}: PowerOptions,
): Promise<readonly Eigenvalue[]> {
  const found: Float32Array[] = [];
  const eigenvalues: Eigenvalue[] = [];
  for (let rank = 0; rank < Math.min(count, length); rank++) {
    let v = randomUnit(length, seed, rank);
    orthogonalise(v, found);
    v = scaled(v, 1 / norm(v));
    let eigenvalue: Eigenvalue = {value: 0, residual: 0, products: 0, isConverged: true};
    for (let products = 1; products <= iterations; products++) {
      const next = await product(v);
      const value = dot(v, next);
      const before = eigenvalue.value;
      const largest = eigenvalues[0]?.value ?? value;
      const residual = Math.max(residualOf(next, v, value), resolution(largest));
      const isConverged = products > 1 && Math.abs(value - before) <= tolerance * Math.abs(value);
      eigenvalue = {value, residual, products, isConverged};
      orthogonalise(next, found);
      const size = norm(next);
      // A zero operator, or a start vector in its kernel.
      if (size === 0) break;
      if (isConverged) break;
      v = scaled(next, 1 / size);
    }
    eigenvalues.push(eigenvalue);
    found.push(v);
  }
  return eigenvalues;
}

/** What products and vectors of float32 resolve beside the largest eigenvalue: a finer residual would be a fiction. */
const resolution = (largest: number): number => Math.abs(largest) * 2 ** -23;

function residualOf(product: Float32Array, v: Float32Array, value: number): number {
  const difference = Float32Array.from(product);
  addTo(difference, v, -value);
  return norm(difference);
}

export interface LanczosResult {
  /** The largest, falling. */
  readonly largest: readonly Eigenvalue[];
  /** The smallest one: below zero at a saddle. */
  readonly smallest: Eigenvalue;
}

/**
 * The largest eigenvalues by Lanczos' method with full reorthogonalisation (Golub and Van Loan, Matrix Computations,
 * §10.1). Keeps `steps` vectors in memory.
 * @param tolerance residual, as a share of the largest eigenvalue, up to which one counts as converged.
 */
export async function lanczos(
  product: Operator,
  length: number,
  {
    count,
    steps,
    seed,
    tolerance,
  }: {readonly count: number; readonly steps: number; readonly seed: number; readonly tolerance: number},
): Promise<LanczosResult> {
  const basis: Float32Array[] = [randomUnit(length, seed, 0)];
  const diagonal: number[] = [];
  const beside: number[] = [];
  let last = 0;
  for (let step = 0; step < Math.min(steps, length); step++) {
    const v = basis[step];
    if (v === undefined) break;
    const next = await product(v);
    diagonal.push(dot(v, next));
    orthogonalise(next, basis);
    last = norm(next);
    // The Krylov space is exhausted: what is left is rounding.
    const scale = Math.max(...diagonal.map(Math.abs), ...beside);
    if (last <= 1e-6 * scale) break;
    beside.push(last);
    basis.push(scaled(next, 1 / last));
  }
  const size = diagonal.length;
  const matrix = diagonal.map((value, row) =>
    Float64Array.from({length: size}, (_, column) =>
      column === row ? value : Math.abs(column - row) === 1 ? (beside[Math.min(row, column)] ?? 0) : 0,
    ),
  );
  const pairs = symmetricEigen(matrix);
  const largestMagnitude = Math.max(...pairs.map(({value}) => Math.abs(value)));
  const eigenvalues = pairs.map(({value, vector}): Eigenvalue => {
    const residual = Math.max(last * Math.abs(vector[size - 1] ?? 0), resolution(largestMagnitude));
    return {value, residual, products: size, isConverged: residual <= tolerance * largestMagnitude};
  });
  const smallest = eigenvalues.at(-1);
  if (smallest === undefined) throw new RangeError('expected at least one step of Lanczos’ method');
  return {largest: eigenvalues.slice(0, count), smallest};
}

/**
 * All eigenvalues, falling, and unit eigenvectors of a small symmetric matrix, by Jacobi's rotations (Golub and
 * Van Loan, §8.5). For up to some hundred rows. `matrix` is overwritten.
 */
export function symmetricEigen(
  matrix: readonly Float64Array[],
): readonly {readonly value: number; readonly vector: Float64Array}[] {
  const size = matrix.length;
  const at = (rows: readonly Float64Array[], row: number, column: number): number => rows[row]?.[column] ?? 0;
  const vectors = Array.from({length: size}, (_, i) => new Float64Array(size).fill(1, i, i + 1));
  for (let sweep = 0; sweep < 100; sweep++) {
    let off = 0;
    let all = 0;
    for (let p = 0; p < size; p++) {
      for (let q = 0; q < size; q++) {
        const square = at(matrix, p, q) ** 2;
        all += square;
        if (p !== q) off += square;
      }
    }
    if (off <= 1e-30 * all) break;
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) rotate(matrix, vectors, p, q);
  }
  return vectors.map((vector, i) => ({value: at(matrix, i, i), vector})).sort((a, b) => b.value - a.value);
}

/** One rotation that makes the entry (p, q) zero. Row i of `vectors` is the i-th eigenvector. */
function rotate(
  matrix: readonly Float64Array[],
  vectors: readonly Float64Array[],
  p: number,
  q: number,
): void {
  const [rowP, rowQ, vectorP, vectorQ] = [matrix[p], matrix[q], vectors[p], vectors[q]];
  if (!rowP || !rowQ || !vectorP || !vectorQ) return;
  const off = rowP[q] ?? 0;
  if (off === 0) return;
  const tau = ((rowQ[q] ?? 0) - (rowP[p] ?? 0)) / (2 * off);
  const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = t * c;
  const turn = (a: Float64Array, i: number, b: Float64Array, j: number): void => {
    const [x, y] = [a[i] ?? 0, b[j] ?? 0];
    a[i] = c * x - s * y;
    b[j] = s * x + c * y;
  };
  for (const row of matrix) turn(row, p, row, q);
  for (let i = 0; i < matrix.length; i++) turn(rowP, i, rowQ, i);
  for (let i = 0; i < matrix.length; i++) turn(vectorP, i, vectorQ, i);
}
