// Gathered runs as the series of a plot: one per cell without the axis of the replicates.

import type {Cell, Scalar, StageInput} from '../../src/stage/define.ts';
import {axisValue, cellKey, groupBy, without} from '../statistics/runs.ts';
import {cellLabel} from './theme.ts';

export interface Series {
  readonly cell: Cell;
  readonly label: string;
  readonly runs: readonly SeriesRun[];
}

export interface SeriesRun {
  /** The replicate, usually the seed. */
  readonly over: Scalar;
  readonly input: StageInput;
}

/** In the order in which cells first occur. Axes that do not vary are left out of the labels. */
export function seriesOf(inputs: readonly StageInput[], over: string): readonly Series[] {
  const axes = [...new Set(inputs.flatMap(({cell}) => Object.keys(cell)))];
  const constant = axes.filter(
    axis => new Set(inputs.map(({cell}) => JSON.stringify(cell[axis] ?? null))).size === 1,
  );
  const groups = groupBy(inputs, ({cell}) => cellKey(without(cell, [over])));
  return [...groups.values()].map(group => {
    const cell = without(group[0]?.cell ?? {}, [over]);
    const shown = groups.size === 1 ? cell : without(cell, constant);
    return {
      cell,
      label: cellLabel(shown),
      runs: group.map(input => ({over: axisValue(input.cell, over), input})),
    };
  });
}

/** How many replicates the series have: `5 seeds`, `3–5 seeds`, `1 seed`. */
export function countText(series: readonly Series[], over: string): string {
  const counts = series.map(({runs}) => runs.length);
  const [low, high] = [Math.min(...counts), Math.max(...counts)];
  return `${low === high ? low : `${low}–${high}`} ${over}${high === 1 ? '' : 's'}`;
}
