// The loss landscape around trained weights, along filter-normalised directions: a line per run, or a plane per
// series. Series share their axes and colours, and their directions have the same seed, so that they can be compared.

import {StageError, type StageInput} from '../../src/stage/define.ts';
import {contourLines} from './contours.ts';
import {readNumbers} from './csv.ts';
import {countText, type Series, seriesOf} from './series.ts';
import {dashes, ink, logTicks, palette, seriesScale, titled} from './theme.ts';
import type {Spec} from './vega.ts';

export interface LandscapeOptions {
  readonly title: string;
  readonly over: string;
}

interface Point {
  readonly x: number;
  readonly y: number;
  /** Null where the model overflows. */
  readonly loss: number | null;
}

const stepTitle = 'step (1: as long as the weights, filter by filter)';

/** Loss along one direction: a thin line per run, a thick one for the series' geometric mean. */
export async function lineSpec(
  inputs: readonly StageInput[],
  {title, over}: LandscapeOptions,
): Promise<Spec> {
  const series = seriesOf(inputs, over);
  const labels = series.map(({label}) => label);
  const points: {series: string; run: string; x: number; loss: number}[] = [];
  const means: {series: string; x: number; loss: number}[] = [];
  for (const {label, runs} of series) {
    const byX = new Map<number, number[]>();
    for (const [i, {input}] of runs.entries()) {
      for (const {x, loss} of await readSlice(input, 'line', 'line_points')) {
        if (loss === null || loss <= 0) continue;
        points.push({series: label, run: `${label} ${i}`, x, loss});
        byX.set(x, [...(byX.get(x) ?? []), Math.log(loss)]);
      }
    }
    for (const [x, logs] of byX) {
      means.push({series: label, x, loss: Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length)});
    }
  }
  const losses = points.map(({loss}) => loss);
  const domain = [Math.min(...losses) / 1.2, Math.max(...losses) * 1.2];
  const [low = 0, high = 1] = domain;
  const y = {
    field: 'loss',
    type: 'quantitative',
    title: 'loss',
    scale: {type: 'log', domain, nice: false},
    axis: {values: logTicks(low, high), format: '~g'},
  };
  const x = {field: 'x', type: 'quantitative', title: stepTitle, scale: {nice: false}, axis: {tickCount: 8}};
  const color = {
    field: 'series',
    type: 'nominal',
    title: null,
    scale: seriesScale(labels, palette),
    legend: {symbolType: 'stroke', symbolStrokeWidth: 2.5, symbolSize: 300, symbolOpacity: 1, orient: 'top'},
  };
  const strokeDash = {
    field: 'series',
    type: 'nominal',
    title: null,
    scale: seriesScale(labels, dashes),
    legend: {orient: 'top'},
  };
  const isSingle = series.every(({runs}) => runs.length === 1);
  return {
    title: titled(title, [
      isSingle
        ? `One run (${countText(series, over)}) each; the direction’s draws are the same for all.`
        : `Thin: every run; thick: geometric mean of ${countText(series, over)}. The direction’s draws are the same for all.`,
    ]),
    width: 460,
    height: 280,
    layer: [
      {
        data: {values: points},
        mark: {type: 'line', strokeWidth: 0.8, opacity: isSingle ? 0 : 0.5},
        encoding: {x, y, color, detail: {field: 'run'}},
      },
      {data: {values: means}, mark: {type: 'line', strokeWidth: 2.4}, encoding: {x, y, color, strokeDash}},
    ],
  };
}

/** Loss in a plane, a panel per series: that of the series' first run, with lines of equal loss. */
export async function landscapeSpec(
  inputs: readonly StageInput[],
  {title, over}: LandscapeOptions,
): Promise<Spec> {
  const series = seriesOf(inputs, over);
  const planes: {one: Series; points: readonly Point[]}[] = [];
  for (const one of series) {
    const first = one.runs[0];
    if (first) planes.push({one, points: await readSlice(first.input, 'landscape', 'grid_points')});
  }
  const losses = planes.flatMap(({points}) =>
    points.flatMap(({loss}) => (loss !== null && loss > 0 ? [loss] : [])),
  );
  if (losses.length === 0) throw new StageError('expected losses above 0, got none');
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const levels = logTicks(low, high);
  const panels = planes.map(({one, points}) => panel(one, points, [low, high], levels));
  const which = new Set(series.map(({runs}) => String(runs[0]?.over)));
  return {
    title: titled(title, [
      `Loss; ${over} ${[...which].join(', ')}. Axes: steps along two directions, 1 being as long as the weights, filter by filter.`,
      `Lines of equal loss at ${levels.join(', ')}; all panels have the same colours and draws.`,
    ]),
    hconcat: panels,
    spacing: 30,
  };
}

function panel(
  {label}: Series,
  points: readonly Point[],
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

async function readSlice(input: StageInput, output: string, parameter: string): Promise<readonly Point[]> {
  const rows = await readNumbers(input, output, 'sharpness');
  if (rows.length === 0) {
    throw new StageError(
      `expected a slice of the landscape, got none`,
      `Set ${parameter} of the stage sharpness above 0.`,
    );
  }
  return rows.map(({x = null, y = null, loss = null}) => ({x: x ?? 0, y: y ?? 0, loss}));
}
