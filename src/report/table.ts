// Aligned text tables: rows of cells in, lines out. Cells may be coloured; widths are those seen on a terminal.

import {stripVTControlCharacters} from 'node:util';
import stringWidth from 'string-width';
import {type Paint, plainPalette} from './palette.ts';

export interface Column {
  readonly header: string;
  /** `number` aligns at the decimal point; cells that hold no number are set to the right. */
  readonly align: 'left' | 'right' | 'number';
}

const NUMBER = /^([-+−]?\d[\d,]*)(\.\d+)?(.*)$/;

/** Lines without trailing white space; columns are two spaces apart. Missing cells are empty. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  dim: Paint = plainPalette.dim,
): string[] {
  const cells = columns.map((column, index) =>
    alignFractions(
      rows.map(row => row[index] ?? ''),
      column.align,
    ),
  );
  const widths = columns.map((column, index) =>
    Math.max(stringWidth(column.header), ...(cells[index] ?? []).map(cell => stringWidth(cell))),
  );
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) => padCell(text, widths[index] ?? 0, columns[index]?.align ?? 'left'))
      .join('  ')
      .trimEnd();
  const header = columns.some(column => column.header !== '')
    ? [dim(line(columns.map(column => column.header)))]
    : [];
  return [...header, ...rows.map((_, row) => line(cells.map(column => column[row] ?? '')))];
}

function padCell(text: string, width: number, align: Column['align']): string {
  const space = ' '.repeat(Math.max(0, width - stringWidth(text)));
  return align === 'left' ? text + space : space + text;
}

/** Pads what follows the decimal point, so that setting the cells to the right aligns the points. */
function alignFractions(cells: readonly string[], align: Column['align']): readonly string[] {
  if (align !== 'number') return cells;
  const tails = cells.map(cell => {
    const match = NUMBER.exec(stripVTControlCharacters(cell));
    return match === null ? undefined : (match[2] ?? '').length + stringWidth(match[3] ?? '');
  });
  const widest = Math.max(0, ...tails.map(tail => tail ?? 0));
  return cells.map((cell, index) => {
    const tail = tails[index];
    return tail === undefined ? cell : cell + ' '.repeat(widest - tail);
  });
}
