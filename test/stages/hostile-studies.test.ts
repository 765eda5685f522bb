// Studies that try to make the statistics lie. Each was printed without a word once.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {StageError, type StageInput} from '../../src/stage/define.ts';
import aggregate from '../../stages/aggregate.ts';
import type {Comparison, Summary} from '../../stages/statistics/summary.ts';
import tabulate from '../../stages/tabulate.ts';
import {runStage} from './rig.ts';
import {runOf} from './runs.ts';

const metric = 'test_accuracy';
type Facts = Parameters<typeof runOf>[1];

async function studyOf(
  runs: readonly StageInput[],
  params: Readonly<Record<string, unknown>> = {},
): Promise<{summary: Summary; markdown: string; difference: Comparison | undefined}> {
  const made = await runStage(
    aggregate,
    {metric, compare: 'optimizer', baseline: 'sgd', ...params},
    {inputs: {runs}},
  );
  const table = await runStage(tabulate, {title: 'Study'}, {inputs: {summary: made.asInput()}});
  const summary: Summary = JSON.parse(readFileSync(made.files.summary ?? '', 'utf8'));
  const markdown = readFileSync(table.files.markdown ?? '', 'utf8');
  return {summary, markdown, difference: summary.metrics[0]?.comparisons[0]};
}

const arm = (
  optimizer: string,
  values: readonly number[],
  more: Partial<Facts> = {},
): readonly StageInput[] =>
  values.map((value, seed) =>
    runOf(
      {optimizer, seed},
      {weights: `${optimizer} ${seed}`, ...more, metrics: {[metric]: value, ...more.metrics}},
    ),
  );

const plain = [0.9, 0.912, 0.905, 0.92, 0.915, 0.9];
const raised = [0.91, 0.915, 0.92, 0.925, 0.918, 0.921];

test('two images more in every seed is one difference, not a spread of rounding', async () => {
  const counts = [352, 346, 355, 349, 360, 341];
  const {difference, markdown} = await studyOf([
    ...arm(
      'sgd',
      counts.map(count => (count - 2) / 360),
    ),
    ...arm(
      'sam',
      counts.map(count => count / 360),
    ),
  ]);
  assert.equal(difference?.paired_t, null);
  assert.equal(difference?.effect, null);
  assert.equal(new Set(difference?.differences.map(({value}) => value)).size, 1);
  assert.match(markdown, /No t test: all differences are equal/);
});

test('metrics that a framework rounded to float32 have no spread of float32’s last bits', async () => {
  const counts = [352, 346, 355, 349, 361, 341];
  const single = (count: number): number => Math.fround(count / 363);
  const {difference} = await studyOf([
    ...arm(
      'sgd',
      counts.map(count => single(count - 2)),
    ),
    ...arm('sam', counts.map(single)),
  ]);
  assert.equal(difference?.paired_t, null);
});

test('equal values within rounding have no standard deviation and no Welch test', async () => {
  const same = [0.1 + 0.2, 0.3, 0.3];
  const shifted = runOf({optimizer: 'sam', seed: 7}, {metrics: {[metric]: 0.3}, weights: 'x'});
  const {summary, difference} = await studyOf([...arm('sgd', same), shifted]);
  assert.equal(summary.metrics[0]?.rows[0]?.status, 'constant');
  assert.equal(difference?.welch_t, null);
});

test('two producers of one cell and seed are refused by name', async () => {
  const twice = [...arm('sgd', plain), ...arm('sam', raised), ...arm('sam', raised).slice(0, 1)];
  const named = twice.map((run, at) => ({
    ...run,
    origin: {instance: `train-${at}[seed=0]`, fingerprint: 'f', choosers: []},
  }));
  await assert.rejects(
    studyOf(named),
    error =>
      error instanceof StageError &&
      /got two of optimizer=sam, seed=0: train-6\[seed=0\] and train-12\[seed=0\]/.test(error.message),
  );
});

