import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {StageError, type StageInput} from '../../src/stage/define.ts';
import aggregate from '../../stages/aggregate.ts';
import type {Summary} from '../../stages/statistics/summary.ts';
import {runStage} from './rig.ts';
import {runOf} from './runs.ts';

const metric = 'test_accuracy';

async function summarise(
  runs: readonly StageInput[],
  params: Readonly<Record<string, unknown>> = {compare: 'optimizer'},
): Promise<Summary> {
  const run = await runStage(aggregate, {metric, ...params}, {inputs: {runs}});
  return JSON.parse(readFileSync(run.files.summary ?? '', 'utf8'));
}

const arm = (optimizer: string, values: readonly number[], first = 0): readonly StageInput[] =>
  values.map((value, index) =>
    runOf(
      {optimizer, seed: first + index},
      {metrics: {[metric]: value, diverged: 0}, weights: `${optimizer} ${first + index}`},
    ),
  );

function near(actual: number | null | undefined, expected: number): void {
  assert.ok(
    typeof actual === 'number' && Math.abs(actual - expected) < 1e-12,
    `${actual} is not ${expected}`,
  );
}

const sam = [0.9727, 0.9735, 0.9741, 0.9722, 0.9738];
const sgd = [0.9711, 0.973, 0.9725, 0.9719, 0.9724];

test('seeds are pairs: mean, SD and interval per arm, and the difference with its tests', async () => {
  const summary = await summarise([...arm('sgd', sgd), ...arm('sam', sam)]);
  assert.equal(summary.baseline, 'sgd', 'the first arm, where none is named');
  const [one] = summary.metrics;
  assert.deepEqual(
    one?.rows.map(({cell, n, status}) => ({cell, n, status})),
    [
      {cell: {optimizer: 'sgd'}, n: 5, status: 'replicated'},
      {cell: {optimizer: 'sam'}, n: 5, status: 'replicated'},
    ],
  );
  near(one?.rows[1]?.mean, 0.97326);
  near(one?.rows[1]?.sd, 0.0007893034904268519);
  near(one?.rows[1]?.interval?.low, 0.9722799502722804);
  const [difference] = one?.comparisons ?? [];
  assert.equal(difference?.kind, 'paired');
  near(difference?.difference, 0.00108);
  near(difference?.p, 0.01857391164178486);
  near(difference?.sign_flip?.p, 0.0625);
  assert.match(
    difference?.notes.join(' ') ?? '',
    /five pairs can never reach p < 0\.05 \(the smallest possible p is 0\.0625\); six are needed/,
  );
});

test('pairs are found by seed, not by order', async () => {
  const [runs, mixed] = [arm('sam', sam), [...arm('sam', sam)].reverse()];
  const one = await summarise([...arm('sgd', sgd), ...runs]);
  const other = await summarise([...arm('sgd', sgd), ...mixed]);
  near(other.metrics[0]?.comparisons[0]?.p, one.metrics[0]?.comparisons[0]?.p ?? 0);
});

test('runs with the same weights are one run: no SD, no test, and a sentence says why', async () => {
  const same = [0, 1, 2].map(seed =>
    runOf({optimizer: 'sam', seed}, {metrics: {[metric]: 0.9879, diverged: 0}, weights: 'the same'}),
  );
  const summary = await summarise([...arm('sgd', [0.9871, 0.9873, 0.9875]), ...same]);
  const [, row] = summary.metrics[0]?.rows ?? [];
  assert.deepEqual(
    {n: row?.n, mean: row?.mean, sd: row?.sd, interval: row?.interval, status: row?.status},
    {n: 1, mean: 0.9879, sd: null, interval: null, status: 'identical'},
  );
  assert.match(row?.notes[0] ?? '', /3 runs ended in the same weights: seed was not varied/);
  const [difference] = summary.metrics[0]?.comparisons ?? [];
  assert.equal(difference?.p, null);
  assert.match(difference?.notes[0] ?? '', /No test: seed was not varied in at least one arm/);
});

test('equal weights among different ones count once; equal values of different weights give no spread', async () => {
  const twins = arm('sam', [0.9, 0.9]).map((run, index) => ({
    ...run,
    cell: {optimizer: 'sam', seed: 5 + index},
  }));
  const copied = [...arm('sgd', [0.91, 0.92]), ...arm('sgd', [0.91, 0.92]).slice(0, 1)];
  const runs = copied.map((run, seed) => ({...run, cell: {optimizer: 'sgd', seed}}));
  const summary = await summarise([...runs, ...twins]);
  const [first, second] = summary.metrics[0]?.rows ?? [];
  assert.equal(first?.n, 2);
  assert.match(
    first?.notes.join(' ') ?? '',
    /3 runs ended in 2 different sets of weights; equal ones count once/,
  );
  assert.equal(second?.status, 'constant');
  assert.match(second?.notes.join(' ') ?? '', /2 runs have exactly the same value/);
});

test('arms that do not share their seeds are compared with Welch’s test, and it is said', async () => {
  const summary = await summarise([...arm('sgd', sgd), ...arm('sam', sam, 100)]);
  const [difference] = summary.metrics[0]?.comparisons ?? [];
  assert.equal(difference?.kind, 'unpaired');
  assert.equal(difference?.p, difference?.welch_t?.p);
  assert.equal(difference?.sign_flip, null);
  assert.match(
    difference?.notes.join(' ') ?? '',
    /do not share all values of seed, so they are compared unpaired/,
  );
});

