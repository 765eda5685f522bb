// A Markdown document shown on a terminal: its tables aligned, its headings strong. Everything else as it is.

import type {Palette} from './palette.ts';
import {type Column, renderTable} from './table.ts';

/** Lines of text. Tables are indented by two spaces. */
export function renderMarkdown(text: string, palette: Palette): string[] {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const drawn: string[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? '';
    const aligns = alignsOf(lines[at + 1] ?? '');
    if (isRow(line) && aligns !== undefined) {
      let end = at + 2;
      while (end < lines.length && isRow(lines[end] ?? '')) end++;
      drawn.push(...drawTable(cellsOf(line), aligns, lines.slice(at + 2, end).map(cellsOf), palette));
      at = end;
    } else {
      drawn.push(drawLine(line, palette));
      at++;
    }
  }
  return trimBlank(drawn);
}

/** True where a document holds at least one table. */
export const hasTable = (text: string): boolean => {
  const lines = text.split(/\r?\n/);
  return lines.some((line, index) => isRow(line) && alignsOf(lines[index + 1] ?? '') !== undefined);
};

const isRow = (line: string): boolean => line.trimStart().startsWith('|');

function cellsOf(line: string): string[] {
  const inner = line.trim().replace(/^\|/, '').replace(/\|$/, '');
  return inner.split(/(?<!\\)\|/).map(cell => plainText(cell.trim().replaceAll('\\|', '|')));
}

type Align = 'left' | 'right';

function alignsOf(line: string): Align[] | undefined {
  if (!isRow(line) || !/^[\s|:-]+$/.test(line) || !line.includes('-')) return undefined;
  return cellsOf(line).map(cell => (cell.endsWith(':') && !cell.startsWith(':') ? 'right' : 'left'));
}

function drawTable(
  header: readonly string[],
  aligns: readonly Align[],
  rows: readonly (readonly string[])[],
  palette: Palette,
): string[] {
  const columns = header.map((text, index): Column => {
    const isNumeric = rows.length > 0 && rows.every(row => /^$|^[-+−]?\d|^[—–-]$/.test(row[index] ?? ''));
    return {header: text, align: isNumeric ? 'number' : (aligns[index] ?? 'left')};
  });
  return renderTable(columns, rows, palette.dim).map(line => `  ${line}`);
}

function drawLine(line: string, palette: Palette): string {
  const heading = /^#{1,6}\s+(.*)$/.exec(line);
  return heading ? palette.strong(plainText(heading[1] ?? '')) : plainText(line);
}

/** Without the marks of emphasis, code and links. */
const plainText = (text: string): string =>
  text
    .replace(/\*\*(.+?)\*\*/g, '$1')
    .replace(/(?<![\w*])\*(\S(?:.*?\S)?)\*(?!\w)/g, '$1')
    .replace(/`([^`]+)`/g, '$1')
    .replace(/\[([^\]]+)\]\([^)\s]+\)/g, '$1');

function trimBlank(lines: readonly string[]): string[] {
  let start = 0;
  let end = lines.length;
  while (start < end && lines[start]?.trim() === '') start++;
  while (end > start && lines[end - 1]?.trim() === '') end--;
  return lines.slice(start, end);
}
