// Names and values in two columns under a title, for the terminal. Values of others come in printable.

import {printable} from '../../core/printable.ts';
import type {Palette} from '../../report/palette.ts';
import {type Column, renderTable} from '../../report/table.ts';

/** Already printable, colours included. */
export type Painted = readonly [name: string, value: string];

const PAIRS: readonly Column[] = [
  {header: '', align: 'left'},
  {header: '', align: 'left'},
];

/** Nothing where there are no rows. */
export function drawPairs(title: string, rows: readonly Painted[], palette: Palette, note = ''): string[] {
  if (rows.length === 0) return [];
  const drawn = renderTable(
    PAIRS,
    rows.map(([name, value]) => [`  ${printable(name)}`, value]),
  );
  return ['', `${palette.strong(title)}${note === '' ? '' : palette.dim(` ${note}`)}`, ...drawn];
}
