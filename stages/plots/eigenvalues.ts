// The largest Hessian eigenvalues by rank: every run a point, and for each series the geometric mean with the t
// interval of the logarithms. Needs outputs of the stage sharpness.

import {readFile} from 'node:fs/promises';
import {StageError, type StageInput, z} from '../../src/stage/define.ts';
import {describe} from '../statistics/description.ts';
import type {Distributions} from '../statistics/distributions.ts';
import {countText, seriesOf} from './series.ts';
import {logTicks, palette, seriesScale, shapes, titled} from './theme.ts';
import type {Spec} from './vega.ts';

export interface EigenvaluesOptions {
  readonly title: string;
  readonly over: string;
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

export async function eigenvaluesSpec(
  inputs: readonly StageInput[],
  {title, over, confidence}: EigenvaluesOptions,
  distributions: Distributions,
): Promise<Spec> {
  const series = seriesOf(inputs, over);
  const labels = series.map(({label}) => label);
  const points: {series: string; run: string; rank: number; value: number}[] = [];
  const means: {series: string; rank: number; mean: number; low: number; high: number}[] = [];
  let about = '';
  let below = 0;
  for (const [order, {label, runs}] of series.entries()) {
    const own: {rank: number; value: number}[] = [];
    for (const [i, {input}] of runs.entries()) {
      const {eigenvalues, samples, split, model} = await readSharpness(input);
      about = `${model}; Hessian of the mean loss over ${samples} ${split === 'train' ? 'training' : split} samples.`;
      const values = eigenvalues.lanczos.length > 0 ? eigenvalues.lanczos : eigenvalues.power;
      values.forEach(({value}, rank) => {
        if (value <= 0) below++;
        else own.push({rank: rank + 1, value});
        if (value > 0) points.push({series: label, run: `${label} ${i}`, rank: rank + 1, value});
      });
    }
    // Side by side, so that intervals can be told apart.
    const shift = (order - (series.length - 1) / 2) * 0.16;
    for (const rank of new Set(own.map(({rank}) => rank))) {
      const logs = own.filter(value => value.rank === rank).map(({value}) => Math.log(value));
      const {mean, interval} = describe(logs, confidence, distributions);
      means.push({
        series: label,
        rank: rank + shift,
        mean: Math.exp(mean),
        low: Math.exp(interval?.low ?? mean),
        high: Math.exp(interval?.high ?? mean),
      });
    }
    for (const point of points) if (point.series === label) point.rank += shift;
  }
  if (points.length === 0) throw new StageError('expected eigenvalues above 0, got none');
  const all = [...points.map(({value}) => value), ...means.flatMap(({low, high}) => [low, high])];
  const domain = [Math.min(...all) / 1.15, Math.max(...all) * 1.15];
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
  const color = {
    field: 'series',
    type: 'nominal',
    title: null,
    scale: seriesScale(labels, palette),
    legend: {symbolOpacity: 1, orient: 'top'},
  };
  const shape = {
    field: 'series',
    type: 'nominal',
    title: null,
    scale: seriesScale(labels, shapes),
    legend: {symbolOpacity: 1, orient: 'top'},
  };
  const hasSpread = series.some(({runs}) => runs.length > 1);
  const notes = [
    about,
    hasSpread
      ? `Small: every run (${countText(series, over)}); large: geometric mean with its ${Math.round(100 * confidence)} % t interval.`
      : `One run (${countText(series, over)}): nothing is known of the spread.`,
    ...(below > 0 ? [`${below} eigenvalues at or below 0 are not shown.`] : []),
  ];
  return {
    title: titled(title, notes),
    width: Math.max(300, 84 * ranks),
    height: 280,
    layer: [
      {
        data: {values: means},
        mark: {type: 'rule', strokeWidth: 2},
        encoding: {x, y: y('low'), y2: {field: 'high'}, color},
      },
      {
        data: {values: means},
        mark: {type: 'line', strokeWidth: 1.4},
        encoding: {x, y: y('mean'), color},
      },
      {
        data: {values: points},
        mark: {type: 'point', filled: true, size: 26, opacity: 0.5},
        encoding: {x, y: y('value'), color, shape},
      },
      {
        data: {values: means},
        mark: {type: 'point', filled: true, size: 90, opacity: 1},
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
