// The results of one metric: a row per cell with mean, spread and published numbers beside it.

import type {Row, Summary} from '../statistics/summary.ts';
import {
  axesOf,
  axisText,
  intervalName,
  isReplicated,
  type MetricSummary,
  metricText,
  percentOf,
  type TableOptions,
  unitOf,
  valueText,
} from './metric-text.ts';
import {columnDecimals, fixed, meanText, type Unit} from './number-text.ts';
import {belongs, comparablePublished, publishedRemarks, publishedText} from './published-beside.ts';
import {type Column, cell, type Table} from './table.ts';

/** One row per cell; published rows follow the cells that they belong to, the others come last. */
export function resultsTable(summary: Summary, one: MetricSummary, options: TableOptions): Table {
  const {show, spread, published} = options;
  const unit = unitOf(one);
  const axes = axesOf(one.rows);
  const theirs = comparablePublished(published, summary);
  const decimals = columnDecimals(one.rows, spread, unit);
  const columns: Column[] = [
    ...axes.map((axis): Column => ({text: axis, align: 'left'})),
    ...show.map((name): Column => ({text: name, align: 'right'})),
    {text: 'runs', align: 'right'},
    {text: `${metricText(one.metric)}${unit.suffix}`, align: 'right'},
    ...(isReplicated(one)
      ? [{text: spread === 'sd' ? intervalName(summary) : 'SD', align: 'right'} as const]
      : []),
    ...(theirs.length > 0 ? [{text: 'published', align: 'left'} as const] : []),
  ];
  const left = new Set(theirs);
  const rows = one.rows.map(row => {
    const found = theirs.filter(other => belongs(other, row));
    for (const other of found) left.delete(other);
    const beside = found.map(
      other => `${publishedText(other, one.metric)} (${other.source}, ${other.setting})`,
    );
    return [
      ...axes.map(axis => cell(axisText(row, axis))),
      ...show.map(name => cell(valueText(row.settings[name]))),
      cell(String(row.n)),
      cell(meanText(row, spread, unit, decimals), row.notes),
      ...(isReplicated(one)
        ? [cell(spread === 'sd' ? meanInterval(row, unit, decimals) : sdText(row, unit, decimals))]
        : []),
      ...(theirs.length > 0 ? [cell(beside.join('; '))] : []),
    ];
  });
  const others = [...left].map(other => [
    ...axes.map(axis => cell(valueText(other.cell[axis]))),
    ...show.map(() => cell('')),
    cell(''),
    cell(''),
    ...(isReplicated(one) ? [cell('')] : []),
    cell(`${publishedText(other, one.metric)} (${other.source}, ${other.setting})`),
  ]);
  return {
    title: `${options.title}: ${metricText(one.metric)}`,
    columns,
    rows: [...rows, ...others],
    remarks: [...remarksOf(summary, one, spread), ...publishedRemarks(published, theirs)],
  };
}

const sdText = ({sd, status}: Row, {scale}: Unit, decimals: number): string =>
  sd === null || status !== 'replicated' ? '–' : fixed(sd * scale, decimals);

const meanInterval = ({interval}: Row, {scale}: Unit, decimals: number): string =>
  interval === null
    ? '–'
    : `${fixed(interval.low * scale, decimals)} to ${fixed(interval.high * scale, decimals)}`;

function remarksOf(summary: Summary, one: MetricSummary, spread: 'interval' | 'sd'): readonly string[] {
  const names = [...new Set(summary.datasets.map(({name}) => name))];
  const subsets = [...new Set(summary.datasets.filter(({is_subset}) => is_subset).map(({name}) => name))];
  return [
    ...(names.length > 0 ? [`Data: ${names.join(', ')}.`] : []),
    ...(one.better === null ? [] : [`${one.better === 'higher' ? 'Higher' : 'Lower'} is better.`]),
    ...(isReplicated(one)
      ? [
          spread === 'sd'
            ? `Mean ± standard deviation over values of ${summary.over} (n − 1 in the denominator), and the t interval of the mean.`
            : `Mean ± half of the t interval of the mean (${percentOf(summary)}), over values of ${summary.over}; SD has n − 1 in the denominator.`,
        ]
      : []),
    ...(subsets.length > 0
      ? [`Trained or tested on a part of ${subsets.join(', ')}: do not compare with published numbers.`]
      : []),
    ...one.warnings,
  ];
}
