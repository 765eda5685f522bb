// Several data sets together.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {StageError, type StageInput} from '../../src/stage/define.ts';
import aggregate from '../../stages/aggregate.ts';
import type {Summary} from '../../stages/statistics/summary.ts';
import tabulate from '../../stages/tabulate.ts';
import {runStage} from './rig.ts';
import {runOf} from './runs.ts';

const noise = [0.001, -0.002, 0.0015, 0.0005, -0.001];
const study: readonly StageInput[] = ['mnist', 'digits', 'cifar10'].flatMap((dataset, at) =>
  ['sgd', 'sam', 'asam'].flatMap((optimizer, order) =>
    noise.map((shift, seed) =>
      runOf(
        {dataset, optimizer, seed},
        {
          metrics: {test_accuracy: 0.8 + at / 20 + order / 100 + (order === 0 ? -shift : shift)},
          weights: `${dataset} ${optimizer} ${seed}`,
        },
      ),
    ),
  ),
);
const params = {metric: 'test_accuracy', compare: 'optimizer', baseline: 'sgd', across: 'dataset'};

test('an arm is judged over all data sets, each of which counts once', async () => {
  const made = await runStage(aggregate, params, {inputs: {runs: study}});
  const summary: Summary = JSON.parse(readFileSync(made.files.summary ?? '', 'utf8'));
  const across = summary.metrics[0]?.across;
  assert.deepEqual(
    across?.comparisons.map(({cell, baseline, datasets, better, worse}) => [
      cell,
      baseline,
      datasets.length,
      better,
      worse,
    ]),
    [
      [{optimizer: 'sam'}, {optimizer: 'sgd'}, 3, 3, 0],
      [{optimizer: 'asam'}, {optimizer: 'sgd'}, 3, 3, 0],
    ],
  );
  const [sam] = across?.comparisons ?? [];
  assert.ok(Math.abs((sam?.difference ?? 0) - 0.01) < 1e-12);
  assert.ok(sam?.interval && sam.interval.low < 0.01 && sam.interval.high > 0.01);
  assert.equal(sam.wilcoxon?.p, 0.25);
  assert.deepEqual(
    across?.ranks?.arms.map(({arm, rank}) => [arm, rank]),
    [
      ['sgd', 3],
      ['sam', 2],
      ['asam', 1],
    ],
  );
  const table = await runStage(tabulate, {title: 'Study'}, {inputs: {summary: made.asInput()}});
  const markdown = readFileSync(table.files.markdown ?? '', 'utf8');
  assert.match(markdown, /## Study: test accuracy over all values of dataset/);
  assert.match(markdown, /\| sam +\| sgd +\| +3 \| +3, 0 \| +\+1\.00 \|/);
  assert.match(markdown, /Fewer than six can never reach p < 0\.05: with 3 the smallest possible p is 0\.25/);
  assert.match(markdown, /Mean ranks over 3 datasets, 1 is best: asam 1\.00, sam 2\.00, sgd 3\.00/);
});

test('an axis that the runs lack is refused', async () => {
  await assert.rejects(
    runStage(aggregate, {...params, across: 'task'}, {inputs: {runs: study}}),
    error => error instanceof StageError && /across: expected an axis of the runs/.test(error.message),
  );
});

test('with a stated margin: equivalence, and how many pairs would find it or rule it out', async () => {
  const mnist = study.filter(({cell}) => cell.dataset === 'mnist');
  const made = await runStage(
    aggregate,
    {...params, across: undefined, margin: 0.02, sequential: true},
    {inputs: {runs: mnist}},
  );
  const summary: Summary = JSON.parse(readFileSync(made.files.summary ?? '', 'utf8'));
  const [sam] = summary.metrics[0]?.comparisons ?? [];
  assert.ok(sam?.equivalence && sam.equivalence.p < 0.05);
  const {power} = sam;
  assert.ok(power?.pairs_for_margin && power.pairs_for_equivalence);
  assert.ok(power.by_pairs.every(({power: share}, at, all) => share >= (all[at - 1]?.power ?? 0) - 1e-9));
  const table = await runStage(tabulate, {title: 'Study'}, {inputs: {summary: made.asInput()}});
  const markdown = readFileSync(table.files.markdown ?? '', 'utf8');
  assert.match(
    markdown,
    /Equivalence: two one-sided t tests \(TOST\) that the difference lies within ±2 points/,
  );
  assert.match(markdown, /A difference of the margin is found by 3 pairs in \d+ %, 5 pairs in \d+ %/);
  assert.match(markdown, /\| +decided \|/);
  assert.match(markdown, /an e-value of 20 is significant at 0\.05/);
});

test('without a second data set there is nothing to put together', async () => {
  const one = study.filter(({cell}) => cell.dataset === 'mnist');
  const made = await runStage(aggregate, params, {inputs: {runs: one}});
  const summary: Summary = JSON.parse(readFileSync(made.files.summary ?? '', 'utf8'));
  assert.equal(summary.metrics[0]?.across, null);
});
