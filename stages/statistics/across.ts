// Several data sets together: each arm against its baseline over all of them, and the ranks of all arms.
// Sources: Demšar (JMLR 2006) for signed ranks over data sets and Friedman's test (1937); Agarwal et al. (NeurIPS
// 2021) for resampling within data sets and the probability of improvement.

import type {Cell, Scalar} from '../../src/stage/define.ts';
import {stream} from '../learn/random.ts';
import {improvement, stratifiedMean} from './bootstrap.ts';
import {meanOf} from './description.ts';
import {ranksOf, wilcoxon} from './rank-tests.ts';
import {distinctRuns, type RunGroup} from './rows.ts';
import {axisValue, cellKey, groupBy, without} from './runs.ts';
import type {Comparison, Summary} from './summary.ts';

export interface AcrossOptions {
  readonly metric: string;
  readonly compare: string;
  /** The axis whose values are the data sets. */
  readonly across: string;
  readonly confidence: number;
  readonly better: 'higher' | 'lower' | null;
}

type Across = NonNullable<Summary['metrics'][number]['across']>;

/** `null` where no two arms were compared on more than one data set. */
export function acrossDatasets(
  groups: readonly RunGroup[],
  comparisons: readonly Comparison[],
  options: AcrossOptions,
): Across | null {
  const {across} = options;
  const paired = comparisons.filter(({budget, kind}) => budget === 'same' && kind === 'paired');
  const keyOf = ({cell, baseline}: Comparison): string =>
    `${cellKey(without(cell, [across]))} ${cellKey(without(baseline, [across]))}`;
  const together = [...groupBy(paired, keyOf).values()].filter(list => list.length > 1);
  if (together.length === 0) return null;
  return {
    axis: across,
    comparisons: together.map(list => overDatasets(list, groups, options)),
    ranks: ranksAcross(groups, options),
  };
}

function overDatasets(
  list: readonly Comparison[],
  groups: readonly RunGroup[],
  {metric, across, confidence, better}: AcrossOptions,
): Across['comparisons'][number] {
  const differences = list.map(({difference}) => difference);
  const sign = better === 'lower' ? -1 : 1;
  const valuesOf = (cell: Cell): readonly number[] => {
    const group = groups.find(({row}) => cellKey(row.cell) === cellKey(cell));
    return distinctRuns(group?.runs ?? [], metric).map(run => sign * (run.metrics[metric] ?? 0));
  };
  const strata = list.map(({cell, baseline}) => ({a: valuesOf(cell), b: valuesOf(baseline)}));
  const [first] = list;
  return {
    cell: without(first?.cell ?? {}, [across]),
    baseline: without(first?.baseline ?? {}, [across]),
    datasets: list.map(({cell}) => axisValue(cell, across)),
    better: differences.filter(difference => sign * difference > 0).length,
    worse: differences.filter(difference => sign * difference < 0).length,
    difference: meanOf(differences),
    interval: stratifiedMean(
      list.map(each => each.differences.map(({value}) => value)),
      confidence,
      stream(2, 'resample'),
    ),
    wilcoxon: wilcoxon(differences),
    improvement: better === null ? null : improvement(strata, confidence, stream(3, 'resample')),
  };
}

/** Mean ranks of arms that every data set has (1 is best), with Friedman's test; `null` for fewer than three arms. */
function ranksAcross(groups: readonly RunGroup[], options: AcrossOptions): Across['ranks'] {
  const {compare, across, better} = options;
  if (better === null) return null;
  const known = groups.filter(({row}) => row.mean !== null);
  const ofDatasets = [...groupBy(known, ({row}) => String(axisValue(row.cell, across))).values()];
  const nameOf = ({row}: RunGroup): string => cellKey(without(row.cell, [across]));
  const names = [...new Set(known.map(nameOf))].filter(name =>
    ofDatasets.every(dataset => dataset.filter(group => nameOf(group) === name).length === 1),
  );
  if (names.length < 3 || ofDatasets.length < 2) return null;
  const ranks = ofDatasets.map(dataset => {
    const means = names.map(name => dataset.find(group => nameOf(group) === name)?.row.mean ?? 0);
    return ranksOf(means.map(mean => (better === 'higher' ? -mean : mean)));
  });
  const cells = names.map(name => known.find(group => nameOf(group) === name)?.row.cell ?? {});
  return {
    datasets: ofDatasets.length,
    arms: cells.map((cell, at) => ({
      arm: axisValue(cell, compare) as Scalar,
      cell: without(cell, [across]),
      rank: meanOf(ranks.map(row => row[at] ?? 0)),
    })),
    ...friedman(ranks),
  };
}

const shuffles = 10_000;

/**
 * Friedman's statistic of ranks [data set][arm], corrected for ties, and its p by shuffling ranks within data sets:
 * with few of them χ² is a poor guide. Seeded.
 */
export function friedman(ranks: readonly (readonly number[])[]): {readonly chi2: number; readonly p: number} {
  const count = ranks.length;
  const arms = ranks[0]?.length ?? 0;
  const spread = ranks.reduce(
    (sum, row) => sum + row.reduce((total, rank) => total + (rank - (arms + 1) / 2) ** 2, 0),
    0,
  );
  const statisticOf = (rows: readonly (readonly number[])[]): number => {
    const sums = Array.from({length: arms}, (_, at) => rows.reduce((sum, row) => sum + (row[at] ?? 0), 0));
    const between = sums.reduce((sum, one) => sum + (one - (count * (arms + 1)) / 2) ** 2, 0);
    return spread === 0 ? 0 : ((arms - 1) * between) / spread;
  };
  const chi2 = statisticOf(ranks);
  const draws = stream(0, 'shuffle');
  let extreme = 1;
  for (let shuffle = 1; shuffle < shuffles; shuffle++) {
    const rows = ranks.map(row => {
      const order = [...row];
      for (let last = order.length - 1; last > 0; last--) {
        const other = draws.below(last + 1);
        [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
      }
      return order;
    });
    if (statisticOf(rows) >= chi2 - 1e-9) extreme++;
  }
  return {chi2, p: extreme / shuffles};
}
