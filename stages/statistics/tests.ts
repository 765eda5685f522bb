// Tests of a difference between two arms, each with what it can and cannot show.
// Sources: Student (1908), Welch (1947) with Satterthwaite's degrees of freedom, Fisher's sign-flip test (1935),
// Hedges (1981) for the exact small-sample factor, McNemar (1947) in its exact form, Holm (1979).

import {around, type Interval, meanOf, varianceOf} from './description.ts';
import type {Distributions} from './distributions.ts';

export interface TTest {
  readonly t: number;
  readonly df: number;
  /** Two-sided. */
  readonly p: number;
  /** Of the difference. */
  readonly interval: Interval;
}

/** Paired t on the differences; `null` when they do not vary or are fewer than two. */
export function pairedT(
  differences: readonly number[],
  confidence: number,
  distributions: Distributions,
): TTest | null {
  const n = differences.length;
  if (n < 2) return null;
  const error = Math.sqrt(varianceOf(differences) / n);
  if (error === 0) return null;
  return tTest(meanOf(differences), error, n - 1, confidence, distributions);
}

/** Welch's t for arms of unequal spread; the difference is `a - b`. `null` when neither varies. */
export function welchT(
  a: readonly number[],
  b: readonly number[],
  confidence: number,
  distributions: Distributions,
): TTest | null {
  if (a.length < 2 || b.length < 2) return null;
  const [shareA, shareB] = [varianceOf(a) / a.length, varianceOf(b) / b.length];
  const error = Math.sqrt(shareA + shareB);
  if (error === 0) return null;
  const df = (shareA + shareB) ** 2 / (shareA ** 2 / (a.length - 1) + shareB ** 2 / (b.length - 1));
  return tTest(meanOf(a) - meanOf(b), error, df, confidence, distributions);
}

function tTest(
  difference: number,
  error: number,
  df: number,
  confidence: number,
  {tQuantile, tTwoSided}: Distributions,
): TTest {
  const t = difference / error;
  const interval = around(difference, tQuantile((1 + confidence) / 2, df) * error);
  return {t, df, p: tTwoSided(t, df), interval};
}

export interface SignFlipTest {
  /** Two-sided: the share of the 2^n sign patterns whose mean is at least as far from 0. */
  readonly p: number;
  /** The smallest p that this many pairs can give: 2 / 2^n. */
  readonly floor: number;
  /** How many pairs make a p below 0.05 possible. */
  readonly pairs_needed: number;
}

const mostPairs = 20;

/** Exact sign-flip test; `null` for no pairs and for more than 20, where 2^n patterns are too many. */
export function signFlip(differences: readonly number[]): SignFlipTest | null {
  const n = differences.length;
  if (n === 0 || n > mostPairs) return null;
  const observed = Math.abs(differences.reduce((sum, value) => sum + value, 0));
  const scale = differences.reduce((sum, value) => sum + Math.abs(value), 0);
  const limit = observed - scale * 1e-12; // sums of the same numbers in another order differ in the last bits
  let [extreme, sum] = [0, -differences.reduce((total, value) => total + value, 0)];
  const signs = new Array<number>(n).fill(-1);
  // A Gray code: each pattern differs from the one before by one sign.
  for (let pattern = 1; pattern <= 2 ** n; pattern++) {
    if (Math.abs(sum) >= limit) extreme++;
    const flipped = Math.min(n - 1, 31 - Math.clz32(pattern & -pattern));
    signs[flipped] = -(signs[flipped] ?? 1);
    sum += 2 * (signs[flipped] ?? 1) * (differences[flipped] ?? 0);
  }
  return {p: extreme / 2 ** n, floor: 2 / 2 ** n, pairs_needed: 6};
}

/** Hedges' factor J(df) = Γ(df/2) / (√(df/2) Γ((df-1)/2)), exact; it takes the small-sample bias out of d. */
export const hedgesFactor = (df: number, {logGamma}: Distributions): number =>
  Math.exp(logGamma(df / 2) - logGamma((df - 1) / 2)) / Math.sqrt(df / 2);

/** d_z: mean over SD of the differences, times J(n - 1). `null` for fewer than three pairs or without spread. */
export function pairedEffect(differences: readonly number[], distributions: Distributions): number | null {
  const df = differences.length - 1;
  if (df < 2) return null; // J(1) does not exist
  const sd = Math.sqrt(varianceOf(differences));
  return sd === 0 ? null : (meanOf(differences) / sd) * hedgesFactor(df, distributions);
}

/** Hedges' g for `a - b`: over the pooled SD, times J(n_a + n_b - 2). `null` without spread. */
export function hedgesG(
  a: readonly number[],
  b: readonly number[],
  distributions: Distributions,
): number | null {
  const df = a.length + b.length - 2;
  if (a.length < 2 || b.length < 2) return null;
  const pooled = ((a.length - 1) * varianceOf(a) + (b.length - 1) * varianceOf(b)) / df;
  return pooled === 0
    ? null
    : ((meanOf(a) - meanOf(b)) / Math.sqrt(pooled)) * hedgesFactor(df, distributions);
}

export interface McNemarTest {
  /** Images that the first arm alone gets right, and the second alone. */
  readonly only_first: number;
  readonly only_second: number;
  /** Exact and two-sided; 1 when the arms never disagree. */
  readonly p: number;
}

/** McNemar's exact test on per-image correctness, 1 for right; both over the same images in the same order. */
export function mcNemar(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  {fairCoinsAtMost}: Distributions,
): McNemarTest {
  if (first.length !== second.length) {
    throw new RangeError(`expected as many images in both arms, got ${first.length} and ${second.length}`);
  }
  let [onlyFirst, onlySecond] = [0, 0];
  for (let index = 0; index < first.length; index++) {
    if (first[index] && !second[index]) onlyFirst++;
    if (second[index] && !first[index]) onlySecond++;
  }
  const tail = fairCoinsAtMost(Math.min(onlyFirst, onlySecond), onlyFirst + onlySecond);
  return {only_first: onlyFirst, only_second: onlySecond, p: Math.min(1, 2 * tail)};
}

/** Holm's step-down adjustment: which p-values survive that so many were looked at. Same order as given. */
export function holm(ps: readonly number[]): readonly number[] {
  const order = ps.map((p, index) => ({p, index})).sort((a, b) => a.p - b.p || a.index - b.index);
  const adjusted = new Array<number>(ps.length).fill(1);
  let highest = 0;
  order.forEach(({p, index}, rank) => {
    highest = Math.max(highest, Math.min(1, p * (ps.length - rank)));
    adjusted[index] = highest;
  });
  return adjusted;
}
