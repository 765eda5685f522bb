// What the columns of the tables hold: which statistic each number is, so that its cell says where it comes from.

import type {CellSource, Column, TableCell} from './table.ts';

/** What the columns of the tables hold, by their ids: those that are named here are numbers with a source. */
export const statistics: Readonly<Record<string, string>> = {
  runs: 'number of runs that count',
  mean: 'mean, and half of its interval or the standard deviation',
  spread: 'standard deviation, or interval of the mean',
  pairs: 'number of pairs',
  difference: 'difference of the means',
  interval: 'interval of the difference',
  p: 'p value of the t test',
  p_holm: 'p value of the t test, adjusted by Holm',
  p_sign_flip: 'p value of the sign-flip test',
  effect: 'effect size',
  mcnemar: "p values of McNemar's test",
  wilcoxon: "p value of Wilcoxon's test",
  bootstrap: 'bootstrap interval of the difference',
  better: 'probability that a run of the arm is better',
  detectable: 'smallest difference that could have been found',
  p_equivalence: 'p value of equivalence',
  pairs_to_find: 'pairs to find the margin',
  pairs_to_show: 'pairs to show equivalence',
  e: 'e-value',
  any_time: 'interval that holds at any time',
  decided: 'verdict that holds at any time',
  datasets: 'number of data sets',
  wins: 'data sets where it is better and worse',
};

/** The cells of a row, those of columns that hold a statistic with their source. */
export const withSources = (
  columns: readonly Column[],
  cells: readonly TableCell[],
  source: Omit<CellSource, 'statistic'>,
): readonly TableCell[] =>
  cells.map((one, at) => {
    const id = columns[at]?.id ?? '';
    const statistic = Object.hasOwn(statistics, id) ? statistics[id] : undefined;
    const isEmpty = one.text === '' || one.text === '–';
    return statistic === undefined || isEmpty ? one : {...one, source: {...source, statistic}};
  });