/** Predictions of 200 images whose share of right ones is the accuracy. */
const predicted = (optimizer: string, values: readonly number[], more: Partial<Facts> = {}) =>
  values.map((value, seed) =>
    runOf(
      {optimizer, seed},
      {
        weights: `${optimizer} ${seed}`,
        metrics: {[metric]: value, ...more.metrics},
        correct: Array.from({length: 200}, (_, image) =>
          (image * 37) % 200 < Math.round(200 * value) ? 1 : 0,
        ),
        ...(more.labels === undefined ? {} : {labels: more.labels}),
      },
    ),
  );
const inTwoHundreds = (values: readonly number[]): readonly number[] =>
  values.map(value => Math.round(200 * value) / 200);

test('McNemar on other test images is refused, with the reason', async () => {
  const labels = Array.from({length: 200}, (_, at) => at % 3);
  const same = await studyOf([
    ...predicted('sgd', inTwoHundreds(plain)),
    ...predicted('sam', inTwoHundreds(raised)),
  ]);
  assert.equal(same.difference?.mcnemar.length, 6);
  const {difference, markdown} = await studyOf([
    ...predicted('sgd', inTwoHundreds(plain)),
    ...predicted('sam', inTwoHundreds(raised), {labels}),
  ]);
  assert.deepEqual(difference?.mcnemar, []);
  assert.match(markdown, /No McNemar test: the two networks of a pair were tested on different images/);
});

test('McNemar on the predictions of another epoch than the metric’s is refused', async () => {
  const values = inTwoHundreds(plain);
  const {difference, markdown} = await studyOf(
    [
      ...predicted('sgd', values, {metrics: {test_accuracy_at_best: 0.93}}),
      ...predicted('sam', inTwoHundreds(raised), {metrics: {test_accuracy_at_best: 0.95}}),
    ].map((run, at) => ({
      ...run,
      metrics: {...run.metrics, test_accuracy_at_best: (run.metrics.test_accuracy_at_best ?? 0) + at / 1000},
    })),
    {metric: 'test_accuracy_at_best'},
  );
  assert.deepEqual(difference?.mcnemar, []);
  assert.match(markdown, /the predictions that were saved are not those that this metric is of/);
});

test('what arms differ in beside the axis that is compared is listed', async () => {
  const data = (test: number) => ({
    name: 'digits',
    is_subset: false,
    provenance: {counts: {validation: 9, test}},
  });
  const {difference, markdown} = await studyOf([
    ...arm('sgd', plain, {parameters: {epochs: 10, hidden: [8], eta: null}, dataset: data(100)}),
    ...arm('sam', raised, {parameters: {epochs: 50, hidden: [16], eta: 0.01}, dataset: data(200)}),
  ]);
  assert.deepEqual(
    difference?.contrasts.map(({name}) => name),
    ['epochs', 'hidden', 'data: counts'],
  );
  assert.match(
    markdown,
    /sam and sgd differ in more than optimizer: epochs \(50 against 10\), hidden \(\\\[16\\\] against \\\[8\\\]\)/,
  );
});

test('repetitions that are trained in different ways are said to be', async () => {
  const mixed = arm('sam', raised).map((run, seed) =>
    runOf(run.cell, {
      metrics: run.metrics,
      weights: `m${seed}`,
      parameters: {epochs: seed === 0 ? 90 : 10, seed},
    }),
  );
  const {markdown} = await studyOf([...arm('sgd', plain), ...mixed]);
  assert.match(markdown, /These runs differ in epochs as well \(90, 10\): they do not repeat one training/);
});

test('the best test epoch as the result is said to be one, and that nothing else could choose', async () => {
  const dataset = {name: 'digits', is_subset: false, provenance: {counts: {validation: 0}}};
  const runs = [
    ...arm('sgd', plain, {dataset, metrics: {best_test_accuracy: 0.95, test_accuracy_at_best: 0.95}}),
    ...arm('sam', raised, {dataset, metrics: {best_test_accuracy: 0.96, test_accuracy_at_best: 0.96}}),
  ];
  const best = await studyOf(runs, {metric: 'best_test_accuracy'});
  assert.match(
    best.markdown,
    /best value that any epoch reached on the test images: it was chosen by what it judges/,
  );
  const atBest = await studyOf(runs, {metric: 'test_accuracy_at_best'});
  assert.match(atBest.markdown, /without a validation split the epoch was chosen on the test images/);
  const last = await studyOf(runs);
  assert.match(last.markdown, /There is no validation split/);
});

