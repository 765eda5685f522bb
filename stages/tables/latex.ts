// Tables as LaTeX with booktabs: `\usepackage{booktabs}` is all that they need.

import {footnotesOf, markOf, type Table} from './table.ts';

/** One `table` float with its footnotes below. Ends with a line break. */
export function toLatex(table: Table, label: string): string {
  const notes = footnotesOf(table);
  const row = (cells: readonly string[]) => `    ${cells.join(' & ')} \\\\`;
  const mark = (own: readonly string[]) =>
    own.length === 0 ? '' : `$^{${own.map(note => markOf(notes.indexOf(note))).join(',')}}$`;
  return [
    '\\begin{table}',
    '  \\centering',
    `  \\caption{${escapeLatex(table.title)}}`,
    `  \\label{tab:${label}}`,
    `  \\begin{tabular}{${table.columns.map(({align}) => (align === 'right' ? 'r' : 'l')).join('')}}`,
    '    \\toprule',
    row(table.columns.map(column => escapeLatex(column.text))),
    '    \\midrule',
    ...table.rows.map(cells => row(cells.map(({text, notes: own}) => escapeLatex(text) + mark(own)))),
    '    \\bottomrule',
    '  \\end{tabular}',
    ...[
      ...notes.map((note, index) => `$^{${markOf(index)}}$ ${escapeLatex(note)}`),
      ...table.remarks.map(escapeLatex),
    ].map(line => `\n  \\smallskip\\parbox{\\linewidth}{\\footnotesize ${line}}`),
    '\\end{table}',
    '',
  ].join('\n');
}

const special: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '{': '\\{',
  '}': '\\}',
  $: '\\$',
  '&': '\\&',
  '#': '\\#',
  '%': '\\%',
  _: '\\_',
  '^': '\\textasciicircum{}',
  '~': '\\textasciitilde{}',
  '<': '$<$',
  '>': '$>$',
  '±': '$\\pm$',
  '−': '$-$',
  '–': '--',
  '×': '$\\times$',
  '≥': '$\\geq$',
  '≤': '$\\leq$',
};

/** Text that LaTeX shows as it is. */
export const escapeLatex = (text: string): string =>
  text.replace(/[\\{}$&#%_^~<>±−–×≥≤]/g, character => special[character] ?? character);
