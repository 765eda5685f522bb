// Studies that look like more than they are. Each was printed without a word once; now its table says what is wrong.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import type {StageInput} from '../../src/stage/define.ts';
import aggregate from '../../stages/aggregate.ts';
import tabulate from '../../stages/tabulate.ts';
import {runStage} from './rig.ts';
import {runOf} from './runs.ts';

type Facts = Parameters<typeof runOf>[1];
const plain = [0.9, 0.912, 0.905, 0.92, 0.915, 0.9];
const raised = [0.91, 0.915, 0.92, 0.925, 0.918, 0.921];

/** What stands in the Markdown of a study of two arms. */
async function said(
  runs: readonly StageInput[],
  params: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const given = {metric: 'test_accuracy', compare: 'optimizer', baseline: 'sgd', ...params};
  const summary = await runStage(aggregate, given, {inputs: {runs}});
  const table = await runStage(tabulate, {title: 'Study'}, {inputs: {summary: summary.asInput()}});
  return readFileSync(table.files.markdown ?? '', 'utf8');
}

/** Both arms, each run with the facts that `of` gives. */
const arms = (of: (optimizer: string, value: number, seed: number) => Facts, over = 'seed'): StageInput[] =>
  [plain, raised].flatMap((values, arm) =>
    values.map((value, seed) => {
      const optimizer = arm === 0 ? 'sgd' : 'sam';
      return runOf({optimizer, [over]: seed}, of(optimizer, value, seed));
    }),
  );

const named = (name: string) => (optimizer: string, value: number, seed: number) => ({
  metrics: {[name]: value},
  weights: `${optimizer} ${seed}`,
});

test('runs that are not what their cells call them are named', async () => {
  const swapped = arms((optimizer, value, seed) => ({
    ...named('test_accuracy')(optimizer, value, seed),
    parameters: {optimizer: optimizer === 'sgd' ? 'sam' : 'sgd'},
  }));
  assert.match(
    await said(swapped),
    /\(and 11 more\) stands under optimizer sgd, and says itself that optimizer was sam/,
  );
  const copies = arms((optimizer, value, seed) => ({
    ...named('test_accuracy')(optimizer, value, seed),
    parameters: {seed: seed % 3},
  }));
  assert.match(await said(copies), /stands under seed 3, and says itself that seed was 0/);
  const honest = arms((optimizer, value, seed) => ({
    ...named('test_accuracy')(optimizer, value, seed),
    parameters: {optimizer, seed, rho: 0},
  }));
  assert.doesNotMatch(await said(honest), /Not what they are called/);
});

test('copies without weights are seen by what they measured', async () => {
  const twice = (of: (optimizer: string, value: number) => Facts['metrics']): StageInput[] =>
    [0, 6].flatMap(shift =>
      [plain, raised].flatMap((values, arm) =>
        values.map((value, seed) => {
          const optimizer = arm === 0 ? 'sgd' : 'sam';
          return runOf({optimizer, seed: seed + shift}, {metrics: of(optimizer, value)});
        }),
      ),
    );
  const losses = twice((_, value) => ({test_accuracy: value, test_loss: 1 / value}));
  for (const runs of [losses, twice((_, value) => ({test_accuracy: value}))]) {
    assert.match(await said(runs), /exactly the same results, and no weights are saved/);
  }
  const other = arms((_, value) => ({metrics: {test_accuracy: Math.round(value * 500) / 500}}));
  assert.doesNotMatch(await said(other), /exactly the same results/, 'accuracies meet by chance');
});

test('a metric is no result where it chose, was trained on, or nobody knows its direction', async () => {
  const of = async (name: string, params = {}): Promise<string> =>
    said(arms(named(name)), {metric: name, ...params});
  assert.match(await of('wobble'), /Which direction of wobble is better is not known/);
  assert.doesNotMatch(await of('wobble', {better: 'lower'}), /Which direction/);
  assert.match(
    await of('test_accuracy', {better: 'lower'}),
    /pipeline says that lower is better; the name .* says higher/,
  );
  assert.match(await of('train_accuracy'), /of the images that were trained on/);
  assert.match(await of('best_validation_accuracy'), /the best of many epochs, chosen by what it measures/);
  const chosen = arms(named('validation_accuracy')).map(run => ({
    ...run,
    origin: {
      instance: 'train',
      fingerprint: 'f',
      choosers: [{instance: 'best', params: {metric: 'validation_accuracy'}, metrics: {cells: 4}}],
    },
  }));
  assert.match(await said(chosen, {metric: 'validation_accuracy'}), /chose the parameters of these runs/);
});

