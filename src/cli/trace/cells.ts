// The cells of one line of a published table, as they are read: Markdown, CSV or LaTeX.

import {parseCsv} from '../../report/page/csv.ts';

/** `line` counts from 1. */
export function cellsOf(name: string, text: string, line: number): readonly string[] {
  const written = text.split('\n')[line - 1] ?? '';
  if (name.endsWith('.csv')) return parseCsv(written)[0] ?? [];
  const cells = name.endsWith('.tex')
    ? written.replace(/\\\\\s*$/, '').split(' & ')
    : written.split(/(?<!\\)\|/).slice(1, -1);
  return cells.map(cell => cell.trim());
}
