// What a study could have found: the power of its t test, the smallest difference that it finds four times of five,
// how many pairs a difference needs, and equivalence within a margin.
// Sources: Cohen (1988) for power by the noncentral t; Schuirmann (1987) for two one-sided tests (TOST).

import type {Distributions} from './distributions.ts';

/** Where the mean of n values stands: the error is that of the mean. */
export interface Estimate {
  readonly difference: number;
  readonly error: number;
  readonly df: number;
}

/** Places and weights of Gauss and Legendre's rule with eight points on [-1, 1]: Abramowitz and Stegun, table 25.4. */
const gaussLegendre: readonly (readonly [place: number, weight: number])[] = [
  [0.1834346424956498, 0.362683783378362],
  [0.525532409916329, 0.3137066458778873],
  [0.7966664774136267, 0.2223810344533745],
  [0.9602898564975363, 0.1012285362903763],
];
const panels = 48;

/**
 * The mean of a probability that depends on s = √(χ²/df), which is near 1: beyond these limits its density is below 1e-30.
 * @param most where the function becomes 0 with a kink, if it does.
 */
function overSpread(
  df: number,
  {logGamma}: Distributions,
  of: (s: number) => number,
  most = Number.POSITIVE_INFINITY,
): number {
  const reach = 12 / Math.sqrt(2 * df);
  const [low, high] = [Math.max(0, 1 - reach), Math.min(most, 1 + reach)];
  if (high <= low) return 0;
  const constant = Math.LN2 + (df / 2) * Math.log(df / 2) - logGamma(df / 2);
  const half = (high - low) / panels / 2;
  const at = (s: number): number => Math.exp(constant + (df - 1) * Math.log(s) - (df * s * s) / 2) * of(s);
  let sum = 0;
  for (let panel = 0; panel < panels; panel++) {
    const middle = low + (2 * panel + 1) * half;
    for (const [place, weight] of gaussLegendre)
      sum += weight * (at(middle - half * place) + at(middle + half * place));
  }
  return Math.min(1, sum * half);
}

/** P(T <= t) of the noncentral t: (Z + shift) / √(χ²/df). */
export const noncentralAtMost = (
  t: number,
  df: number,
  shift: number,
  distributions: Distributions,
): number => overSpread(df, distributions, s => distributions.normalAtMost(t * s - shift));

/** The probability that a two-sided t test finds a difference of `shift` standard errors. */
export function powerOfT(shift: number, df: number, level: number, distributions: Distributions): number {
  const critical = distributions.tQuantile(1 - level / 2, df);
  return overSpread(df, distributions, s => {
    const {normalAtMost} = distributions;
    return normalAtMost(shift - critical * s) + normalAtMost(-shift - critical * s);
  });
}

/** The smallest difference, in standard errors, that the test finds with this probability. */
export function detectableShift(
  df: number,
  level: number,
  power: number,
  distributions: Distributions,
): number {
  let [low, high] = [0, 4];
  while (powerOfT(high, df, level, distributions) < power) high *= 2;
  for (let round = 0; round < 60; round++) {
    const middle = (low + high) / 2;
    if (powerOfT(middle, df, level, distributions) < power) low = middle;
    else high = middle;
  }
  return high;
}

/** With more pairs than this nobody would begin. */
const mostPairs = 100_000;

/** The smallest n for which `isEnough` holds, which once it holds holds for all above; `null` beyond 100,000. */
function smallestCount(isEnough: (n: number) => boolean): number | null {
  let high = 2;
  while (!isEnough(high)) {
    if (high > mostPairs) return null;
    high *= 2;
  }
  let low = high / 2;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (middle >= 2 && isEnough(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** How many pairs a paired t test needs to find a mean difference of `effect` SDs of the differences. */
export const pairsFor = (
  effect: number,
  level: number,
  power: number,
  distributions: Distributions,
): number | null =>
  effect === 0
    ? null
    : smallestCount(n => powerOfT(Math.abs(effect) * Math.sqrt(n), n - 1, level, distributions) >= power);

/** How many pairs TOST needs to show equivalence within `margin` SDs where there is no difference at all. */
export const pairsForEquivalence = (
  margin: number,
  level: number,
  power: number,
  distributions: Distributions,
): number | null =>
  smallestCount(n => powerOfEquivalence(margin * Math.sqrt(n), n - 1, level, distributions) >= power);

/** The probability that both one-sided tests reject; `margin` in standard errors, the true difference 0. */
export function powerOfEquivalence(
  margin: number,
  df: number,
  level: number,
  distributions: Distributions,
): number {
  const critical = distributions.tQuantile(1 - level, df);
  return overSpread(
    df,
    distributions,
    s => 2 * distributions.normalAtMost(margin - critical * s) - 1,
    margin / critical,
  );
}

export interface EquivalenceTest {
  readonly margin: number;
  /** The larger of both one-sided p values. */
  readonly p: number;
}

/** Two one-sided t tests of a difference within ±margin; `null` without spread. */
export function equivalence(
  {difference, error, df}: Estimate,
  margin: number,
  {tAtMost}: Distributions,
): EquivalenceTest | null {
  if (error === 0) return null;
  const above = tAtMost(-(difference + margin) / error, df);
  const below = tAtMost((difference - margin) / error, df);
  return {margin, p: Math.max(above, below)};
}
