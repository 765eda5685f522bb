// A summary as one tidy CSV (RFC 4180), unrounded: a line per result, difference, run and published number.

import type {Scalar, Summary} from '../statistics/summary.ts';
import {toCsvText} from './csv-text.ts';
import {sourceOf} from './differences-table.ts';
import type {PublishedRow} from './published.ts';
import type {CellSource} from './table.ts';

const measures = [
  'n',
  'value',
  'sd',
  'low',
  'high',
  'p',
  'p_holm',
  'p_sign_flip',
  'effect',
  'status',
  'weights',
  'source',
] as const;

type Line = Readonly<Partial<Record<(typeof measures)[number] | 'kind' | 'metric' | 'against', Scalar>>> & {
  readonly cell: Readonly<Record<string, Scalar>>;
  /** The runs that its numbers are of; `null` for published ones. */
  readonly from: Omit<CellSource, 'statistic'> | null;
};

/** The file, and for each line below its head where the numbers of its fields come from. */
export interface Csv {
  readonly text: string;
  readonly sources: readonly (readonly (CellSource | null)[])[];
}

export function toCsv(summary: Summary, published: readonly PublishedRow[]): Csv {
  const lines = [...summary.metrics.flatMap(one => linesOf(summary, one)), ...published.map(publishedLine)];
  const axes = [...new Set(lines.flatMap(line => Object.keys(line.cell)))];
  const head = ['kind', 'metric', ...axes, 'against', ...measures];
  const rows = lines.map(line => [
    line.kind,
    line.metric,
    ...axes.map(axis => line.cell[axis]),
    line.against,
    ...measures.map(name => line[name]),
  ]);
  return {
    text: toCsvText(head, rows),
    sources: lines.map((line, at) => head.map((name, column) => fieldSource(line, name, rows[at]?.[column]))),
  };
}

/** What the fields of a line are; the others say what it is about. */
const fields: Readonly<Record<string, string>> = {
  n: 'number of runs that count',
  value: 'value, mean or difference of means',
  sd: 'standard deviation',
  low: 'lower end of the interval',
  high: 'upper end of the interval',
  p: 'p value of the t test',
  p_holm: 'p value of the t test, adjusted by Holm',
  p_sign_flip: 'p value of the sign-flip test',
  effect: 'effect size',
};

function fieldSource({from, kind}: Line, name: string, value: unknown): CellSource | null {
  const statistic = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (from === null || statistic === undefined || value === null || value === undefined) return null;
  const ofValue = kind === 'result' ? 'mean' : kind === 'run' ? 'value' : 'difference of the means';
  return {...from, statistic: name === 'value' ? ofValue : statistic};
}

function linesOf(summary: Summary, one: Summary['metrics'][number]): readonly Line[] {
  const {metric, rows, comparisons} = one;
  return [
    ...rows.map(row => ({
      kind: 'result',
      metric,
      cell: row.cell,
      n: row.n,
      value: row.mean,
      sd: row.sd,
      low: row.interval?.low ?? null,
      high: row.interval?.high ?? null,
      status: row.status,
      from: {metric, of: row.runs, against: []},
    })),
    ...comparisons.map(each => ({
      kind: `difference, ${each.kind}, ${each.budget}`,
      metric,
      cell: each.cell,
      against: Object.entries(each.baseline)
        .map(([axis, value]) => `${axis}=${String(value)}`)
        .join(' '),
      n: each.differences.length,
      value: each.difference,
      low: each.interval?.low ?? null,
      high: each.interval?.high ?? null,
      p: each.p,
      p_holm: each.p_holm,
      p_sign_flip: each.sign_flip?.p ?? null,
      effect: each.effect?.value ?? null,
      from: sourceOf(one, each),
    })),
    ...rows.flatMap(row =>
      row.runs.map(run => ({
        kind: 'run',
        metric,
        cell: {...row.cell, [summary.over]: run.over},
        value: run.value ?? run.not_finite,
        status: run.diverged ? 'diverged' : null,
        weights: run.weights,
        from: {metric, of: [run], against: []},
      })),
    ),
  ];
}

const publishedLine = (row: PublishedRow): Line => ({
  kind: 'published',
  metric: `${row.measure} in percent`,
  cell: row.cell,
  value: row.value,
  low: row.uncertainty === undefined ? null : row.value - row.uncertainty,
  high: row.uncertainty === undefined ? null : row.value + row.uncertainty,
  source: `${row.source}, ${row.setting}`,
  from: null,
});
