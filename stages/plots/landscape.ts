// The loss landscape around trained weights in a plane of two filter-normalised directions: a panel per series, that
// of its first run, with lines of equal loss. All panels have the same colours, and directions of the same draws, so
// that they can be compared.

import {StageError, type StageInput} from '../../src/stage/define.ts';
import {contourLines} from './contours.ts';
import {readNumbers} from './csv.ts';
import {type Axes, rowsOf, type Series, stacked} from './series.ts';
import {ink, logTicks, titled} from './theme.ts';
import type {Spec} from './vega.ts';

export interface LandscapeOptions extends Axes {
  readonly title: string;
}

export interface SlicePoint {
  readonly x: number;
  readonly y: number;
  /** Null where the model overflows. */
  readonly loss: number | null;
}

export async function landscapeSpec(
  inputs: readonly StageInput[],
  {title, ...axes}: LandscapeOptions,
): Promise<Spec> {
  const rows = rowsOf(inputs, axes);
  const planes: {one: Series; points: readonly SlicePoint[]}[][] = [];
  for (const {series} of rows) {
    const row: {one: Series; points: readonly SlicePoint[]}[] = [];
    for (const one of series) {
      const first = one.runs[0];
      if (first) row.push({one, points: await readSlice(first.input, 'landscape', 'grid_points')});
    }
    planes.push(row);
  }
  const losses = planes
    .flat()
    .flatMap(({points}) => points.flatMap(({loss}) => (loss !== null && loss > 0 ? [loss] : [])));
  if (losses.length === 0) throw new StageError('expected losses above 0, got none');
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const levels = logTicks(low, high);
  const specs = planes.map(row => ({
    columns: 3,
    concat: row.map(({one, points}) => panel(one, points, [low, high], levels)),
    spacing: 30,
  }));
  const which = new Set(rows.flatMap(({series}) => series.map(({runs}) => String(runs[0]?.over))));
  const notes = [
    `Loss; ${axes.over} ${[...which].join(', ')}. Axes: steps along two directions, 1 being as long as the weights, filter by filter.`,
    `Lines of equal loss at ${levels.join(', ')}; all panels have the same colours and draws.`,
  ];
  return {...stacked(rows, specs), title: titled(title, notes)};
}

function panel(
  {label}: Series,
  points: readonly SlicePoint[],
  domain: readonly number[],
  levels: readonly number[],
): Spec {
  const xs = [...new Set(points.map(({x}) => x))].sort((a, b) => a - b);
  const ys = [...new Set(points.map(({y}) => y))].sort((a, b) => a - b);
  const half = (axis: readonly number[]): number => ((axis[1] ?? 1) - (axis[0] ?? 0)) / 2;
  const [dx, dy] = [half(xs), half(ys)];
  // Cells overlap a little, or hairlines would show between them.
  const lap = 1.04;
  const cells = points.flatMap(({x, y, loss}) =>
    loss === null
      ? []
      : [
          {
            left: x - lap * dx,
            right: x + lap * dx,
            bottom: y - lap * dy,
            top: y + lap * dy,
            loss: Math.max(loss, domain[0] ?? 0),
          },
        ],
  );
  const losses = new Map(points.map(({x, y, loss}) => [`${x} ${y}`, loss]));
  const logs = ys.map(y =>
    xs.map(x => {
      const loss = losses.get(`${x} ${y}`) ?? null;
      return loss === null ? Number.NaN : Math.log(Math.max(loss, domain[0] ?? 0));
    }),
  );
  const lines = levels.flatMap(level => contourLines(xs, ys, logs, Math.log(level)));
  const scale = (axis: readonly number[], d: number): Spec => ({
    domain: [(axis[0] ?? 0) - d, (axis.at(-1) ?? 0) + d],
    nice: false,
    zero: false,
  });
  const axis = {grid: false, tickCount: 5};
  const x = (field: string): Spec => ({
    field,
    type: 'quantitative',
    title: 'first direction',
    scale: scale(xs, dx),
    axis,
  });
  const y = (field: string): Spec => ({
    field,
    type: 'quantitative',
    title: 'second direction',
    scale: scale(ys, dy),
    axis,
  });
  return {
    title: {text: label, anchor: 'middle', fontSize: 13, offset: 6},
    width: 270,
    height: 270,
    layer: [
      {
        data: {values: cells},
        mark: {type: 'rect', clip: true},
        encoding: {
          x: x('left'),
          x2: {field: 'right'},
          y: y('bottom'),
          y2: {field: 'top'},
          ...colours(domain),
        },
      },
      {
        data: {values: lines},
        mark: {type: 'rule', stroke: 'white', strokeWidth: 1, opacity: 0.85, strokeCap: 'round'},
        encoding: {x: x('x1'), x2: {field: 'x2'}, y: y('y1'), y2: {field: 'y2'}},
      },
      {
        data: {values: [{x: 0, y: 0}]},
        mark: {type: 'point', shape: 'cross', filled: true, fill: 'white', stroke: ink, size: 90, opacity: 1},
        encoding: {x: x('x'), y: y('y')},
      },
    ],
  };
}

function colours(domain: readonly number[]): Spec {
  const [low = 0, high = 1] = domain;
  const scale = {type: 'log', scheme: 'viridis', domain, nice: false};
  const legend = {gradientLength: 250, values: logTicks(low, high), format: '~g'};
  const field = {field: 'loss', type: 'quantitative', title: 'loss', scale, legend};
  return {color: field};
}

/** @throws StageError when the slice was left out. */
export async function readSlice(
  input: StageInput,
  output: string,
  parameter: string,
): Promise<readonly SlicePoint[]> {
  const rows = await readNumbers(input, output, 'sharpness');
  if (rows.length === 0) {
    throw new StageError(
      `expected a slice of the landscape, got none`,
      `Set ${parameter} of the stage sharpness above 0.`,
    );
  }
  return rows.map(({x = null, y = null, loss = null}) => ({x: x ?? 0, y: y ?? 0, loss}));
}
