// Runs of two arms that belong together: those of the same seed. What has no partner is named, not dropped.

import type {Scalar} from '../../src/stage/define.ts';
import {differencesOf} from './rounding.ts';
import {axisValue, type Run} from './runs.ts';

export interface Pair {
  readonly over: Scalar;
  readonly first: Run;
  readonly second: Run;
}

export interface Pairing {
  readonly pairs: readonly Pair[];
  /** First minus second, pair by pair, with rounding taken out. */
  readonly differences: readonly number[];
  /** Values of `over` that one arm alone has a run with a value for. */
  readonly onlyFirst: readonly Scalar[];
  readonly onlySecond: readonly Scalar[];
}

/** Both lists are of runs that have the metric. */
export function pairRuns(a: readonly Run[], b: readonly Run[], over: string, metric: string): Pairing {
  const byOver = new Map(b.map(run => [axisValue(run.cell, over), run]));
  const ofFirst = new Set(a.map(run => axisValue(run.cell, over)));
  const pairs = a.flatMap(first => {
    const value = axisValue(first.cell, over);
    const second = byOver.get(value);
    return second === undefined ? [] : [{over: value, first, second}];
  });
  const values = (which: 'first' | 'second') => pairs.flatMap(pair => pair[which].metrics[metric] ?? []);
  return {
    pairs,
    differences: differencesOf(values('first'), values('second')),
    onlyFirst: [...ofFirst].filter(value => !byOver.has(value)),
    onlySecond: [...byOver.keys()].filter(value => !ofFirst.has(value)),
  };
}

/** Whether every pair ended in one and the same network. */
export const areTwins = (pairs: readonly Pair[]): boolean =>
  pairs.length > 0 &&
  pairs.every(({first, second}) => first.weights !== null && first.weights === second.weights);
