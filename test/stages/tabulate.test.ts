import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {StageError, type StageInput} from '../../src/stage/define.ts';
import aggregate from '../../stages/aggregate.ts';
import {fixed, pText, withUncertainty} from '../../stages/tables/number-text.ts';
import tabulate from '../../stages/tabulate.ts';
import {runStage} from './rig.ts';
import {runOf} from './runs.ts';

const metric = 'test_accuracy';

function run(
  optimizer: string,
  seed: number,
  value: number,
  more: {weights?: string; isSubset?: boolean} = {},
) {
  return runOf(
    {optimizer, seed},
    {
      metrics: {[metric]: value, diverged: 0},
      weights: more.weights ?? `${optimizer} ${seed}`,
      dataset: {name: 'mnist', is_subset: more.isSubset ?? false},
      parameters: {lr: 0.1, rho: optimizer === 'sam' ? 0.05 : 0},
    },
  );
}

async function tables(runs: readonly StageInput[], params: Readonly<Record<string, unknown>> = {}) {
  const summary = await runStage(
    aggregate,
    {metric, compare: 'optimizer', baseline: 'sgd'},
    {inputs: {runs}},
  );
  const made = await runStage(tabulate, params, {inputs: {summary: summary.asInput()}});
  const read = (name: string): string => readFileSync(made.files[name] ?? '', 'utf8');
  return {markdown: read('markdown'), csv: read('csv'), latex: read('latex')};
}

const study = [
  ...[0.9711, 0.973, 0.9725].map((value, seed) => run('sgd', seed, value)),
  ...[0.9727, 0.9735, 0.9741].map((value, seed) => run('sam', seed, value)),
];

test('the Markdown table: aligned columns, mean ± SD, interval, difference, floor in words, published beside', async () => {
  const {markdown} = await tables(study, {
    title: 'SAM against SGD',
    spread: 'sd',
    show: ['lr', 'rho'],
    published: ['replicated-mnist'],
  });
  assert.equal(
    markdown,
    `## SAM against SGD: test accuracy

| optimizer |  lr |  rho | runs | test accuracy (%) |  95 % interval | published                                      |
| --------- | --: | ---: | ---: | ----------------: | -------------: | ---------------------------------------------- |
| sgd       | 0.1 |    0 |    3 |      97.22 ± 0.10 | 96.98 to 97.46 | 98.73 (replicated study, SimpleNN, 100 epochs) |
| sam       | 0.1 | 0.05 |    3 |      97.34 ± 0.07 | 97.17 to 97.52 | 98.79 (replicated study, SimpleNN, 100 epochs) |

Data: mnist.

Higher is better.

Mean ± standard deviation over values of seed (n − 1 in the denominator), and the t interval of the mean.

Published: the study under replication, SimpleNN on MNIST, 100 epochs, best of a grid, Table 2; 5 runs with a standard deviation of exactly 0. A deviation of 0 means that the runs were one run: the seed was not varied.

## SAM against SGD: differences in test accuracy

| optimizer | against | pairs | difference (points) |  95 % interval | p, t test | p, sign flip |   effect |
| --------- | ------- | ----: | ------------------: | -------------: | --------: | -----------: | -------: |
| sam       | sgd     |     3 |              +0.12ᵃ | −0.03 to +0.28 |     0.078 |         0.25 | d_z 1.10 |

ᵃ The exact sign-flip test has a floor: three pairs can never reach p < 0.05 (the smallest possible p is 0.25); six are needed.

Higher is better: + favours the arm, − what it is compared with.

Paired by seed: two-sided paired t test, and the exact sign-flip test.

d_z: the mean difference over the SD of the differences, with the exact small-sample factor.

## SAM against SGD: what these runs can show of test accuracy

| optimizer | against | p, Wilcoxon | P(better) | could be found |
| --------- | ------- | ----------: | --------: | -------------: |
| sam       | sgd     |        0.25 |      0.89 |          ±0.21 |

Could be found: the smallest true difference that 80 % of studies of this size and spread find at p < 0.05. A smaller one may be there unseen.

No margin was stated, so nothing here can show that two arms are equivalent.

Wilcoxon: exact signed-rank test of the pairs.

P(better): the probability that a run of the arm beats a run of the other, equal ones counted half.

## SAM against SGD: every run, test accuracy (%)

| optimizer | seed 0 | seed 1 | seed 2 |
| --------- | -----: | -----: | -----: |
| sgd       |  97.11 |  97.30 |  97.25 |
| sam       |  97.27 |  97.35 |  97.41 |
`,
  );
});