test('several metrics are several tries', async () => {
  const runs = arms((_, value) => ({metrics: {test_accuracy: value, test_loss: 1 - value}}));
  const markdown = await said(runs, {metric: ['test_accuracy', 'test_loss']});
  assert.match(
    markdown,
    /2 metrics are tested \(test_accuracy, test_loss\), and p values are adjusted within each alone/,
  );
});

test('repetitions over a learning rate are no sample', async () => {
  const rates = arms((_, value, seed) => ({metrics: {test_accuracy: value}, parameters: {lr: seed}}), 'lr');
  assert.match(await said(rates, {over: 'lr'}), /repeated over lr, which is chosen and not drawn/);
});

test('arms that were trained for different epochs say so, also where only a metric tells', async () => {
  const runs = arms((optimizer, value) => ({
    metrics: {test_accuracy: value, epochs: optimizer === 'sgd' ? 10 : 100},
  }));
  assert.match(await said(runs), /trained for different numbers of epochs \(10, 100\)/);
});

test('the cost of runs that begin alike is said with and without what they share', async () => {
  const of = (epochs: number) =>
    arms((optimizer, value, seed) => ({
      metrics: {test_accuracy: value, gradient_evaluations: epochs * 100},
      parameters: {optimizer, seed, epochs, schedule: 'constant'},
      weights: `${optimizer} ${seed} ${epochs}`,
    })).map(run => ({...run, cell: {...run.cell, epochs}}));
  const markdown = await said([...of(10), ...of(20)]);
  assert.match(
    markdown,
    /12 of the 24 runs are the beginning of a longer one of their seed: of 36,000 gradients in all, 12,000 need not/,
  );
  assert.doesNotMatch(await said(of(10)), /the beginning of a longer one/);
});

test('hundreds of repetitions do not make a table of hundreds of columns', async () => {
  const runs = Array.from({length: 60}, (_, seed) =>
    ['sgd', 'sam'].map(optimizer =>
      runOf(
        {optimizer, seed},
        {metrics: {test_accuracy: 0.9 + Math.sin(seed * (optimizer === 'sam' ? 7 : 3)) / 100}},
      ),
    ),
  ).flat();
  const markdown = await said(runs);
  assert.match(markdown, /20 more values of seed are in the CSV/);
  assert.match(markdown, /paired t test, and the sign-flip test, sampled/);
});

test('equal compute is held against what the runs cost', async () => {
  const study = (long: number | undefined): StageInput[] =>
    [
      {optimizer: 'sgd', epochs: 10, values: plain, cost: 100},
      {optimizer: 'sgd', epochs: 20, values: raised, cost: long},
      {optimizer: 'sam', epochs: 10, values: raised, cost: 200},
    ].flatMap(({optimizer, epochs, values, cost}) =>
      values.map((value, seed) =>
        runOf(
          {optimizer, epochs, seed},
          {
            metrics: {
              test_accuracy: value - (optimizer === 'sam' ? seed * 1e-3 : 0),
              ...(cost === undefined ? {} : {gradient_evaluations: cost}),
            },
            weights: `${optimizer} ${epochs} ${seed}`,
          },
        ),
      ),
    );
  const equal = {equal_compute: {axis: 'epochs', factor: 2}};
  assert.match(
    await said(study(700), equal),
    /not equal compute: a run of the arm took 200 gradients, one of the other 700/,
  );
  assert.match(await said(study(undefined), equal), /equal compute is what the pipeline says/);
  assert.doesNotMatch(await said(study(199), equal), /not equal compute|what the pipeline says/);
});

test('one data set under several names is no independent evidence', async () => {
  const study = (nameOf: (dataset: string) => string): StageInput[] =>
    ['a', 'b', 'c'].flatMap(dataset =>
      [plain, raised].flatMap((values, arm) =>
        values.map((value, seed) =>
          runOf(
            {optimizer: arm === 0 ? 'sgd' : 'sam', dataset, seed},
            {
              metrics: {test_accuracy: value},
              weights: `${dataset} ${arm} ${seed}`,
              dataset: {name: nameOf(dataset), is_subset: false, provenance: {split_seed: 0}},
            },
          ),
        ),
      ),
    );
  const across = {across: 'dataset'};
  assert.match(
    await said(
      study(() => 'digits'),
      across,
    ),
    /several names: a, b, c of dataset are all digits/,
  );
  assert.doesNotMatch(
    await said(
      study(name => name),
      across,
    ),
    /several names/,
  );
});

test('shares beside percents are seen', async () => {
  const mixed = arms((optimizer, value, seed) =>
    named('test_accuracy')(optimizer, optimizer === 'sam' ? value * 100 : value, seed),
  );
  assert.match(await said(mixed), /mixed units\?/);
});
