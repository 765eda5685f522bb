// A table as a value: columns, rows of text, footnotes. Formats (Markdown, LaTeX) render it and decide nothing.

export interface Column {
  readonly text: string;
  readonly align: 'left' | 'right';
}

export interface TableCell {
  readonly text: string;
  /** Whole sentences; the table numbers them and shows each one once. */
  readonly notes: readonly string[];
}

export interface Table {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly TableCell[])[];
  /** Sentences on the table as a whole. */
  readonly remarks: readonly string[];
}

export const cell = (text: string, notes: readonly string[] = []): TableCell => ({text, notes});

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
