// The tables of a study in their order: of each metric the results, the differences, what the runs can show, several
// data sets together, and every run; those that were chosen, with the columns that were.

import {StageError} from '../../src/stage/define.ts';
import type {Summary} from '../statistics/summary.ts';
import {acrossTable} from './across-table.ts';
import {differencesTable} from './differences-table.ts';
import {evidenceTable} from './evidence-table.ts';
import {axesOf, type MetricSummary, type TableOptions} from './metric-text.ts';
import {resultsTable} from './results-table.ts';
import {runsTable} from './runs-table.ts';
import {type Table, withColumns} from './table.ts';

export interface NamedTable {
  readonly table: Table;
  /** For references: `test_accuracy-results`. */
  readonly label: string;
}

const makers = {
  results: resultsTable,
  differences: differencesTable,
  evidence: evidenceTable,
  across: acrossTable,
  runs: runsTable,
} satisfies Readonly<
  Record<string, (summary: Summary, one: MetricSummary, options: TableOptions) => Table | null>
>;

export type TableName = keyof typeof makers;

/** @throws StageError for a column that no table has. */
export function chosenTables(
  summary: Summary,
  options: TableOptions,
  names: readonly TableName[],
  columns: readonly string[] | undefined,
): readonly NamedTable[] {
  const known = new Set<string>();
  const tables = summary.metrics.flatMap(one => {
    const always = new Set([
      ...axesOf(one.rows),
      'against',
      ...(summary.compare === null ? [] : [summary.compare]),
    ]);
    return names.flatMap((name): readonly NamedTable[] => {
      const table = makers[name](summary, one, options);
      if (table === null) return [];
      for (const {id} of table.columns) known.add(id);
      // Repetitions are what the table of every run is for.
      const isCut = columns !== undefined && name !== 'runs';
      return [{table: isCut ? withColumns(table, columns, always) : table, label: `${one.metric}-${name}`}];
    });
  });
  const stranger = columns?.find(column => !known.has(column));
  if (stranger !== undefined) {
    throw new StageError(`columns: expected some of ${[...known].join(', ')}; got ${stranger}`);
  }
  return tables;
}
