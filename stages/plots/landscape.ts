// The loss landscape around trained weights in a plane of two filter-normalised directions: a panel per series, that
// of its first run, with labelled lines of equal loss. What is shown is the loss above the lowest one of all panels;
// these have the same colours, and directions of the same draws, so that they can be compared.

import {StageError, type StageInput} from '../../src/stage/define.ts';
import {contourLabels, contourLines} from './contours.ts';
import {isFiniteNumber, readNumbers} from './csv.ts';
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
  const losses = planes.flat().flatMap(({points}) => points.flatMap(({loss}) => loss ?? []));
  if (losses.length === 0) throw new StageError('expected losses that are numbers, got none');
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const levels = logTicks((high - low) / 300, high - low);
  const specs = planes.map(row => ({
    columns: 3,
    concat: row.map(({one, points}) => panel(one, aboveLowest(points, low), [0, high - low], levels)),
    spacing: 30,
  }));
  const which = new Set(rows.flatMap(({series}) => series.map(({runs}) => String(runs[0]?.over))));
  const notes = [
    `Loss above the lowest of all panels, ${Number(low.toPrecision(3))}; ${axes.over} ${[...which].join(', ')}. Axes: steps along two directions, 1 being as long as the weights, filter by filter.`,
    'Lines of equal loss are labelled; all panels have the same colours (even in the square root) and draws.',
  ];
  return {...stacked(rows, specs), title: titled(title, notes)};
}

const aboveLowest = (points: readonly SlicePoint[], lowest: number): readonly SlicePoint[] =>
  points.map(point => ({...point, loss: point.loss === null ? null : point.loss - lowest}));

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
            loss,
          },
        ],
  );
  const losses = new Map(points.map(({x, y, loss}) => [`${x} ${y}`, loss]));
  // A bowl's root is a cone, along which lines are found between grid points without a bend.
  const roots = ys.map(y => xs.map(x => Math.sqrt(losses.get(`${x} ${y}`) ?? Number.NaN)));
  const contours = levels.map(level => ({level, lines: contourLines(xs, ys, roots, Math.sqrt(level))}));
  const lines = contours.flatMap(one => one.lines);
  const labels = contourLabels(contours);
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
      ...[{stroke: ink, strokeWidth: 3, strokeOpacity: 0.55}, {}].map(halo => ({
        data: {values: labels},
        mark: {type: 'text', fontSize: 11, color: 'white', ...halo},
        encoding: {x: x('x'), y: y('y'), text: {field: 'text', type: 'nominal'}},
      })),
      {
        data: {values: [{x: 0, y: 0}]},
        mark: {type: 'point', shape: 'cross', filled: true, fill: 'white', stroke: ink, size: 90, opacity: 1},
        encoding: {x: x('x'), y: y('y')},
      },
    ],
  };
}

function colours(domain: readonly number[]): Spec {
  const [, high = 1] = domain;
  const scale = {type: 'sqrt', scheme: 'viridis', domain, nice: false};
  const legend = {gradientLength: 250, values: [0, ...logTicks(high / 60, high)], format: '~r'};
  const field = {field: 'loss', type: 'quantitative', title: ['loss above', 'the lowest'], scale, legend};
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
  return rows.map(({x = null, y = null, loss = null}) => ({
    x: x ?? 0,
    y: y ?? 0,
    loss: isFiniteNumber(loss) ? loss : null,
  }));
}