test('a seed that one arm lacks: the others stay pairs, and what moves is said', async () => {
  const lost = runOf({optimizer: 'sam', seed: 5}, {metrics: {diverged: 1}, weights: 'lost'});
  const {difference, markdown, summary} = await studyOf([
    ...arm('sgd', plain),
    ...arm('sam', raised.slice(0, 5)),
    lost,
  ]);
  assert.equal(difference?.kind, 'paired');
  assert.equal(difference?.differences.length, 5);
  assert.deepEqual(difference?.unpaired, {arm: [], baseline: [5]});
  assert.notEqual(difference?.difference, difference?.difference_of_all);
  assert.match(
    markdown,
    /Only the 5 values of seed that both have are compared: sam has no value at seed 5\. With every run of both arms the difference of the means is \+0\.\d+\./,
  );
  assert.match(summary.metrics[0]?.rows[1]?.notes.join(' ') ?? '', /1 of 6 runs diverged/);
});

test('values that are not finite are results: shown, counted, and in no mean', async () => {
  const runs = [...arm('sgd', plain), ...arm('sam', raised)].map(run =>
    run.cell.optimizer === 'sam' && run.cell.seed === 1
      ? {...run, metrics: {...run.metrics, [metric]: 'NaN' as unknown as number}}
      : run,
  );
  const {summary, markdown} = await studyOf(runs);
  assert.equal(summary.metrics[0]?.rows[1]?.n, 5);
  assert.match(markdown, /1 of 6 values are not finite \(NaN at seed 1\) and are left out of the mean/);
  assert.match(markdown, /\| sam +\|[^\n]*\| +NaN \|/);
});

test('SAM with radius 0 beside SGD is one method, by its weights or by what it says of itself', async () => {
  const twins = plain.map((value, seed) =>
    runOf({optimizer: 'sam', seed}, {metrics: {[metric]: value}, weights: `sgd ${seed}`}),
  );
  const byWeights = await studyOf([...arm('sgd', plain), ...twins]);
  assert.equal(byWeights.difference?.p, null);
  assert.match(byWeights.markdown, /the two are one method/);
  const bySaying = await studyOf([
    ...arm('sgd', plain, {method: 'sgd'}),
    ...arm('sam', raised, {method: 'sgd'}),
  ]);
  assert.equal(bySaying.difference?.p, null);
  assert.match(bySaying.markdown, /the two are one method/);
});

test('above 20 pairs the sign-flip test samples its patterns, and says so', async () => {
  const values = Array.from({length: 24}, (_, at) => 0.9 + ((at * 7) % 11) / 1000);
  const {difference, markdown} = await studyOf([
    ...arm('sgd', values),
    ...arm(
      'sam',
      values.map((value, at) => value + ((at % 5) - 1) / 1000),
    ),
  ]);
  assert.equal(difference?.sign_flip?.sampled, 100_000);
  assert.match(markdown, /Sign flip: 100,000 of the 2\^24 sign patterns, drawn with a fixed seed/);
});

test('a table of several platforms or kinds of device says so', async () => {
  const {markdown} = await studyOf([
    ...arm('sgd', plain, {platform: 'linux x64 avx2'}),
    ...arm('sam', raised, {platform: 'linux x64 avx512'}),
  ]);
  const mixed = await studyOf([
    ...arm('sgd', plain, {platform: 'linux x64 avx2', device: 'cpu'}),
    ...arm('sam', raised, {platform: 'linux x64 avx2', device: 'cuda'}),
  ]);
  assert.doesNotMatch(mixed.markdown, /platforms/);
  assert.match(mixed.markdown, /Computed on 2 kinds of device \(cpu; cuda\)/);
  assert.match(markdown, /Computed on 2 platforms \(linux x64 avx2; linux x64 avx512\)/);
});

