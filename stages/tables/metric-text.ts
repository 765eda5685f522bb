// What the tables of one metric have in common: its unit, its axes, and how their values are written.

import type {Row, Scalar, Summary} from '../statistics/summary.ts';
import {plain, type Unit} from './number-text.ts';
import type {Published} from './published.ts';
import type {Column} from './table.ts';
import type {Words} from './words.ts';

export type MetricSummary = Summary['metrics'][number];

export interface TableOptions {
  readonly title: string;
  readonly spread: 'interval' | 'sd';
  /** Parameters to show beside the axes, such as the chosen `lr` and `rho`. */
  readonly show: readonly string[];
  readonly published: Published;
  readonly words: Words;
}

export const valueText = (value: Scalar | undefined, words: Words = name => name): string =>
  value === undefined || value === null ? '–' : words(String(value));

/** Shares in 0..1 that are called accuracy or error are shown in percent. */
export function unitOf({metric, rows}: MetricSummary): Unit {
  const values = rows.flatMap(row => row.runs.flatMap(run => run.value ?? []));
  const isShare = /accuracy|error/.test(metric) && values.every(value => value >= 0 && value <= 1);
  return isShare ? {scale: 100, suffix: ' (%)'} : plain;
}

/** A row that lacks an axis of others may still have the parameter of that name. */
export const axisText = (row: Pick<Row, 'cell' | 'settings'>, axis: string, words: Words): string =>
  valueText(row.cell[axis] ?? row.settings[axis], words);

/** A column of an axis or a parameter. */
export const namedColumn = (name: string, align: Column['align'], words: Words): Column => ({
  id: name,
  text: words(name),
  align,
});

export const axesOf = (rows: readonly {readonly cell: Row['cell']}[]): readonly string[] => [
  ...new Set(rows.flatMap(row => Object.keys(row.cell))),
];

export const metricText = (metric: string): string => metric.replaceAll('_', ' ');

export const percentOf = ({confidence}: Summary): string => `${Math.round(confidence * 100)} %`;
export const intervalName = (summary: Summary): string => `${percentOf(summary)} interval`;
export const isReplicated = ({rows}: MetricSummary): boolean =>
  rows.some(({status}) => status === 'replicated');
