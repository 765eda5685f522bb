// A table as a value: columns, rows of text, footnotes. Formats (Markdown, LaTeX) render it and decide nothing.

import type {Row} from '../statistics/summary.ts';

export type SourceRun = Row['runs'][number];

/** Where the number of a cell comes from. */
export interface CellSource {
  readonly metric: string;
  readonly statistic: string;
  readonly of: readonly SourceRun[];
  readonly against: readonly SourceRun[];
}

export interface Column {
  /** What a pipeline calls the column when it chooses some; axes and parameters by their names. */
  readonly id: string;
  readonly text: string;
  readonly align: 'left' | 'right';
}

export interface TableCell {
  readonly text: string;
  /** Whole sentences; the table numbers them and shows each one once. */
  readonly notes: readonly string[];
  /** Whether this is the best value among those that it is compared with. */
  readonly isBest: boolean;
  /** Where its number comes from; `null` for what is no number of the study. */
  readonly source: CellSource | null;
}

export interface Table {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly TableCell[])[];
  /** Sentences on the table as a whole. */
  readonly remarks: readonly string[];
}

export const cell = (text: string, notes: readonly string[] = [], isBest = false): TableCell => ({
  text,
  notes,
  isBest,
  source: null,
});

/** The table with these columns alone, in its own order; those in `always` stay. */
export function withColumns(table: Table, chosen: readonly string[], always: ReadonlySet<string>): Table {
  const isKept = table.columns.map(({id}) => always.has(id) || chosen.includes(id));
  return {
    ...table,
    columns: table.columns.filter((_, at) => isKept[at]),
    rows: table.rows.map(row => row.filter((_, at) => isKept[at])),
  };
}

/** The footnotes of a table in the order of their first mark. */
export function footnotesOf(table: Table): readonly string[] {
  return [...new Set(table.rows.flatMap(row => row.flatMap(({notes}) => notes)))];
}

const letters = 'abcdefghijklmnoprstuvwxyz'; // no q: it has no raised form in Unicode
/** `a`, `b`, … `z`, `aa`: the mark of the footnote with this index. */
export const markOf = (index: number): string => {
  const last = letters.charAt(index % letters.length);
  return index < letters.length ? last : `${markOf(Math.floor(index / letters.length) - 1)}${last}`;
};
