// Tables as LaTeX: booktabs' rules, siunitx' columns of numbers aligned at the decimal point, the best value bold,
// shrunk where they are wider than the text. The preamble that they need is their first lines.

import {footnotesOf, markOf, type Table, type TableCell} from './table.ts';

/** What a document that inputs the tables has to load. */
export const latexPreamble = [
  '% Needs, before \\begin{document}:',
  '%   \\usepackage{array,booktabs,graphicx,siunitx}',
  '%   \\sisetup{separate-uncertainty, detect-all, retain-explicit-plus}',
].join('\n');

/** One `table` float with its footnotes below. Ends with a line break. */
export function toLatex(table: Table, label: string): string {
  const notes = footnotesOf(table);
  const formats = table.columns.map((_, at) => formatOf(table.rows.map(row => row[at])));
  const row = (cells: readonly string[]) => `      ${cells.join(' & ')} \\\\`;
  const mark = (own: readonly string[]) =>
    own.length === 0 ? '' : `$^{\\mathrm{${own.map(note => markOf(notes.indexOf(note))).join(',')}}}$`;
  const cellText = (cell: TableCell, at: number): string => {
    const {text, notes: own, isBest} = cell;
    const format = formats[at];
    if (format === undefined)
      return `${isBest ? `\\textbf{${latexText(text)}}` : latexText(text)}${mark(own)}`;
    if (!isNumber(text)) return text === '' ? '' : `{${latexText(text)}${mark(own)}}`;
    return `${isBest ? '\\bfseries ' : ''}${inSiunitx(text)}${own.length === 0 ? '' : `{${mark(own)}}`}`;
  };
  const columns = table.columns.map(({align}, at) => {
    const isLong = table.rows.some(cells => (cells[at]?.text.length ?? 0) > longestLine);
    return formats[at] ?? (isLong ? paragraph : align === 'right' ? 'r' : 'l');
  });
  const isAnyBest = table.rows.some(cells => cells.some(({isBest}) => isBest));
  return [
    '\\begin{table}',
    '  \\centering',
    `  \\caption{${latexText(table.title)}}`,
    `  \\label{tab:${label}}`,
    // Only what is wider than the text is shrunk.
    '  \\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%',
    `    \\begin{tabular}{${columns.join('')}}`,
    '      \\toprule',
    row(table.columns.map(({text}) => headText(text))),
    '      \\midrule',
    ...table.rows.map(cells => row(cells.map(cellText))),
    '      \\bottomrule',
    '    \\end{tabular}%',
    '  }',
    '',
    '  \\smallskip',
    '  \\parbox{\\linewidth}{\\footnotesize',
    ...notes.map((note, index) => `    $^{\\mathrm{${markOf(index)}}}$ ${latexText(note)}\\par`),
    ...[...(isAnyBest ? [boldRemark] : []), ...table.remarks].map(remark => `    ${latexText(remark)}`),
    '  }',
    '\\end{table}',
    '',
  ].join('\n');
}

/** The line of a row within its float, from 0. */
export const latexLineOf = (row: number): number => row + 9;

const boldRemark =
  'Bold: the best mean of those that are compared, whether or not the difference is more than noise.';

/** Longer texts are set as paragraphs. */
const longestLine = 26;
const paragraph = '>{\\raggedright\\arraybackslash}p{3.4cm}';

/** A head in braces, so that a column of numbers takes it; on two lines where it is long. */
function headText(text: string): string {
  const words = text.split(' ');
  if (text.length <= 12 || words.length === 1) return `{${latexText(text)}}`;
  const breaks = words
    .slice(1)
    .map((_, at) => [words.slice(0, at + 1).join(' '), words.slice(at + 1).join(' ')]);
  const widthOf = (lines: readonly string[]): number => Math.max(...lines.map(line => line.length));
  const best = breaks.reduce((least, lines) => (widthOf(lines) < widthOf(least) ? lines : least));
  return `{\\shortstack{${best.map(latexText).join('\\\\')}}}`;
}

const number = /^([+−]?)(\d+)(?:\.(\d+))?(?: ± (\d+)(?:\.(\d+))?)?$/;
const isNumber = (text: string): boolean => number.test(text);
const inSiunitx = (text: string): string => text.replace('−', '-').replace(' ± ', ' \\pm ');

/** An `S` column with the digits that its numbers need; `undefined` for a column of words. */
function formatOf(cells: readonly (TableCell | undefined)[]): string | undefined {
  const texts = cells.map(one => one?.text ?? '');
  const found = texts.flatMap(text => {
    const match = number.exec(text);
    return match === null ? [] : [match];
  });
  if (found.length === 0 || texts.some(text => !isNumber(text) && text !== '' && text !== '–'))
    return undefined;
  const longest = (group: number): number => Math.max(...found.map(match => match[group]?.length ?? 0));
  const sign = found.some(match => match[1] !== '') ? '+' : '';
  const [whole, decimals] = [longest(2), longest(3)];
  const uncertain = found.some(match => match[4] !== undefined);
  const uncertainty = uncertain
    ? `(${longest(4) > 1 || decimals === 0 ? longest(4) + decimals : decimals + 1})`
    : '';
  const marks = Math.max(...cells.map(one => one?.notes.length ?? 0));
  const align =
    marks > 0 ? `,table-space-text-post={$^{\\mathrm{${Array(marks).fill('a').join(',')}}}$}` : '';
  return `S[table-format=${sign}${whole}${decimals > 0 ? `.${decimals}` : ''}${uncertainty}${align}]`;
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
  '\u2009': '\\,',
  ρ: '$\\rho$',
  χ: '$\\chi$',
  '²': '$^2$',
  '’': "'",
};

/** Text that LaTeX shows as it is. */
export const escapeLatex = (text: string): string =>
  text
    .replace(/(?<=\d) (?=%)/g, '\u2009')
    .replace(/[\\{}$&#%_^~<>±−–×≥≤ρχ²’\u2009]/g, character => special[character] ?? character);

/** Text whose statistics are set as mathematics: p, n, d_z, 2^24, −0.38, < 0.0001. */
export function latexText(text: string): string {
  const pattern =
    /(?<![\w\\])(d_z|[pn](?= [<≥≤=]|, | to | value|$|\b(?=[ ,.)]))|P\(better\)|(?:\d+)\^\d+|[<>±] ?[+−]?\d+(?:\.\d+)?|[+−]\d+(?:\.\d+)?)(?!\w)/g;
  const parts: string[] = [];
  let last = 0;
  for (const match of text.matchAll(pattern)) {
    parts.push(escapeLatex(text.slice(last, match.index)), `$${mathOf(match[0])}$`);
    last = match.index + match[0].length;
  }
  return [...parts, escapeLatex(text.slice(last))].join('');
}

const mathOf = (text: string): string =>
  text
    .replace('P(better)', 'P(\\mathrm{better})')
    .replace(/\^(\d+)/, '^{$1}')
    .replace('±', '\\pm ')
    .replace('−', '-');
