// The LaTeX tables as a reader of the paper gets them: set by pdflatex, where it is installed (Debian:
// texlive-latex-recommended and texlive-science).

import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {copyFileSync, existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {StageError} from '../../src/stage/define.ts';
import aggregate from '../../stages/aggregate.ts';
import {latexText} from '../../stages/tables/latex.ts';
import tabulate from '../../stages/tabulate.ts';
import {runStage, temporaryFolder} from './rig.ts';
import {runOf} from './runs.ts';

const noise = [0.001, -0.002, 0.0015, 0.0005, -0.001, 0.0007];
/** An accuracy on 20,000 images. */
const accuracyOf = (dataset: number, order: number, shift: number): number =>
  Math.round(
    20_000 * (0.95 - dataset / 20 + order / 300 + (order === 0 ? -shift : shift * (1 + order / 3))),
  ) / 20_000;
const runs = ['mnist', 'fashion-mnist'].flatMap((dataset, at) =>
  ['sgd', 'sam', 'asam'].flatMap((optimizer, order) =>
    noise.map((shift, seed) => {
      const accuracy = accuracyOf(at, order, shift);
      return runOf(
        {dataset, optimizer, seed},
        {
          metrics: {test_accuracy: accuracy},
          weights: `${dataset} ${optimizer} ${seed}`,
          correct: Array.from({length: 20_000}, (_, image) =>
            image < Math.round(20_000 * accuracy) ? 1 : 0,
          ),
          dataset: {name: dataset, is_subset: false},
          parameters: {lr: 0.1, rho: order / 20, note: 'a_b & 50 % of $x$ ~ #1 \\ {y}^2'},
        },
      );
    }),
  ),
);

async function made(params: Readonly<Record<string, unknown>>) {
  const summary = await runStage(
    aggregate,
    {
      metric: 'test_accuracy',
      compare: 'optimizer',
      baseline: 'sgd',
      across: 'dataset',
      margin: 0.001,
      sequential: true,
    },
    {inputs: {runs}},
  );
  return runStage(tabulate, {title: 'SAM & SGD_x: 100 %', ...params}, {inputs: {summary: summary.asInput()}});
}

const latexOf = async (params: Readonly<Record<string, unknown>> = {}): Promise<string> =>
  readFileSync((await made(params)).files.latex ?? '', 'utf8');

const isInstalled =
  spawnSync('kpsewhich', ['siunitx.sty']).stdout?.toString().trim() !== '' &&
  spawnSync('pdflatex', ['--version']).status === 0;

test('every table is set without an error or a box that leaves the page', {skip: !isInstalled}, async () => {
  const folder = temporaryFolder();
  const {files} = await made({show: ['lr', 'rho', 'note'], published: ['replicated-mnist']});
  copyFileSync(files.latex ?? '', join(folder, 'table.tex'));
  const preamble = readFileSync(files.latex ?? '', 'utf8')
    .split('\n')
    .filter(line => line.startsWith('%   '))
    .map(line => line.slice(4));
  writeFileSync(
    join(folder, 'paper.tex'),
    [
      '\\documentclass{article}',
      ...preamble,
      '\\begin{document}',
      '\\input{table.tex}',
      '\\end{document}',
    ].join('\n'),
  );
  const {status, stdout} = spawnSync(
    'pdflatex',
    ['-interaction=nonstopmode', '-halt-on-error', 'paper.tex'],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  );
  assert.equal(status, 0, stdout);
  assert.doesNotMatch(stdout, /Overfull|Missing character|Package \w+ Warning/, stdout);
  assert.ok(existsSync(join(folder, 'paper.pdf')));
});

test('numbers stand in siunitx columns, the best of each comparison is bold, and statistics are mathematics', async () => {
  const latex = await latexOf();
  assert.match(latex, /S\[table-format=2\.2\(3\)\]/);
  assert.match(latex, /ASAM & .*\\bfseries 95\.69 \\pm 0\.23/);
  assert.equal(latex.split('\\bfseries').length - 1, 2, 'one of each data set');
  assert.match(latex, /\{\$p\$, t test\}/);
  assert.match(latex, /\$d_z\$ 1\.65/);
  assert.equal(
    latexText('p < 0.0001, n − 1, −0.38 to +1.02, 95 %'),
    '$p$ $< 0.0001$, $n$ $-$ 1, $-0.38$ to $+1.02$, 95\\,\\%',
  );
});

test('a paper chooses its tables, columns and labels', async () => {
  const latex = await latexOf({
    tables: ['results', 'differences'],
    columns: ['mean', 'difference', 'interval', 'p'],
    labels: {sam: 'Ours', optimizer: 'method', dataset: 'data'},
  });
  assert.equal(latex.split('\\begin{table}').length - 1, 2);
  assert.doesNotMatch(latex, /McNemar per seed|\{runs\}|\{SD\}/);
  assert.match(latex, /\{data\} & \{method\} & /);
  assert.match(latex, /MNIST & Ours & 95\.35/);
  await assert.rejects(
    latexOf({columns: ['meen']}),
    error =>
      error instanceof StageError &&
      /columns: expected some of dataset, optimizer, runs, mean, .*got meen/.test(error.message),
  );
});
