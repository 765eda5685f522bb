// The tables of a study: results, differences and every run, as Markdown, CSV and LaTeX.

import {writeFile} from 'node:fs/promises';
import {defineStage, z} from '../src/stage/define.ts';
import {readSummary} from './statistics/summary.ts';
import {acrossTable} from './tables/across-table.ts';
import {toCsv} from './tables/csv.ts';
import {differencesTable} from './tables/differences-table.ts';
import {evidenceTable} from './tables/evidence-table.ts';
import {toLatex} from './tables/latex.ts';
import {toMarkdown} from './tables/markdown.ts';
import {findPublished, publishedSchema} from './tables/published.ts';
import {comparablePublished} from './tables/published-beside.ts';
import {resultsTable} from './tables/results-table.ts';
import {runsTable} from './tables/runs-table.ts';

export default defineStage({
  about: 'Tables of a summary, with published numbers beside one’s own: Markdown, CSV and LaTeX.',
  params: z.object({
    title: z.string().default('Results'),
    spread: z
      .enum(['interval', 'sd'])
      .default('interval')
      .describe('what follows ±: half of the t interval of the mean, or the standard deviation'),
    show: z.array(z.string()).default([]).describe('parameters of the runs to show, such as lr and rho'),
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
    latex: 'LaTeX with booktabs: the tables alone',
  },
  async run({params, inputs, outputs, log}) {
    const summary = await readSummary(inputs.summary.files.summary ?? inputs.summary.path);
    const published = findPublished(params.published);
    const options = {...params, published};
    const tables = summary.metrics.flatMap(one => {
      const differences = differencesTable(summary, one, options);
      const across = acrossTable(summary, one, options);
      const evidence = evidenceTable(summary, one, options);
      return [
        {table: resultsTable(summary, one, options), label: `${one.metric}-results`},
        ...(differences === null ? [] : [{table: differences, label: `${one.metric}-differences`}]),
        ...(evidence === null ? [] : [{table: evidence, label: `${one.metric}-evidence`}]),
        ...(across === null ? [] : [{table: across, label: `${one.metric}-across`}]),
        {table: runsTable(summary, one, options), label: `${one.metric}-runs`},
      ];
    });
    const markdown = tables.map(({table}) => toMarkdown(table, 2)).join('\n');
    await writeFile(outputs.markdown, markdown);
    await writeFile(outputs.csv, toCsv(summary, comparablePublished(published, summary)));
    await writeFile(
      outputs.latex,
      `% needs \\usepackage{booktabs}\n${tables.map(({table, label}) => toLatex(table, label)).join('\n')}`,
    );
    for (const line of markdown.split('\n')) log(line);
  },
});
