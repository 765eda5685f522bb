// The best cell of a grid. A cell's score is the mean of its runs; ties go to the cell that the grid names first.

import type {Cell} from '../../src/stage/define.ts';
import {meanOf} from './description.ts';
import {cellKey, groupBy, type Run, without} from './runs.ts';

export interface Candidate {
  readonly cell: Cell;
  readonly values: readonly number[];
  /** `null` where a run diverged or has no value: a mean that leaves failures out would favour unstable cells. */
  readonly score: number | null;
  readonly diverged: number;
}

export interface Selection {
  readonly candidates: readonly Candidate[];
  readonly best: Candidate | undefined;
  /** Cells with exactly the best score, the best one included. */
  readonly ties: number;
}

/** Numeric axes on whose first or last value the best cell lies: what is better may lie beyond. */
export function edgesOf(best: Candidate, candidates: readonly Candidate[]): readonly string[] {
  return Object.entries(best.cell).flatMap(([axis, value]) => {
    if (typeof value !== 'number') return [];
    const values = candidates.flatMap(({cell}) => {
      const other = cell[axis];
      return typeof other === 'number' ? [other] : [];
    });
    const [low, high] = [Math.min(...values), Math.max(...values)];
    if (low === high || (value !== low && value !== high)) return [];
    return [`${axis} ${value} is the ${value === low ? 'smallest' : 'largest'} of the grid`];
  });
}

export function selectBest(
  runs: readonly Run[],
  metric: string,
  goal: 'max' | 'min',
  over: readonly string[],
): Selection {
  const groups = groupBy(runs, run => cellKey(without(run.cell, over)));
  const candidates = [...groups.values()].map(group => {
    const values = group.flatMap(run => run.metrics[metric] ?? []);
    const diverged = group.filter(run => run.diverged).length;
    const isWhole = values.length === group.length && diverged === 0;
    return {
      cell: without(group[0]?.cell ?? {}, over),
      values,
      score: isWhole ? meanOf(values) : null,
      diverged,
    };
  });
  const sign = goal === 'max' ? 1 : -1;
  const scores = candidates.flatMap(({score}) => (score === null ? [] : [sign * score]));
  const top = Math.max(...scores);
  const winners = candidates.filter(({score}) => score !== null && sign * score === top);
  return {candidates, best: winners[0], ties: winners.length};
}

/**
 * The `count` best cells, those that the grid names first where scores are equal. They come back in the grid's order,
 * so that another order of the scores among the same cells is no other choice.
 */
export function bestCells(
  candidates: readonly Candidate[],
  goal: 'max' | 'min',
  count: number,
): readonly Cell[] {
  const sign = goal === 'max' ? 1 : -1;
  const scored = candidates.flatMap((candidate, place) =>
    candidate.score === null ? [] : [{cell: candidate.cell, score: sign * candidate.score, place}],
  );
  const best = scored.sort((a, b) => b.score - a.score || a.place - b.place).slice(0, count);
  return best.sort((a, b) => a.place - b.place).map(({cell}) => cell);
}
