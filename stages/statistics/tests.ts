// Tests of a difference between two arms, each with what it can and cannot show.
// Sources: Student (1908), Welch (1947) with Satterthwaite's degrees of freedom, Hedges (1981) for the exact
// small-sample factor, Holm (1979).

import {around, type Interval, meanOf, varianceOf} from './description.ts';
import type {Distributions} from './distributions.ts';

export interface TTest {
  readonly difference: number;
  /** Standard error of the difference. */
  readonly error: number;
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
  return {difference, error, t, df, p: tTwoSided(t, df), interval};
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
