// Tests that assume symmetry of the differences and no distribution: Fisher's sign-flip test (1935) on the
// differences themselves, Wilcoxon's signed-rank test (1945) on their ranks. Exact where that can be counted.

import {type Stream, stream} from '../learn/random.ts';

export interface SignFlipTest {
  /** Two-sided: the share of sign patterns whose mean is at least as far from 0. */
  readonly p: number;
  /** The smallest p that this many pairs can give: 2 / 2^n. */
  readonly floor: number;
  /** How many pairs make a p below 0.05 possible. */
  readonly pairs_needed: number;
  /** How many patterns were drawn; `null` where all 2^n were counted. */
  readonly sampled: number | null;
}

const mostCounted = 20;
const patternsDrawn = 100_000;

/** All 2^n patterns up to 20 pairs, a seeded sample of them above (the pattern at hand included); `null` for none. */
export function signFlip(
  differences: readonly number[],
  draws: Stream = stream(0, 'signs'),
): SignFlipTest | null {
  const n = differences.length;
  if (n === 0) return null;
  const observed = Math.abs(differences.reduce((sum, value) => sum + value, 0));
  const scale = differences.reduce((sum, value) => sum + Math.abs(value), 0);
  const limit = observed - scale * 1e-12; // sums of the same numbers in another order differ in the last bits
  const floor = 2 ** (1 - n);
  if (n <= mostCounted) {
    const p = countPatterns(differences, limit) / 2 ** n;
    return {p, floor, pairs_needed: 6, sampled: null};
  }
  let extreme = 1;
  for (let pattern = 1; pattern < patternsDrawn; pattern++) {
    let sum = 0;
    for (const value of differences) sum += draws.uint32() < 2 ** 31 ? value : -value;
    if (Math.abs(sum) >= limit) extreme++;
  }
  return {p: extreme / patternsDrawn, floor, pairs_needed: 6, sampled: patternsDrawn};
}

/** In the order of a Gray code: each pattern differs from the one before by one sign. */
function countPatterns(differences: readonly number[], limit: number): number {
  const n = differences.length;
  let [extreme, sum] = [0, -differences.reduce((total, value) => total + value, 0)];
  const signs = new Array<number>(n).fill(-1);
  for (let pattern = 1; pattern <= 2 ** n; pattern++) {
    if (Math.abs(sum) >= limit) extreme++;
    const flipped = Math.min(n - 1, 31 - Math.clz32(pattern & -pattern));
    signs[flipped] = -(signs[flipped] ?? 1);
    sum += 2 * (signs[flipped] ?? 1) * (differences[flipped] ?? 0);
  }
  return extreme;
}

export interface WilcoxonTest {
  /** Sum of the ranks of the positive differences. */
  readonly w: number;
  /** Pairs that differ; equal ones have no sign and are left out. */
  readonly n: number;
  /** Two-sided and exact, ties included: over all sign patterns of these ranks. */
  readonly p: number;
}

/** Beyond this many pairs the table of sums would be large; no study here has as many seeds. */
const mostRanked = 200;

/** `null` where no pair differs, and for more than 200 that do. */
export function wilcoxon(differences: readonly number[]): WilcoxonTest | null {
  const values = differences.filter(value => value !== 0);
  const n = values.length;
  if (n === 0 || n > mostRanked) return null;
  const ranks = ranksOf(values.map(Math.abs));
  const w = values.reduce((sum, value, at) => sum + (value > 0 ? (ranks[at] ?? 0) : 0), 0);
  // Shares of patterns by twice the sum of ranks, which is whole also with ties.
  const total = n * (n + 1);
  let shares = new Float64Array(total + 1);
  shares[0] = 1;
  for (const rank of ranks) {
    const next = new Float64Array(total + 1);
    for (let sum = 0; sum <= total; sum++) {
      next[sum] = ((shares[sum] ?? 0) + (sum >= 2 * rank ? (shares[sum - 2 * rank] ?? 0) : 0)) / 2;
    }
    shares = next;
  }
  const far = Math.abs(2 * w - total / 2);
  const p = shares.reduce((sum, share, at) => (Math.abs(at - total / 2) >= far ? sum + share : sum), 0);
  return {w, n, p: Math.min(1, p)};
}

/** Ranks from 1; equal values share the mean of theirs. */
export function ranksOf(values: readonly number[]): readonly number[] {
  const sorted = [...values].sort((a, b) => a - b);
  return values.map(value => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2 + 1);
}