test('a data set is named once, also where a part of it was used', async () => {
  const {markdown} = await studyOf([
    ...arm('sgd', plain, {dataset: {name: 'digits', is_subset: false}}),
    ...arm('sam', raised, {dataset: {name: 'digits', is_subset: true}}),
  ]);
  assert.match(markdown, /\nData: digits\.\n/);
});

test('losses have the digits that their spread needs, and it is said that lower is better', async () => {
  const losses = (shift: number) => plain.map(value => shift + value / 1e5);
  const runs = [...arm('sgd', losses(0.00011)), ...arm('sam', losses(0.00012))].map(run => ({
    ...run,
    metrics: {test_loss: run.metrics[metric] ?? 0},
  }));
  const {markdown, summary} = await studyOf(runs, {metric: 'test_loss'});
  assert.match(markdown, /Lower is better/);
  assert.match(markdown, /0\.000119\d+ ± 0\.0000000\d/);
  const [first] = summary.metrics[0]?.rows[0]?.runs ?? [];
  assert.match(markdown, new RegExp(`\\| ${(first?.value ?? 0).toFixed(10)}`));
});

test('an end of an interval that is not 0 is not shown as 0', async () => {
  const {markdown, difference} = await studyOf([
    ...arm('sgd', [0.8, 0.81, 0.79]),
    ...arm('sam', [0.8 - 0.0065, 0.81 - 0.0107, 0.79 - 0.0146]),
  ]);
  assert.ok((difference?.interval?.high ?? 0) < 0.0005);
  assert.doesNotMatch(markdown, /to [+−]?0\.0+ \|/);
});

test('methods that cost other numbers of gradients say so in a column', async () => {
  const {markdown} = await studyOf([
    ...arm('sgd', plain, {metrics: {gradient_evaluations: 1440}}),
    ...arm('sam', raised, {metrics: {gradient_evaluations: 2880}}),
  ]);
  assert.match(markdown, /\| gradients \|/);
  assert.match(markdown, /\| sam .*\| +2,880 \|/);
  const equal = await studyOf([...arm('sgd', plain), ...arm('sam', raised)]);
  assert.doesNotMatch(equal.markdown, /gradients/);
});

/** Runs whose parameters a stage `select` chose. */
const chosenBy = (
  runs: readonly StageInput[],
  params: Readonly<Record<string, string>>,
  metrics: Readonly<Record<string, number>>,
): readonly StageInput[] =>
  runs.map((run, at) => ({
    ...run,
    origin: {
      instance: `train-${String(run.cell.optimizer)}-${at}`,
      fingerprint: 'f',
      choosers: [{instance: `best[optimizer=${String(run.cell.optimizer)}]`, params, metrics}],
    },
  }));

test('parameters that the test images chose are said to be', async () => {
  const {markdown} = await studyOf([
    ...chosenBy(arm('sgd', plain), {metric: 'test_accuracy'}, {cells: 3}),
    ...chosenBy(arm('sam', raised), {metric: 'test_accuracy'}, {cells: 3}),
  ]);
  assert.match(markdown, /Parameters were chosen by test_accuracy: the test images chose what they judge/);
});

test('one cell tuned against six, and what both cost, are said under the table', async () => {
  const by = {metric: 'validation_accuracy'};
  const {markdown} = await studyOf([
    ...chosenBy(arm('sgd', plain, {metrics: {gradient_evaluations: 500}}), by, {
      cells: 1,
      gradient_evaluations: 100,
    }),
    ...chosenBy(arm('sam', raised, {metrics: {gradient_evaluations: 1000}}), by, {
      cells: 6,
      gradient_evaluations: 1200,
      at_edge: 1,
    }),
  ]);
  assert.match(
    markdown,
    /not tuned alike, .*: sgd best of 1 cell by validation_accuracy \(100 gradients\), 500 gradients of a batch to train one run; sam best of 6 cells by validation_accuracy \(1,200 gradients\), 1,000 gradients/,
  );
  assert.match(markdown, /The best cell of sam lies at an edge of its grid/);
  const untuned = await studyOf([...arm('sgd', plain), ...chosenBy(arm('sam', raised), by, {cells: 6})]);
  assert.match(untuned.markdown, /sgd not tuned; sam best of 6 cells/);
});