test('diverged runs have no value, and the row says how many', async () => {
  const lost = runOf({optimizer: 'sgd', seed: 2}, {metrics: {diverged: 1}, weights: 'nan'});
  const summary = await summarise([...arm('sgd', [0.9, 0.91]), lost, ...arm('sam', [0.92, 0.93, 0.94])]);
  const [row] = summary.metrics[0]?.rows ?? [];
  assert.equal(row?.n, 2);
  near(row?.mean, 0.905);
  assert.match(row?.notes.join(' ') ?? '', /1 of 3 runs diverged and have no value/);
});

test('McNemar’s test is done per seed from saved predictions', async () => {
  const correct = (wrong: number) => Array.from({length: 20}, (_, at) => (at < wrong ? 0 : 1));
  const runs = [0, 1].flatMap(seed => [
    runOf({optimizer: 'sgd', seed}, {metrics: {[metric]: 0.4}, weights: `a${seed}`, correct: correct(12)}),
    runOf({optimizer: 'sam', seed}, {metrics: {[metric]: 0.9}, weights: `b${seed}`, correct: correct(2)}),
  ]);
  const summary = await summarise(runs);
  const [first] = summary.metrics[0]?.comparisons[0]?.mcnemar ?? [];
  assert.deepEqual(first, {over: 0, only_arm: 10, only_baseline: 0, p: first?.p});
  near(first?.p, 2 / 2 ** 10);
});

test('equal compute: SAM is compared with SGD at twice the epochs as well, and Holm covers all', async () => {
  const cell = (optimizer: string, epochs: number, seed: number, value: number) =>
    runOf({optimizer, epochs, seed}, {metrics: {[metric]: value}, weights: `${optimizer} ${epochs} ${seed}`});
  const noise = [0.001, -0.002, 0.0005];
  const runs = noise.flatMap((shift, seed) => [
    cell('sgd', 100, seed, 0.95 - shift),
    cell('sgd', 200, seed, 0.96 + shift / 2),
    cell('sam', 100, seed, 0.97 + shift),
    cell('sam', 200, seed, 0.98),
  ]);
  const params = {compare: 'optimizer', baseline: 'sgd', equal_compute: {axis: 'epochs', factor: 2}};
  const [one] = (await summarise(runs, params)).metrics;
  assert.deepEqual(
    one?.comparisons.map(({cell: own, baseline, budget}) => [own.epochs, baseline.epochs, budget]),
    [
      [100, 100, 'same'],
      [100, 200, 'equal compute'],
      [200, 200, 'same'],
    ],
  );
  const ps = one?.comparisons.map(({p}) => p ?? 1) ?? [];
  near(Math.min(...(one?.comparisons.map(({p_holm}) => p_holm ?? 1) ?? [])), Math.min(...ps) * 3);
});

test('several baselines: each arm is compared with those whose cells agree, each pair once', async () => {
  const family = (base: string, optimizer: string, value: number) =>
    [0, 1, 2].map(seed =>
      runOf(
        {optimizer, ...(base === 'sgd' ? {} : {base}), seed},
        {metrics: {[metric]: value + seed / 100}, weights: `${base} ${optimizer} ${seed}`},
      ),
    );
  const runs = [
    ...family('sgd', 'sgd', 0.8),
    ...family('sgd', 'sam', 0.82),
    ...family('adam', 'adam', 0.81),
    ...family('adam', 'sam', 0.83),
  ];
  const [one] = (await summarise(runs, {compare: 'optimizer', baseline: ['sgd', 'adam']})).metrics;
  assert.deepEqual(
    one?.comparisons.map(
      ({cell, baseline}) => `${cell.optimizer} ${cell.base ?? 'sgd'} / ${baseline.optimizer}`,
    ),
    ['sam sgd / sgd', 'adam adam / sgd', 'sam adam / sgd', 'sam adam / adam'],
  );
});

test('several metrics, and what the runs have in common, are in the summary', async () => {
  const runs = [0, 1].map(seed =>
    runOf(
      {optimizer: 'sgd', seed},
      {
        metrics: {[metric]: 0.9 + seed / 100, test_loss: 0.3 - seed / 100},
        weights: String(seed),
        dataset: {name: 'digits', is_subset: false},
        parameters: {lr: 0.1, seed, hidden: [3]},
      },
    ),
  );
  const summary = await summarise(runs, {metric: [metric, 'test_loss']});
  assert.deepEqual(
    summary.metrics.map(one => one.metric),
    [metric, 'test_loss'],
  );
  assert.deepEqual(summary.metrics[0]?.rows[0]?.settings, {lr: 0.1});
  assert.deepEqual(summary.datasets, [{name: 'digits', is_subset: false}]);
});

test('axes, baselines and metrics that are not there are refused with what there is', async () => {
  const refuses = (params: Readonly<Record<string, unknown>>, message: RegExp) =>
    assert.rejects(
      summarise(arm('sgd', sgd), params),
      error => error instanceof StageError && message.test(error.message),
    );
  await refuses({over: 'fold'}, /over: expected an axis of the runs \(optimizer, seed\), got fold/);
  await refuses({compare: 'model'}, /compare: expected an axis of the runs .*got model/);
  await refuses(
    {compare: 'optimizer', baseline: 'adam'},
    /baseline: expected a value of the axis optimizer \(sgd\), got adam/,
  );
  await refuses({metric: 'f1'}, /expected a metric of the runs, got f1; they have diverged, test_accuracy/);
});
