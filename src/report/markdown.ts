// A Markdown document shown on a terminal: its tables aligned, its headings strong. Everything else as it is.

import stringWidth from 'string-width';
import type {Palette} from './palette.ts';
import {type Column, renderTable} from './table.ts';

/**
 * Lines of text. Tables are indented by two spaces. What is wider than `columns` is fitted: prose breaks between words,
 * and a table goes on below with its first column repeated.
 */
export function renderMarkdown(text: string, palette: Palette, columns = Number.POSITIVE_INFINITY): string[] {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const drawn: string[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? '';
    const aligns = alignsOf(lines[at + 1] ?? '');
    if (isRow(line) && aligns !== undefined) {
      let end = at + 2;
      while (end < lines.length && isRow(lines[end] ?? '')) end++;
      drawn.push(
        ...drawTable(cellsOf(line), aligns, lines.slice(at + 2, end).map(cellsOf), palette, columns),
      );
      at = end;
    } else {
      drawn.push(...drawLine(line, palette, columns));
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
  width: number,
): string[] {
  const columns = header.map((text, index): Column => {
    const isNumeric = rows.length > 0 && rows.every(row => /^$|^[-+−]?\d|^[—–-]$/.test(row[index] ?? ''));
    return {header: text, align: isNumeric ? 'number' : (aligns[index] ?? 'left')};
  });
  const draw = (indices: readonly number[]): string[] =>
    renderTable(
      indices.flatMap(index => columns[index] ?? []),
      rows.map(row => indices.map(index => row[index] ?? '')),
      palette.dim,
    ).map(line => `  ${line}`);
  const widthOf = (lines: readonly string[]): number => Math.max(...lines.map(line => stringWidth(line)));
  const drawn: string[] = [];
  let block: number[] = [0];
  for (let index = 1; index < columns.length; index++) {
    if (block.length > 1 && widthOf(draw([...block, index])) > width) {
      drawn.push(...draw(block), '');
      block = [0];
    }
    block.push(index);
  }
  return [...drawn, ...draw(block)];
}

function drawLine(line: string, palette: Palette, columns: number): string[] {
  const heading = /^#{1,6}\s+(.*)$/.exec(line);
  return heading ? [palette.strong(plainText(heading[1] ?? ''))] : wrap(plainText(line), columns);
}

function wrap(text: string, columns: number): string[] {
  if (stringWidth(text) <= columns) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && stringWidth(longer) > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

/** Without the marks of emphasis, code and links. */
const plainText = (text: string): string =>
  // Behind a backslash a mark is itself: out of the way while marks are taken away, and put back as it is.
  text
    .replace(/\\([!-/:-@[-`{-~])/g, (_, mark: string) => String.fromCodePoint(ESCAPED + mark.charCodeAt(0)))
    .replace(/\*\*(.+?)\*\*/g, '$1')
    .replace(/(?<![\w*])\*(\S(?:.*?\S)?)\*(?!\w)/g, '$1')
    .replace(/`([^`]+)`/g, '$1')
    .replace(/\[([^\]]+)\]\([^)\s]+\)/g, '$1')
    .replace(/[\u{E021}-\u{E07E}]/gu, mark =>
      String.fromCharCode((mark.codePointAt(0) ?? ESCAPED) - ESCAPED),
    );

/** Where the private characters begin that stand for escaped ones. */
const ESCAPED = 0xe000;

function trimBlank(lines: readonly string[]): string[] {
  let start = 0;
  let end = lines.length;
  while (start < end && lines[start]?.trim() === '') start++;
  while (end > start && lines[end - 1]?.trim() === '') end--;
  return lines.slice(start, end);
}
