// Resampling: intervals without a distribution, and the probability that a run of one arm beats a run of another.
// Seeded: the same values give the same interval. Sources: Efron (1987) for BCa; Agarwal, Schwarzer, Castro,
// Courville, Bellemare (NeurIPS 2021) for the probability of improvement and its stratified resampling.

import type {Stream} from '../learn/random.ts';
import {meanOf} from './description.ts';
import type {Distributions} from './distributions.ts';

export interface Bounds {
  readonly low: number;
  readonly high: number;
}

export const resamples = 10_000;
/** Fewer values have so few different resamples that the interval would be a fiction. */
const fewest = 5;

/** Of as many values as there are, drawn with replacement. */
const resample = (values: readonly number[], draws: Stream): readonly number[] =>
  values.map(() => values[draws.below(values.length)] ?? 0);

/** The share `p` of the way through sorted values, between neighbours by a line. */
export function quantileOf(sorted: ArrayLike<number>, p: number): number {
  const place = Math.min(sorted.length - 1, Math.max(0, p * (sorted.length - 1)));
  const [below, above] = [sorted[Math.floor(place)] ?? 0, sorted[Math.ceil(place)] ?? 0];
  return below + (above - below) * (place - Math.floor(place));
}

/** Bias-corrected and accelerated interval of the mean; `null` for fewer than five values or no spread. */
export function bcaOfMean(
  values: readonly number[],
  confidence: number,
  draws: Stream,
  {normalAtMost, normalQuantile}: Distributions,
): Bounds | null {
  const n = values.length;
  const observed = meanOf(values);
  if (n < fewest || values.every(value => value === values[0])) return null;
  const means = Float64Array.from({length: resamples}, () => meanOf(resample(values, draws))).sort();
  const below = means.reduce((sum, mean) => sum + (mean < observed ? 1 : mean === observed ? 0.5 : 0), 0);
  const bias = normalQuantile(Math.min(1 - 0.5 / resamples, Math.max(0.5 / resamples, below / resamples)));
  const left = values.map((_, at) => meanOf(values.filter((_, other) => other !== at)));
  const centre = meanOf(left);
  const squares = left.reduce((sum, mean) => sum + (centre - mean) ** 2, 0);
  const cubes = left.reduce((sum, mean) => sum + (centre - mean) ** 3, 0);
  const acceleration = cubes / (6 * squares ** 1.5);
  const shareAt = (p: number): number => {
    const z = bias + normalQuantile(p);
    return normalAtMost(bias + z / (1 - acceleration * z));
  };
  const tail = (1 - confidence) / 2;
  return {low: quantileOf(means, shareAt(tail)), high: quantileOf(means, shareAt(1 - tail))};
}

export interface Improvement {
  /** P(a run of the arm is better than one of the baseline), equal ones counted half. */
  readonly probability: number;
  /** Percentile interval; `null` where an arm has fewer than five runs. */
  readonly interval: Bounds | null;
}

/** The share of pairs, one value of each, in which that of `a` is larger; equal ones count half. */
export function shareLarger(a: readonly number[], b: readonly number[]): number {
  let larger = 0;
  for (const x of a) for (const y of b) larger += x > y ? 1 : x === y ? 0.5 : 0;
  return larger / (a.length * b.length);
}

/**
 * The probability of improvement, averaged over strata (data sets), each with the values of both arms; larger is
 * better, so values of a loss come negated.
 */
export function improvement(
  strata: readonly {readonly a: readonly number[]; readonly b: readonly number[]}[],
  confidence: number,
  draws: Stream,
): Improvement {
  const probability = meanOf(strata.map(({a, b}) => shareLarger(a, b)));
  if (strata.some(({a, b}) => Math.min(a.length, b.length) < fewest)) return {probability, interval: null};
  const drawn = Float64Array.from({length: improvementResamples}, () =>
    meanOf(strata.map(({a, b}) => shareLarger(resample(a, draws), resample(b, draws)))),
  ).sort();
  const tail = (1 - confidence) / 2;
  return {probability, interval: {low: quantileOf(drawn, tail), high: quantileOf(drawn, 1 - tail)}};
}

const improvementResamples = 2000;

/** Percentile interval of the mean over strata of each stratum's mean, resampled within strata. */
export function stratifiedMean(
  strata: readonly (readonly number[])[],
  confidence: number,
  draws: Stream,
): Bounds | null {
  if (strata.some(values => values.length < fewest)) return null;
  const means = Float64Array.from({length: resamples}, () =>
    meanOf(strata.map(values => meanOf(resample(values, draws)))),
  ).sort();
  const tail = (1 - confidence) / 2;
  return {low: quantileOf(means, tail), high: quantileOf(means, 1 - tail)};
}