test('identical weights: no SD and no interval, a sentence, and each copy is marked', async () => {
  const same = [0, 1, 2].map(seed => run('sam', seed, 0.9879, {weights: 'the same'}));
  const {markdown, latex, csv} = await tables([...study.slice(0, 3), ...same], {spread: 'sd'});
  const [row] = markdown.split('\n').filter(line => line.startsWith('| sam'));
  assert.match(row ?? '', /\| +1 \| +98\.79ᵃ \| +– \|/);
  assert.match(markdown, /3 runs ended in the same weights: seed was not varied, so they are one run/);
  assert.match(markdown, /The same weights as seed 0\./);
  assert.match(latex, /98\.79\{\$\^\{\\mathrm\{a\}\}\$\}/);
  assert.match(csv, /^result,test_accuracy,sam,,.*,identical,/m);
});

test('no published number stands beside a part of a data set, or beside other data', async () => {
  const parts = [0, 1].flatMap(seed => [
    run('sgd', seed, 0.9 + seed / 100, {isSubset: true}),
    run('sam', seed, 0.91 + seed / 50, {isSubset: true}),
  ]);
  const part = await tables(parts, {published: ['replicated-mnist']});
  assert.doesNotMatch(part.markdown, /98\.73/);
  assert.match(
    part.markdown,
    /Trained or tested on a part of mnist: do not compare with published numbers\./,
  );
  assert.match(part.markdown, /Published numbers for mnist are left out/);
  const other = await tables(study, {published: ['sam-cifar10']});
  assert.doesNotMatch(other.markdown, /96\.5|Foret/);
  assert.doesNotMatch(other.csv, /^published/m);
});

test('a published error stands beside an accuracy as one, with its uncertainty', async () => {
  const own = {
    source: 'Somebody 2020',
    measure: 'error',
    cell: {optimizer: 'sam'},
    setting: 'WRN',
    value: 2.7,
    uncertainty: 0.1,
  };
  const {markdown, csv} = await tables(study, {published: [own]});
  assert.match(markdown, /\| sam .*97\.30 ± 0\.10 \(Somebody 2020, WRN\)/);
  assert.match(csv, /^published,error in percent,sam,.*"Somebody 2020, WRN"$/m);
});

test('the CSV is tidy and unrounded: a line per result, difference, run and published number', async () => {
  const {csv} = await tables(study, {published: ['replicated-mnist']});
  const [head = '', ...lines] = csv.trimEnd().split('\n');
  const kinds = lines.map(line => line.replace(/^"([^"]*)"/, '$1').split(',')[0]);
  assert.deepEqual(kinds, [
    ...['result', 'result', 'difference'],
    ...new Array(6).fill('run'),
    ...['published', 'published'],
  ]);
  assert.ok(head.startsWith('kind,metric,optimizer,seed,'));
  assert.match(csv, /^run,test_accuracy,sgd,0,.*0\.9711,/m);
});

test('LaTeX is escaped and balanced', async () => {
  const {latex} = await tables(study, {title: 'SAM & SGD: 100 %, a_b'});
  assert.match(latex, /\\caption\{SAM \\& SGD: 100\\,\\%, a\\_b: test accuracy\}/);
  assert.match(latex, /97\.22 \\pm 0\.24/);
  for (const name of ['table', 'tabular']) {
    const count = (text: string): number => latex.split(text).length - 1;
    assert.equal(count(`\\begin{${name}}`), count(`\\end{${name}}`));
    assert.equal(count(`\\begin{${name}}`), 4);
  }
  const body = latex
    .split('\n')
    .filter(line => !line.startsWith('%'))
    .join('\n');
  // A bare one at the end of a line keeps its break from being a space.
  assert.doesNotMatch(body, /[^\\]%(?!\n)/);
});

test('numbers have as many digits as their uncertainty allows', () => {
  assert.equal(withUncertainty(98.7312, 0.0712), '98.731 ± 0.071');
  assert.equal(withUncertainty(98.7312, 1.24), '98.7 ± 1.2');
  assert.equal(withUncertainty(1234.5, 34), '1235 ± 34');
  assert.equal(fixed(-0.001, 2), '0.00');
  assert.equal(fixed(-1.5, 1), '−1.5');
  assert.deepEqual([0.00001, 0.0123, 0.5, 0.9999, null].map(pText), [
    '< 0.0001',
    '0.012',
    '0.50',
    '1.0',
    '–',
  ]);
});

test('unknown studies and files that are no summary are refused', async () => {
  await assert.rejects(
    tables(study, {published: ['nobody']}),
    error =>
      error instanceof StageError && /expected one of replicated-mnist, .*got nobody/.test(error.message),
  );
  const made = await runStage(
    tabulate,
    {},
    {inputs: {summary: runOf({}, {metrics: {}, parameters: {}})}},
  ).catch((error: unknown) => error);
  assert.ok(
    made instanceof StageError && /expected a summary of the stage aggregate/.test(made.message),
    String(made),
  );
});
