// The results of one metric: a row per cell with mean, spread and published numbers beside it.

import {cellKey, groupBy, without} from '../statistics/runs.ts';
import type {Row, Summary} from '../statistics/summary.ts';
import {
  axesOf,
  axisText,
  intervalName,
  isReplicated,
  type MetricSummary,
  metricText,
  namedColumn,
  percentOf,
  type TableOptions,
  unitOf,
  valueText,
} from './metric-text.ts';
import {columnDecimals, fixed, meanText, type Unit} from './number-text.ts';
import {belongs, comparablePublished, publishedRemarks, publishedText} from './published-beside.ts';
import {withSources} from './source.ts';
import {type Column, cell, type Table} from './table.ts';

/** One row per cell; published rows follow the cells that they belong to, the others come last. */
export function resultsTable(summary: Summary, one: MetricSummary, options: TableOptions): Table {
  const {show, spread, published, words} = options;
  const unit = unitOf(one);
  const axes = axesOf(one.rows);
  const theirs = comparablePublished(published, summary);
  const decimals = columnDecimals(one.rows, spread, unit);
  // Equal costs need no column.
  const hasCosts = new Set(one.rows.map(({cost}) => cost)).size > 1;
  const columns: Column[] = [
    ...axes.map(axis => namedColumn(axis, 'left', words)),
    ...show.map(name => namedColumn(name, 'right', words)),
    {id: 'runs', text: 'runs', align: 'right'},
    {id: 'mean', text: `${metricText(one.metric)}${unit.suffix}`, align: 'right'},
    ...(isReplicated(one)
      ? [{id: 'spread', text: spread === 'sd' ? intervalName(summary) : 'SD', align: 'right'} as const]
      : []),
    ...(hasCosts ? [{id: 'gradients', text: 'gradients', align: 'right'} as const] : []),
    ...(theirs.length > 0 ? [{id: 'published', text: 'published', align: 'left'} as const] : []),
  ];
  const left = new Set(theirs);
  const best = bestRows(summary, one);
  const rows = one.rows.map(row => {
    const found = theirs.filter(other => belongs(other, row));
    for (const other of found) left.delete(other);
    const beside = found.map(
      other => `${publishedText(other, one.metric)} (${other.source}, ${other.setting})`,
    );
    const cells = [
      ...axes.map(axis => cell(axisText(row, axis, words))),
      ...show.map(name => cell(valueText(row.settings[name], words))),
      cell(String(row.n)),
      cell(meanText(row, spread, unit, decimals), row.notes, best.has(row)),
      ...(isReplicated(one)
        ? [cell(spread === 'sd' ? meanInterval(row, unit, decimals) : sdText(row, unit, decimals))]
        : []),
      ...(hasCosts ? [cell(row.cost === null ? '–' : thousands(row.cost))] : []),
      ...(theirs.length > 0 ? [cell(beside.join('; '))] : []),
    ];
    return withSources(columns, cells, {metric: one.metric, of: row.runs, against: []});
  });
  const others = [...left].map(other => [
    ...axes.map(axis => cell(valueText(other.cell[axis], words))),
    ...show.map(() => cell('')),
    cell(''),
    cell(''),
    ...(isReplicated(one) ? [cell('')] : []),
    ...(hasCosts ? [cell('')] : []),
    cell(`${publishedText(other, one.metric)} (${other.source}, ${other.setting})`),
  ]);
  return {
    title: `${options.title}: ${metricText(one.metric)}`,
    columns,
    rows: [...rows, ...others],
    remarks: [
      ...remarksOf(summary, one, options),
      ...(hasCosts ? ['Gradients: of a whole batch, that one run took in training.'] : []),
      ...publishedRemarks(published, theirs),
    ],
  };
}

/** Whole, with commas. */
const thousands = (value: number): string => Math.round(value).toLocaleString('en');

/** Of each set of arms that are compared, the row with the best mean; none where it is alone or nobody knows. */
function bestRows({compare}: Summary, {rows, better}: MetricSummary): ReadonlySet<Row> {
  if (compare === null || better === null) return new Set();
  const isBefore = (a: Row, b: Row): boolean =>
    better === 'higher' ? (a.mean ?? 0) > (b.mean ?? 0) : (a.mean ?? 0) < (b.mean ?? 0);
  const best = new Set<Row>();
  for (const group of groupBy(rows, row => cellKey(without(row.cell, [compare]))).values()) {
    const known = group.filter(({mean}) => mean !== null);
    const [first, ...others] = known;
    if (first === undefined || others.length === 0) continue;
    const top = others.reduce((winner, row) => (isBefore(row, winner) ? row : winner), first);
    for (const row of known) if (row.mean === top.mean) best.add(row);
  }
  return best;
}

const sdText = ({sd, status}: Row, {scale}: Unit, decimals: number): string =>
  sd === null || status !== 'replicated' ? '–' : fixed(sd * scale, decimals);

const meanInterval = ({interval}: Row, {scale}: Unit, decimals: number): string =>
  interval === null
    ? '–'
    : `${fixed(interval.low * scale, decimals)} to ${fixed(interval.high * scale, decimals)}`;

function remarksOf(summary: Summary, one: MetricSummary, {spread, words}: TableOptions): readonly string[] {
  const names = [...new Set(summary.datasets.map(({name}) => words(name)))];
  const subsets = [
    ...new Set(summary.datasets.filter(({is_subset}) => is_subset).map(({name}) => words(name))),
  ];
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
