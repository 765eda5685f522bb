// What one set of replicates says: mean, spread and a t interval of the mean.

import type {Distributions} from './distributions.ts';
import {areEqual} from './rounding.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
  /** Half of its length: the number behind ±. */
  readonly half_width: number;
}

export interface Description {
  readonly n: number;
  readonly mean: number;
  /** With n - 1 in the denominator; `null` for a single value. */
  readonly sd: number | null;
  /** `null` for a single value and for values that are all equal: there is nothing to estimate a spread from. */
  readonly interval: Interval | null;
}

export const meanOf = (values: readonly number[]): number => {
  const first = values[0] ?? Number.NaN;
  // Shifted by the first value, so that equal values give exactly that value.
  return first + values.reduce((sum, value) => sum + (value - first), 0) / values.length;
};

/** Sum of squared deviations over n - 1; exactly 0 where the values differ by no more than rounding. */
export const varianceOf = (values: readonly number[]): number => {
  if (areEqual(values)) return 0;
  const mean = meanOf(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
};

/** @param confidence such as 0.95. @throws RangeError for no values. */
export function describe(
  values: readonly number[],
  confidence: number,
  {tQuantile}: Distributions,
): Description {
  const n = values.length;
  if (n === 0) throw new RangeError('expected at least one value');
  const mean = meanOf(values);
  if (n === 1) return {n, mean, sd: null, interval: null};
  const sd = Math.sqrt(varianceOf(values));
  if (sd === 0) return {n, mean, sd, interval: null};
  return {n, mean, sd, interval: around(mean, tQuantile((1 + confidence) / 2, n - 1) * (sd / Math.sqrt(n)))};
}

export const around = (centre: number, halfWidth: number): Interval => ({
  low: centre - halfWidth,
  high: centre + halfWidth,
  half_width: halfWidth,
});
