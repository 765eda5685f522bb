// Learning curves: for each series the mean over its replicates, a band for their uncertainty, and every run as a
// thin line.

import {StageError, type StageInput} from '../../src/stage/define.ts';
import {describe} from '../statistics/description.ts';
import type {Distributions} from '../statistics/distributions.ts';
import {isFiniteNumber, readNumbers} from './csv.ts';
import {type ShownMetric, shownMetric} from './metric.ts';
import {type Axes, countText, hasReplicates, labelsOf, type Row, rowsOf, stacked} from './series.ts';
import {dashes, logTicks, palette, seriesScale, titled} from './theme.ts';
import type {Spec} from './vega.ts';

export interface CurvesOptions extends Axes {
  readonly title: string;
  readonly metrics: readonly string[];
  readonly confidence: number;
}

/** A band needs as many runs. */
const fewestForBand = 3;

/** With more series than this, the lines of single runs would hide everything. */
const mostWithRuns = 4;

interface Point {
  readonly series: string;
  readonly run: string;
  readonly epoch: number;
  /** `null` where the run has a value that is not finite: its line breaks. */
  readonly value: number | null;
}

export async function curvesSpec(
  inputs: readonly StageInput[],
  options: CurvesOptions,
  distributions: Distributions,
): Promise<Spec> {
  const rows = rowsOf(inputs, options);
  const labels = labelsOf(rows);
  const specs: Spec[] = [];
  let isAnyLog = false;
  let gaps = 0;
  for (const row of rows) {
    const panels: Spec[] = [];
    for (const name of options.metrics) {
      const metric = shownMetric(name);
      const points = await pointsOf(row, metric);
      const isLog = metric.isRatio && points.every(({value}) => value === null || value > 0);
      gaps += points.filter(({value}) => value === null).length;
      isAnyLog ||= isLog;
      panels.push(panel(points, labels, metric, isLog, options.confidence, distributions));
    }
    specs.push({hconcat: panels, spacing: 36});
  }
  const percent = `${Math.round(100 * options.confidence)} %`;
  const count = countText(rows, options.over);
  const notes = hasReplicates(rows)
    ? [
        `Thick: mean of ${count}; band, from three runs on: ${percent} t interval of the mean; thin: every run.` +
          (isAnyLog ? ' On logarithmic axes, of the logarithms.' : ''),
      ]
    : [`One run (${count}): nothing is known of the spread.`];
  if (gaps > 0) notes.push(notFiniteText(gaps));
  return {...stacked(rows, specs), title: titled(options.title, notes)};
}

const notFiniteText = (count: number): string =>
  count === 1
    ? 'One value is not finite: it is in no mean, and its line breaks there.'
    : `${count} values are not finite: they are in no mean, and lines break there.`;

async function pointsOf({series}: Row, metric: ShownMetric): Promise<readonly Point[]> {
  const points: Point[] = [];
  for (const {label, runs} of series) {
    for (const [i, {input}] of runs.entries()) {
      const rows = await readNumbers(input, 'curve', 'train');
      if (rows.length > 0 && rows[0]?.[metric.source] === undefined) {
        throw new StageError(
          `metric: expected a column of the curves (${Object.keys(rows[0] ?? {}).join(', ')}), got ${metric.source}`,
        );
      }
      for (const {epoch, [metric.source]: value} of rows) {
        if (typeof epoch !== 'number' || typeof value !== 'number') continue;
        points.push({
          series: label,
          run: `${label} ${i}`,
          epoch,
          value: isFiniteNumber(value) ? metric.shown(value) : null,
        });
      }
    }
  }
  if (points.every(({value}) => value === null)) {
    throw new StageError(
      `metric: the curves have no values of ${metric.source}`,
      'A split that is empty is never evaluated.',
    );
  }
  return points;
}

function panel(
  points: readonly Point[],
  labels: readonly string[],
  metric: ShownMetric,
  isLog: boolean,
  confidence: number,
  distributions: Distributions,
): Spec {
  const [inward, outward] = isLog ? [Math.log, Math.exp] : [(x: number) => x, (x: number) => x];
  const bands = labels.flatMap(series => {
    const own = points.filter(point => point.series === series);
    return [...new Set(own.map(({epoch}) => epoch))].map(epoch => {
      const values = own
        .filter(point => point.epoch === epoch)
        .flatMap(({value}) => (value === null ? [] : [inward(value)]));
      if (values.length === 0) return {series, epoch, mean: null, low: null, high: null};
      const {mean, interval} = describe(values, confidence, distributions);
      // Of two runs the interval is twelve SDs wide: it would say nothing and flatten everything.
      const isKnown = interval !== null && values.length >= fewestForBand;
      return {
        series,
        epoch,
        mean: outward(mean),
        low: outward(isKnown ? interval.low : mean),
        high: outward(isKnown ? interval.high : mean),
      };
    });
  });
  const values = [...points.map(({value}) => value), ...bands.flatMap(({low, high}) => [low, high])].filter(
    isFiniteNumber,
  );
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const pad = isLog ? 1.08 : 0.04 * (high - low || 1);
  const domain = isLog ? [low / pad, high * pad] : [low - pad, high + pad];
  const isCrowded = labels.length > mostWithRuns;
  const isSingle = new Set(points.map(({run}) => run)).size === labels.length;
  const scale = isLog ? {type: 'log', domain, nice: false} : {domain, nice: false, zero: false};
  const axis = isLog ? {values: logTicks(low / pad, high * pad), format: '~g'} : {tickCount: 6};
  const y = (field: string): Spec => ({field, type: 'quantitative', title: metric.title, scale, axis});
  const epochs = points.map(({epoch}) => epoch);
  const [first, last] = [Math.min(...epochs), Math.max(...epochs)];
  const isSparse = new Set(epochs).size <= 3;
  const x = {
    field: 'epoch',
    type: 'quantitative',
    title: 'epoch',
    scale: {domain: first === last ? [first - 1, last + 1] : [first, last], nice: false, zero: false},
    axis: {tickMinStep: 1, grid: false},
  };
  const colour = {
    field: 'series',
    type: 'nominal',
    title: null,
    scale: seriesScale(labels, palette),
    legend: {
      symbolType: 'stroke',
      symbolStrokeWidth: 2.5,
      symbolSize: 300,
      symbolOpacity: 1,
      orient: 'top',
      columns: 5,
    },
  };
  const dash = {
    field: 'series',
    type: 'nominal',
    scale: seriesScale(labels, dashes),
    title: null,
    legend: {orient: 'top', columns: 5},
  };
  return {
    width: 330,
    height: 250,
    layer: [
      {
        data: {values: bands},
        mark: {type: 'area', opacity: isCrowded ? 0.07 : 0.18},
        encoding: {x, y: y('low'), y2: {field: 'high'}, color: colour},
      },
      {
        data: {values: points},
        mark: {
          type: 'line',
          strokeWidth: 0.7,
          opacity: isSingle ? 0 : isCrowded ? 0.2 : 0.45,
          // A line through one epoch is no line.
          point: isSparse ? {size: 22, opacity: 0.6} : false,
        },
        encoding: {x, y: y('value'), color: colour, detail: {field: 'run'}},
      },
      {
        data: {values: bands},
        mark: {type: 'line', strokeWidth: 2.2, point: isSparse},
        encoding: {x, y: y('mean'), color: colour, strokeDash: dash},
      },
    ],
  };
}
