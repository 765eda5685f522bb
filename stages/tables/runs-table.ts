// Every run of one metric: a row per cell, a column per repetition.

import type {Summary} from '../statistics/summary.ts';
import {
  axesOf,
  axisText,
  type MetricSummary,
  metricText,
  namedColumn,
  type TableOptions,
  unitOf,
  valueText,
} from './metric-text.ts';
import {columnDecimals, fixed} from './number-text.ts';
import {type Column, cell, type Table, type TableCell} from './table.ts';

/** So many repetitions stand in a table; the CSV has all of them. */
const MOST_COLUMNS = 40;

/** Every run: one row per cell, one column per repetition; runs with the weights of another are marked. */
export function runsTable(summary: Summary, one: MetricSummary, options: TableOptions): Table {
  const unit = unitOf(one);
  const {words} = options;
  const axes = axesOf(one.rows);
  // One digit more than the means have.
  const decimals = unit.scale === 100 ? 2 : columnDecimals(one.rows, 'sd', unit) + 1;
  const all = [...new Set(one.rows.flatMap(row => row.runs.map(run => run.over)))];
  const overs = all.slice(0, MOST_COLUMNS);
  const rows = one.rows.map((row): TableCell[] => {
    const byOver = new Map(row.runs.map(run => [run.over, run]));
    return [
      ...axes.map(axis => cell(axisText(row, axis, words))),
      ...overs.map(over => {
        const run = byOver.get(over);
        if (run === undefined) return cell('');
        if (run.value === null) return cell(run.not_finite ?? (run.diverged ? 'diverged' : '–'));
        const first = row.runs.find(other => other.weights !== null && other.weights === run.weights);
        const isCopy = first !== undefined && first !== run;
        const shown = cell(
          fixed(run.value * unit.scale, decimals),
          isCopy ? [`The same weights as ${summary.over} ${valueText(first.over)}.`] : [],
        );
        return {...shown, source: {metric: one.metric, statistic: 'value', of: [run], against: []}};
      }),
    ];
  });
  return {
    title: `${options.title}: every run, ${metricText(one.metric)}${unit.suffix}`,
    columns: [
      ...axes.map(axis => namedColumn(axis, 'left', words)),
      ...overs.map(
        (over): Column => ({
          id: `${summary.over} ${valueText(over)}`,
          text: `${summary.over} ${valueText(over)}`,
          align: 'right',
        }),
      ),
    ],
    rows,
    remarks:
      all.length > overs.length
        ? [`${all.length - overs.length} more values of ${summary.over} are in the CSV.`]
        : [],
  };
}
