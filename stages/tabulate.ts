// The tables of a study: results, differences and every run, as Markdown, CSV and LaTeX.

import {writeFile} from 'node:fs/promises';
import {defineStage, type Study, z} from '../src/stage/define.ts';
import {describeStudy} from '../src/stage/study.ts';
import {readSummary} from './statistics/summary.ts';
import {toCsv} from './tables/csv.ts';
import {latexLineOf, latexPreamble, toLatex} from './tables/latex.ts';
import {markdownLineOf, toMarkdown} from './tables/markdown.ts';
import {findPublished, publishedSchema} from './tables/published.ts';
import {comparablePublished} from './tables/published-beside.ts';
import {chosenTables, type NamedTable} from './tables/study.ts';
import type {TableCell} from './tables/table.ts';
import {type TracedFile, traceOf} from './tables/trace.ts';
import {namesWith, type Words, wordsWith} from './tables/words.ts';

export default defineStage({
  about: 'Tables of a summary, with published numbers beside one’s own: Markdown, CSV and LaTeX.',
  params: z.object({
    title: z.string().default('Results'),
    spread: z
      .enum(['interval', 'sd'])
      .default('interval')
      .describe('what follows ±: half of the t interval of the mean, or the standard deviation'),
    show: z.array(z.string()).default([]).describe('parameters of the runs to show, such as lr and rho'),
    tables: z
      .array(z.enum(['results', 'differences', 'evidence', 'across', 'runs']))
      .min(1)
      .default(['results', 'differences', 'evidence', 'across', 'runs'])
      .describe('which tables to write'),
    columns: z
      .array(z.string().min(1))
      .optional()
      .describe('columns to keep beside those that say what a row is, such as mean, difference, interval, p'),
    labels: z
      .record(z.string(), z.string())
      .default({})
      .describe('what axes and their values are called: {sam: Ours, lr: step size}'),
    published: z
      .array(publishedSchema)
      .default([])
      .describe('names of studies in data/published.json, or rows of your own'),
  }),
  inputs: {summary: 'one'},
  traces: true,
  outputs: {
    markdown: {kind: 'file', name: 'table.md'},
    csv: {kind: 'file', name: 'table.csv'},
    latex: {kind: 'file', name: 'table.tex'},
    trace: {kind: 'file', name: 'table.trace.json'},
  },
  holds: {
    summary: 'the JSON of aggregate',
    markdown: 'Markdown: the tables, and notes on what the numbers are',
    csv: 'CSV: one row per run and metric, for other programs',
    trace: 'JSON: for each line and column of these files, which results its number comes from',
    latex: 'LaTeX with booktabs and siunitx: the tables alone, to be read by a document',
  },
  async run({params, inputs, outputs, study, log}) {
    const summary = await readSummary(inputs.summary.files.summary ?? inputs.summary.path);
    const published = findPublished(params.published);
    const make = (words: Words): readonly NamedTable[] =>
      chosenTables(summary, {...params, published, words}, params.tables, params.columns).map(
        ({table, label}) => ({
          table: {...table, remarks: [...studyRemarks(study), ...table.remarks]},
          label,
        }),
      );
    const markdown = joined(
      make(namesWith(params.labels)),
      ({table}) => toMarkdown(table, 2),
      markdownLineOf,
    );
    const latex = joined(
      make(wordsWith(params.labels)),
      ({table, label}) => toLatex(table, label),
      latexLineOf,
      latexPreamble.split('\n').length,
    );
    const csv = toCsv(summary, comparablePublished(published, summary));
    const files: readonly TracedFile[] = [
      {name: 'table.md', ...markdown},
      {
        name: 'table.csv',
        text: csv.text,
        lines: new Map(csv.sources.map((sources, at) => [at + 2, sources])),
      },
      {name: 'table.tex', text: `${latexPreamble}\n${latex.text}`, lines: latex.lines},
    ];
    await writeFile(outputs.markdown, markdown.text);
    await writeFile(outputs.csv, csv.text);
    await writeFile(outputs.latex, `${latexPreamble}\n${latex.text}`);
    await writeFile(outputs.trace, `${JSON.stringify(traceOf(files, inputs.summary.origin, study))}\n`);
    for (const line of markdown.text.split('\n')) log(line);
  },
});

/** Tables one after another, and what stands in the lines of their rows. `before`: lines above the first. */
function joined(
  tables: readonly NamedTable[],
  write: (table: NamedTable) => string,
  lineOf: (row: number) => number,
  before = 0,
): Pick<TracedFile, 'text' | 'lines'> {
  const lines = new Map<number, TableCell['source'][]>();
  const texts: string[] = [];
  let above = before;
  for (const each of tables) {
    const text = write(each);
    for (const [row, cells] of each.table.rows.entries()) {
      lines.set(
        above + lineOf(row) + 1,
        cells.map(({source}) => source),
      );
    }
    texts.push(text);
    above += text.split('\n').length;
  }
  return {text: texts.join('\n'), lines};
}

/** Nothing for the plain pipeline. */
function studyRemarks(study: Study | undefined): readonly string[] {
  const text = study === undefined ? '' : describeStudy(study);
  return text === '' ? [] : [`Not the plain pipeline: ${text}.`];
}
