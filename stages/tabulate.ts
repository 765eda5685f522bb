// The tables of a study: results, differences and every run, as Markdown, CSV and LaTeX.

import {writeFile} from 'node:fs/promises';
import {defineStage, z} from '../src/stage/define.ts';
import {readSummary} from './statistics/summary.ts';
import {toCsv} from './tables/csv.ts';
import {latexPreamble, toLatex} from './tables/latex.ts';
import {toMarkdown} from './tables/markdown.ts';
import {findPublished, publishedSchema} from './tables/published.ts';
import {comparablePublished} from './tables/published-beside.ts';
import {chosenTables, type NamedTable} from './tables/study.ts';
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
  outputs: {
    markdown: {kind: 'file', name: 'table.md'},
    csv: {kind: 'file', name: 'table.csv'},
    latex: {kind: 'file', name: 'table.tex'},
  },
  holds: {
    summary: 'the JSON of aggregate',
    markdown: 'Markdown: the tables, and notes on what the numbers are',
    csv: 'CSV: one row per run and metric, for other programs',
    latex: 'LaTeX with booktabs and siunitx: the tables alone, to be read by a document',
  },
  async run({params, inputs, outputs, log}) {
    const summary = await readSummary(inputs.summary.files.summary ?? inputs.summary.path);
    const published = findPublished(params.published);
    const make = (words: Words): readonly NamedTable[] =>
      chosenTables(summary, {...params, published, words}, params.tables, params.columns);
    const markdown = make(namesWith(params.labels))
      .map(({table}) => toMarkdown(table, 2))
      .join('\n');
    const latex = make(wordsWith(params.labels)).map(({table, label}) => toLatex(table, label));
    await writeFile(outputs.markdown, markdown);
    await writeFile(outputs.csv, toCsv(summary, comparablePublished(published, summary)));
    await writeFile(outputs.latex, `${latexPreamble}\n${latex.join('\n')}`);
    for (const line of markdown.split('\n')) log(line);
  },
});
