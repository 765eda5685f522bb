// What the runs of two arms can and cannot show beside the t test: ranks, resampling, equivalence, power, and
// whether one may have peeked.

import {stream} from '../learn/random.ts';
import {bcaOfMean, improvement} from './bootstrap.ts';
import {meanOf, varianceOf} from './description.ts';
import type {Distributions} from './distributions.ts';
import {detectableShift, equivalence, pairsFor, pairsForEquivalence, powerOfT} from './power.ts';
import {wilcoxon} from './rank-tests.ts';
import {sequential} from './sequential.ts';
import type {Comparison} from './summary.ts';
import type {TTest} from './tests.ts';

export interface EvidenceOptions {
  readonly confidence: number;
  /** Within ±margin arms count as equivalent; `null` where none was stated. */
  readonly margin: number | null;
  /** The probability with which a difference is to be found. */
  readonly power: number;
  /** Whether seeds are added until the question is decided. */
  readonly isSequential: boolean;
  /** Whether larger values are better; `null` where nobody said so. */
  readonly better: 'higher' | 'lower' | null;
}

type Evidence = Pick<
  Comparison,
  'wilcoxon' | 'bootstrap' | 'improvement' | 'equivalence' | 'power' | 'sequential'
>;

export const noEvidence: Evidence = {
  wilcoxon: null,
  bootstrap: null,
  improvement: null,
  equivalence: null,
  power: null,
  sequential: null,
};

/**
 * @param differences of pairs; `null` for arms without pairs.
 * @param test the t test that fits, from which error and degrees of freedom are.
 */
export function evidenceOf(
  [a, b]: readonly [readonly number[], readonly number[]],
  differences: readonly number[] | null,
  test: TTest | null,
  options: EvidenceOptions,
  distributions: Distributions,
): Evidence {
  const {confidence, margin, better} = options;
  const sign = better === 'lower' ? -1 : 1;
  const signed = (values: readonly number[]) => values.map(value => sign * value);
  const draws = stream(0, 'resample');
  return {
    wilcoxon: differences === null ? null : wilcoxon(differences),
    bootstrap: differences === null ? null : bcaOfMean(differences, confidence, draws, distributions),
    improvement:
      better === null ? null : improvement([{a: signed(a), b: signed(b)}], confidence, stream(1, 'resample')),
    ...(test === null
      ? {equivalence: null, power: null}
      : {
          equivalence: margin === null ? null : equivalence(estimateOf(test), margin, distributions),
          power: powerOf(differences, test, options, distributions),
        }),
    sequential:
      !options.isSequential || differences === null || differences.length < 2
        ? null
        : sequential(
            {
              difference: meanOf(differences),
              error: Math.sqrt(varianceOf(differences) / differences.length),
              n: differences.length,
            },
            confidence,
            margin,
          ),
  };
}

/** Numbers of seeds that studies have. */
const plannedPairs = [3, 5, 10, 20, 40] as const;

const estimateOf = ({difference, error, df}: TTest) => ({difference, error, df});

function powerOf(
  differences: readonly number[] | null,
  {error, df}: TTest,
  {confidence, margin, power}: EvidenceOptions,
  distributions: Distributions,
): Evidence['power'] {
  const level = 1 - confidence;
  const sd = differences === null ? null : Math.sqrt(varianceOf(differences));
  const counts = (of: number | null) => (sd === null || sd === 0 || of === null ? null : of / sd);
  const effect = counts(margin);
  return {
    power,
    detectable: error * detectableShift(df, level, power, distributions),
    by_pairs:
      effect === null
        ? []
        : plannedPairs.map(pairs => ({
            pairs,
            power: powerOfT(effect * Math.sqrt(pairs), pairs - 1, level, distributions),
          })),
    pairs_for_margin: effect === null ? null : pairsFor(effect, level, power, distributions),
    pairs_for_equivalence: effect === null ? null : pairsForEquivalence(effect, level, power, distributions),
  };
}
