// A summary as one tidy CSV (RFC 4180), unrounded: a line per result, difference, run and published number.

import type {Scalar, Summary} from '../statistics/summary.ts';
import {toCsvText} from './csv-text.ts';
import type {PublishedRow} from './published.ts';

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
};

export function toCsv(summary: Summary, published: readonly PublishedRow[]): string {
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
  return toCsvText(head, rows);
}

function linesOf(summary: Summary, {metric, rows, comparisons}: Summary['metrics'][number]): readonly Line[] {
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
    })),
    ...rows.flatMap(row =>
      row.runs.map(run => ({
        kind: 'run',
        metric,
        cell: {...row.cell, [summary.over]: run.over},
        value: run.value ?? run.not_finite,
        status: run.diverged ? 'diverged' : null,
        weights: run.weights,
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
});
