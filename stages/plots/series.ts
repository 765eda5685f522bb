// Gathered runs as the rows and series of a plot: a row of panels per cell of the other axes, in each row one series
// per arm, in each series the replicates.

import type {Scalar, StageInput} from '../../src/stage/define.ts';
import {axisValue, cellKey, groupBy, without} from '../statistics/runs.ts';
import {cellWords, type Words} from '../tables/words.ts';

export interface Axes {
  /** The axis whose values are replicates. */
  readonly over: string;
  /** The axis whose values are told apart by colour. */
  readonly compare: string;
  readonly words: Words;
}

export interface Row {
  /** Empty where there is only one row. */
  readonly label: string;
  readonly series: readonly Series[];
}

export interface Series {
  readonly label: string;
  readonly runs: readonly SeriesRun[];
}

export interface SeriesRun {
  /** The replicate, usually the seed. */
  readonly over: Scalar;
  readonly input: StageInput;
}

/** The axis that tells series apart where none is named: the optimizer if it varies, else the first that does. */
export function comparedAxis(inputs: readonly StageInput[], over: string): string {
  const axes = [...new Set(inputs.flatMap(({cell}) => Object.keys(cell)))].filter(axis => axis !== over);
  const varies = (axis: string): boolean =>
    new Set(inputs.map(({cell}) => JSON.stringify(axisValue(cell, axis)))).size > 1;
  const varying = axes.filter(varies);
  return varying.includes('optimizer') ? 'optimizer' : (varying[0] ?? axes[0] ?? 'optimizer');
}

/** In the order in which cells first occur. */
export function rowsOf(inputs: readonly StageInput[], {over, compare, words}: Axes): readonly Row[] {
  const rows = [...groupBy(inputs, ({cell}) => cellKey(without(cell, [over, compare]))).values()];
  return rows.map(row => {
    const cell = without(row[0]?.cell ?? {}, [over, compare]);
    const arms = groupBy(row, input => JSON.stringify(axisValue(input.cell, compare)));
    return {
      label: rows.length === 1 || Object.keys(cell).length === 0 ? '' : cellWords(cell, words),
      series: [...arms.values()].map(runs => {
        const arm = runs[0]?.cell[compare];
        return {
          label: arm === undefined ? 'all runs' : cellWords({[compare]: arm}, words),
          runs: runs.map(input => ({over: axisValue(input.cell, over), input})),
        };
      }),
    };
  });
}

/** The labels of all series, so that an arm has the same colour in every row. */
export const labelsOf = (rows: readonly Row[]): readonly string[] => [
  ...new Set(rows.flatMap(({series}) => series.map(({label}) => label))),
];

/** How many replicates the series have: `5 seeds`, `3–5 seeds`, `1 seed`. */
export function countText(rows: readonly Row[], over: string): string {
  const counts = rows.flatMap(({series}) => series.map(({runs}) => runs.length));
  const [low, high] = [Math.min(...counts), Math.max(...counts)];
  return `${low === high ? low : `${low}–${high}`} ${over}${high === 1 ? '' : 's'}`;
}

export const hasReplicates = (rows: readonly Row[]): boolean =>
  rows.some(({series}) => series.some(({runs}) => runs.length > 1));

/** Rows of panels below each other, each with its label; a single row as it is. */
export const stacked = (rows: readonly Row[], specs: readonly Readonly<Record<string, unknown>>[]) =>
  rows.length === 1
    ? (specs[0] ?? {})
    : {
        vconcat: specs.map((spec, i) => ({
          ...spec,
          title: {text: rows[i]?.label ?? '', fontSize: 13, anchor: 'start', offset: 8},
        })),
        spacing: 28,
      };
