// Tables as Markdown whose columns are aligned in the source as well, so that it reads well without a renderer.

import {footnotesOf, markOf, type Table} from './table.ts';

/** A section with a heading of `level`, the table, its footnotes and remarks. Ends with a line break. */
export function toMarkdown(table: Table, level: number): string {
  const notes = footnotesOf(table);
  const rows = table.rows.map(row =>
    row.map(({text, notes: own}) => {
      const marks = own.map(note => raised(markOf(notes.indexOf(note)))).join('\u2009');
      return escapeCell(text) + marks;
    }),
  );
  const heads = table.columns.map(column => escapeCell(column.text));
  const widths = heads.map((head, at) => Math.max(3, head.length, ...rows.map(row => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text, at) => pad(text, widths[at] ?? 0, table.columns[at]?.align ?? 'left')).join(' | ')} |`;
  const rule = table.columns.map(({align}, at) => {
    const dashes = '-'.repeat((widths[at] ?? 3) - (align === 'right' ? 1 : 0));
    return align === 'right' ? `${dashes}:` : dashes;
  });
  return [
    `${'#'.repeat(level)} ${table.title}`,
    '',
    line(heads),
    line(rule),
    ...rows.map(line),
    ...notes.flatMap((note, index) => ['', `${raised(markOf(index))} ${escapeText(note)}`]),
    ...table.remarks.flatMap(remark => ['', escapeText(remark)]),
    '',
  ].join('\n');
}

/** The line of a row within its section, from 0. */
export const markdownLineOf = (row: number): number => row + 4;

/** Raised letters as characters, so that a terminal shows them as a browser does. */
const raised = (mark: string): string => mark.replace(/[a-z]/g, letter => superscripts[letter] ?? letter);
const superscripts: Readonly<Record<string, string>> = Object.fromEntries(
  Array.from('ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ', (raisedLetter, at) => [markOf(at), raisedLetter]),
);

const pad = (text: string, width: number, align: 'left' | 'right'): string =>
  align === 'right' ? text.padStart(width) : text.padEnd(width);

/** An underscore within a word and a `<` before a space are no mark-up, and read better bare. */
const escapeText = (text: string): string =>
  text.replace(/[\\*`[\]]|<(?! )|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, '\\$&');
const escapeCell = (text: string): string => escapeText(text).replaceAll('|', '\\|').replaceAll('\n', ' ');
