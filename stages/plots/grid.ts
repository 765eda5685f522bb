// A grid search as a heat map: one hyper-parameter along x, the other choices along y, the value in each cell, the
// best one of each optimizer, or of what was chosen for, framed. Cells that diverged or have no value say so.

import {type Cell, type Scalar, StageError, type StageInput} from '../../src/stage/define.ts';
import {meanOf} from '../statistics/description.ts';
import {cellKey, cellText, groupBy, without} from '../statistics/runs.ts';
import {cellWords, type Words} from '../tables/words.ts';
import {type ShownMetric, shownMetric} from './metric.ts';
import {ink, titled} from './theme.ts';
import type {Spec} from './vega.ts';

export interface GridOptions {
  readonly title: string;
  readonly metric: string;
  readonly over: string;
  /** The axis along x. */
  readonly x: string;
  /** Axes of each of whose values the best cell is framed. */
  readonly bestOf: readonly string[];
  readonly words: Words;
}

interface GridCell {
  readonly x: string;
  readonly y: string;
  /** What it competes in: its values of `bestOf`. */
  readonly arm: string;
  /** Null where a run diverged or has no such metric. */
  readonly value: number | null;
  readonly runs: number;
}

export function gridSpec(inputs: readonly StageInput[], options: GridOptions): Spec {
  const metric = shownMetric(options.metric);
  const cells = cellsOf(inputs, metric, options);
  const values = cells.flatMap(({value}) => value ?? []);
  if (values.length === 0) {
    throw new StageError(`metric: expected a metric of the runs, got ${metric.source}; no cell has a value`);
  }
  const {domain, isCut} = domainOf(values, metric);
  const [low = 0, high = 1] = domain;
  const decimals = metric.isShare ? 2 : Math.max(0, Math.min(4, 2 - Math.floor(Math.log10(high - low || 1))));
  const best = bestOfArms(cells, metric);
  const rows = cells.map(cell => ({
    ...cell,
    text: cell.value === null ? 'diverged' : cell.value.toFixed(decimals),
    isBest: best.has(cell),
    // Light text on the dark end of the colours, which is the low one.
    isDark: cell.value !== null && (cell.value - low) / (high - low || 1) < 0.55,
  }));
  const xs = [...new Set(rows.map(({x}) => x))].sort((a, b) => Number(a) - Number(b) || (a < b ? -1 : 1));
  const ys = [...new Set(rows.map(({y}) => y))];
  const runs = [...new Set(cells.map(cell => cell.runs))];
  const notes = [
    `Framed: the best cell${ofEach(options)}.` +
      (runs.length === 1 && runs[0] === 1
        ? ` One ${options.over} per cell.`
        : ` Means over ${options.over}s.`),
    ...(isCut ? ['Values below the colours’ range have its darkest colour.'] : []),
  ];
  const x = {
    field: 'x',
    type: 'ordinal',
    title: options.words(options.x),
    scale: {domain: xs, padding: 0.06},
    axis: {labelAngle: 0, domain: false, ticks: false},
  };
  const y = {
    field: 'y',
    type: 'ordinal',
    title: null,
    scale: {domain: ys, padding: 0.06},
    axis: {domain: false, ticks: false, labelPadding: 6},
  };
  const frame = {type: 'rect', filled: false, stroke: ink, strokeWidth: 3};
  return {
    title: titled(options.title, notes),
    width: {step: 78},
    height: {step: 38},
    data: {values: rows},
    encoding: {x, y},
    layer: [
      {
        transform: [{filter: 'datum.value === null'}],
        mark: {type: 'rect', fill: '#eeeeee', stroke: '#bbbbbb', strokeDash: [3, 3]},
      },
      {
        transform: [{filter: 'datum.value !== null'}],
        mark: {type: 'rect'},
        encoding: {
          color: {
            field: 'value',
            type: 'quantitative',
            title: metric.title,
            scale: {scheme: 'viridis', domain, clamp: true, nice: false},
            legend: {
              gradientLength: Math.max(90, Math.min(200, ys.length * 38)),
              format: '~r',
              tickCount: 4,
            },
          },
        },
      },
      {transform: [{filter: 'datum.isBest'}], mark: frame},
      {
        mark: {type: 'text', fontSize: 12},
        encoding: {
          text: {field: 'text', type: 'nominal'},
          color: {condition: {test: 'datum.isDark', value: 'white'}, value: ink},
        },
      },
    ],
  };
}

const ofEach = ({bestOf, words}: GridOptions): string =>
  bestOf.length === 0 ? '' : ` of each ${bestOf.map(axis => words(axis)).join(' and ')}`;

function cellsOf(
  inputs: readonly StageInput[],
  metric: ShownMetric,
  {over, x, bestOf, words}: GridOptions,
): readonly GridCell[] {
  const cellOf = ({cell}: StageInput): Cell => without(cell, [over]);
  const axes = new Set(inputs.flatMap(({cell}) => Object.keys(cell)));
  for (const [parameter, axis] of [['x', x], ...bestOf.map(axis => ['best_of', axis])] as const) {
    if (axes.has(axis)) continue;
    throw new StageError(
      `${parameter}: expected an axis of the runs (${[...axes].join(', ') || 'they have none'}), got ${axis}`,
    );
  }
  const seen = new Set<string>();
  return [...groupBy(inputs, input => cellKey(cellOf(input))).values()].map(group => {
    const cell = group[0] === undefined ? {} : cellOf(group[0]);
    const values = group.map(({metrics}) => (metrics.diverged === 1 ? undefined : metrics[metric.source]));
    const known = values.flatMap(value => (value === undefined ? [] : [metric.shown(value)]));
    const place: readonly [Scalar, string] = [cell[x] ?? null, cellWords(without(cell, [x]), words)];
    const key = JSON.stringify(place);
    if (seen.has(key))
      throw new StageError(`two cells are at one place of the grid, one of them ${cellText(cell)}`);
    seen.add(key);
    return {
      x: place[0] === null ? '–' : String(place[0]),
      y: place[1],
      arm: JSON.stringify(bestOf.map(axis => cell[axis] ?? null)),
      value: known.length === group.length ? meanOf(known) : null,
      runs: group.length,
    };
  });
}

/** From the best value to the worst, but not so far that a few bad cells hide what differs among the good ones. */
function domainOf(
  values: readonly number[],
  {isBetterWhenLow}: ShownMetric,
): {domain: readonly number[]; isCut: boolean} {
  const sorted = [...values].sort((a, b) => a - b);
  const [low = 0, high = 1] = [sorted[0], sorted.at(-1)];
  if (isBetterWhenLow) return {domain: [low, high], isCut: false};
  const median = sorted[Math.floor(sorted.length / 2)] ?? high;
  const cut = high - 4 * (high - median);
  const isCut = cut > low && cut < high;
  return {domain: isCut ? [cut, high] : [low === high ? low - 1 : low, high], isCut};
}

/** Of each arm the best cell, the first of equal ones, as the stage select chooses. */
function bestOfArms(cells: readonly GridCell[], {isBetterWhenLow}: ShownMetric): ReadonlySet<GridCell> {
  const best = new Map<string, GridCell>();
  for (const cell of cells) {
    if (cell.value === null) continue;
    const known = best.get(cell.arm)?.value;
    const isBetter = known == null || (isBetterWhenLow ? cell.value < known : cell.value > known);
    if (isBetter) best.set(cell.arm, cell);
  }
  return new Set(best.values());
}
