// The largest Hessian eigenvalues by rank: every run a point, and for each series the geometric mean with the t
// interval of the logarithms. Needs outputs of the stage sharpness.

import {readFile} from 'node:fs/promises';
import {StageError, type StageInput, z} from '../../src/stage/define.ts';
import {describe} from '../statistics/description.ts';
import type {Distributions} from '../statistics/distributions.ts';
import {type Axes, countText, hasReplicates, labelsOf, type Row, rowsOf, stacked} from './series.ts';
import {logTicks, palette, seriesScale, shapes, titled} from './theme.ts';
import type {Spec} from './vega.ts';

export interface EigenvaluesOptions extends Axes {
  readonly title: string;
  readonly confidence: number;
}

const valueSchema = z.object({value: z.number()});
const sharpnessSchema = z.object({
  format: z.literal('pipe-sharpness-1'),
  model: z.string(),
  split: z.string(),
  samples: z.number(),
  eigenvalues: z.object({power: z.array(valueSchema), lanczos: z.array(valueSchema)}),
});

/** Means stand beside the runs, in pixels, so that they hide none. */
const beside = 9;

interface Point {
  readonly series: string;
  /** From 1, shifted so that series stand side by side. */
  readonly rank: number;
  readonly value: number;
}

export async function eigenvaluesSpec(
  inputs: readonly StageInput[],
  options: EigenvaluesOptions,
  distributions: Distributions,
): Promise<Spec> {
  const rows = rowsOf(inputs, options);
  const labels = labelsOf(rows);
  const specs: Spec[] = [];
  const abouts = new Set<string>();
  let below = 0;
  for (const row of rows) {
    const points: Point[] = [];
    for (const [order, {label, runs}] of row.series.entries()) {
      for (const {input} of runs) {
        const {eigenvalues, samples, split, model} = await readSharpness(input);
        abouts.add(
          `${model}; Hessian of the mean loss over ${samples} ${split === 'train' ? 'training' : split} samples.`,
        );
        const values = eigenvalues.lanczos.length > 0 ? eigenvalues.lanczos : eigenvalues.power;
        const shift = (order - (row.series.length - 1) / 2) * Math.min(0.16, 0.7 / row.series.length);
        values.forEach(({value}, i) => {
          if (value > 0) points.push({series: label, rank: i + 1 + shift, value});
          else below++;
        });
      }
    }
    if (points.length === 0) throw new StageError('expected eigenvalues above 0, got none');
    specs.push(panel(row, labels, points, options.confidence, distributions));
  }
  const count = countText(rows, options.over);
  const notes = [
    ...abouts,
    hasReplicates(rows)
      ? `Small: every run (${count}); large: geometric mean with its ${Math.round(100 * options.confidence)} % t interval, from three runs on.`
      : `One run (${count}): nothing is known of the spread.`,
    ...(below > 0 ? [`${below} eigenvalues at or below 0 are not shown.`] : []),
  ];
  return {...stacked(rows, specs), title: titled(options.title, notes)};
}

function panel(
  {series}: Row,
  labels: readonly string[],
  points: readonly Point[],
  confidence: number,
  distributions: Distributions,
): Spec {
  const means = series.flatMap(({label}) => {
    const own = points.filter(point => point.series === label);
    return [...new Set(own.map(({rank}) => rank))].map(rank => {
      const logs = own.filter(point => point.rank === rank).map(({value}) => Math.log(value));
      const {mean, interval} = describe(logs, confidence, distributions);
      // Of two runs the interval goes over decades and says nothing.
      const isKnown = interval !== null && logs.length >= 3;
      const [low, high] = [Math.exp(isKnown ? interval.low : mean), Math.exp(isKnown ? interval.high : mean)];
      return {series: label, rank, mean: Math.exp(mean), low, high};
    });
  });
  const values = [...points.map(({value}) => value), ...means.flatMap(({low, high}) => [low, high])];
  const domain = [Math.min(...values) / 1.6, Math.max(...values) * 1.6];
  const [low = 0, high = 1] = domain;
  const ranks = Math.round(Math.max(...points.map(({rank}) => rank)));
  const y = (field: string): Spec => ({
    field,
    type: 'quantitative',
    title: 'eigenvalue',
    scale: {type: 'log', domain, nice: false},
    axis: {values: logTicks(low, high), format: '~g'},
  });
  const x = {
    field: 'rank',
    type: 'quantitative',
    title: 'rank (1 is the largest)',
    scale: {domain: [0.5, ranks + 0.5], nice: false},
    axis: {values: Array.from({length: ranks}, (_, i) => i + 1), format: 'd', grid: false},
  };
  const legend = {symbolOpacity: 1, orient: 'top', columns: 5};
  const color = {field: 'series', type: 'nominal', title: null, scale: seriesScale(labels, palette), legend};
  const shape = {field: 'series', type: 'nominal', title: null, scale: seriesScale(labels, shapes), legend};
  return {
    width: Math.max(300, 84 * ranks),
    height: 280,
    layer: [
      {
        data: {values: means},
        mark: {type: 'rule', strokeWidth: 2, xOffset: beside},
        encoding: {x, y: y('low'), y2: {field: 'high'}, color},
      },
      {
        data: {values: means},
        mark: {type: 'line', strokeWidth: 1.4, xOffset: beside},
        encoding: {x, y: y('mean'), color},
      },
      {
        data: {values: points},
        mark: {type: 'point', filled: true, size: 26, opacity: 0.6},
        encoding: {x, y: y('value'), color, shape},
      },
      {
        data: {values: means},
        mark: {type: 'point', filled: true, size: 90, opacity: 1, xOffset: beside},
        encoding: {x, y: y('mean'), color, shape},
      },
    ],
  };
}

async function readSharpness(input: StageInput): Promise<z.output<typeof sharpnessSchema>> {
  const path = input.files.sharpness;
  const parsed =
    path === undefined ? undefined : sharpnessSchema.safeParse(JSON.parse(await readFile(path, 'utf8')));
  if (parsed?.success) return parsed.data;
  throw new StageError(
    `expected the output sharpness of the stage sharpness, got ${path ?? (Object.keys(input.files).join(', ') || 'no outputs')}`,
    'Gather the stage that uses sharpness: from: {each: SHARPNESS}.',
  );
}
