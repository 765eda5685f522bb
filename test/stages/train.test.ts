import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {decodeSafetensors} from '../../src/engine/safetensors.ts';
import {StageError, type StageInput} from '../../src/stage/define.ts';
import download from '../../stages/download.ts';
import preprocess from '../../stages/preprocess.ts';
import rung from '../../stages/rung.ts';
import train from '../../stages/train.ts';
import {runStage, type StageRun, temporaryFolder} from './rig.ts';

const raw = await runStage(download, {dataset: 'digits'});
const preprocessed = await runStage(
  preprocess,
  {train_images: 400, test_images: 150, validation: 0.25},
  {inputs: {raw: raw.asInput()}},
);
const data = preprocessed.asInput();
const small = {hidden: [16], epochs: 4, batch_size: 32, lr: 0.1};

const names = ['weights', 'curve', 'predictions', 'summary', 'model'] as const;
const digests = (run: StageRun): Readonly<Record<string, string>> =>
  Object.fromEntries(
    names.map(name => [
      name,
      createHash('sha256')
        .update(readFileSync(run.files[name] ?? ''))
        .digest('hex'),
    ]),
  );

const stateOf = (run: StageRun): Buffer => readFileSync(join(run.files.state ?? '', 'training.safetensors'));

const jsonOf = (run: StageRun, name: string) => JSON.parse(readFileSync(run.files[name] ?? '', 'utf8'));

function fileInput(name: string, content: unknown): StageInput {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, JSON.stringify(content));
  return {path, files: {}, metrics: {}, cell: {}};
}

test('a training learns, and its metrics, curve, predictions and summary agree', async () => {
  const run = await runStage(
    train,
    {...small, optimizer: 'sam', epochs: 10},
    {inputs: {data}, platform: 'linux x64 avx2'},
  );
  assert.ok((run.metrics.test_accuracy ?? 0) > 0.8, String(run.metrics.test_accuracy));
  assert.equal(run.metrics.diverged, 0);
  assert.equal(run.metrics.epochs, 10);
  assert.equal(run.metrics.parameter_count, 64 * 16 + 16 + 16 * 10 + 10);
  const lines = readFileSync(run.files.curve ?? '', 'utf8')
    .trimEnd()
    .split('\n');
  assert.equal(lines.length, 11);
  assert.match(lines[0] ?? '', /^epoch,lr,train_loss,.*test_accuracy$/);
  assert.equal(Number(lines.at(-1)?.split(',').at(-1)), run.metrics.test_accuracy);
  const {tensors} = decodeSafetensors(readFileSync(run.files.predictions ?? ''), 'predictions');
  const [predictions, labels] = [tensors.predictions?.data ?? [], tensors.labels?.data ?? []];
  assert.equal(labels.length, 150);
  const right = Array.from(labels, (label, index) => Number(predictions[index] === label));
  assert.equal(right.reduce((sum, one) => sum + one, 0) / 150, run.metrics.test_accuracy);
  const summary = jsonOf(run, 'summary');
  assert.equal(summary.weights_sha256, digests(run).weights);
  assert.equal(summary.parameters.rho, 0.05, 'the published radius is resolved');
  assert.deepEqual(summary.dataset.is_subset, true);
  const named = Object.keys(summary.parameters);
  assert.deepEqual(named, [...named].sort(), 'in an order that does not depend on who hands them over');
  assert.equal(summary.platform, 'linux x64 avx2', 'where it was computed is carried to tables');
});

test('twice the same seed gives the same bytes; another seed gives others', async () => {
  for (const optimizer of ['sgd', 'sam', 'looksam']) {
    const run = async (seed: number) =>
      digests(await runStage(train, {...small, optimizer, seed}, {inputs: {data}}));
    const first = await run(1);
    assert.deepEqual(await run(1), first);
    const other = await run(2);
    for (const name of names) assert.notEqual(other[name], first[name], `${optimizer}: ${name}`);
  }
});

test('interrupted and resumed training ends in the bytes of the uninterrupted one', async () => {
  for (const params of [
    {...small, optimizer: 'sam', schedule: 'cosine', dropout: 0.2},
    {...small, optimizer: 'gsam', base: 'adam', lr: 0.003, rho: 0.05, rho_min: 0.01, schedule: 'linear'},
  ]) {
    const whole = digests(await runStage(train, params, {inputs: {data}}));
    const checkpoint = join(temporaryFolder(), 'checkpoint');
    mkdirSync(checkpoint);
    let interruptions = 0;
    for (const share of [0.3, 0.6]) {
      const controller = new AbortController();
      const work = runStage(train, params, {
        inputs: {data},
        checkpoint,
        signal: controller.signal,
        onProgress: ({done, total}) => {
          if (done >= share * total) controller.abort();
        },
      });
      await assert.rejects(work, {name: 'AbortError'});
      interruptions++;
      assert.ok(readdirSync(checkpoint).length > 0, 'a checkpoint is there');
    }
    const resumed = await runStage(train, params, {inputs: {data}, checkpoint});
    assert.equal(interruptions, 2);
    assert.ok(
      resumed.log.some(line => /^continues after epoch [123]$/.test(line)),
      resumed.log.join('\n'),
    );
    assert.deepEqual(digests(resumed), whole);
  }
});

test('divergence is a result: diverged is 1, nothing crashes, and no accuracy is claimed', async () => {
  const run = await runStage(train, {...small, lr: 1e30}, {inputs: {data}});
  assert.equal(run.metrics.diverged, 1);
  assert.equal(run.metrics.test_accuracy, undefined);
  assert.ok(run.log.some(line => /^diverged in epoch 1: a loss was not finite$/.test(line)));
  assert.equal(jsonOf(run, 'summary').metrics.diverged, 1);
});

test('rungs that go on from one another end in the bytes of one training, and a rung of no more epochs keeps its state', async () => {
  const params = {...small, optimizer: 'sam', momentum: 0.5};
  const whole = await runStage(train, {...params, epochs: 4}, {inputs: {data}});
  const first = await runStage(rung, {...params, epochs: 1}, {inputs: {data}});
  const second = await runStage(rung, {...params, epochs: 3}, {inputs: {data, before: first.asInput()}});
  const same = await runStage(rung, {...params, epochs: 3}, {inputs: {data, before: second.asInput()}});
  const third = await runStage(rung, {...params, epochs: 4}, {inputs: {data, before: same.asInput()}});
  assert.deepEqual(digests(third), digests(whole));
  assert.ok(third.log.includes('continues after epoch 3'), third.log.join('\n'));
  await assert.rejects(runStage(rung, params, {inputs: {data, before: data}}), StageError);
  const refused = rung.params.safeParse({schedule: 'cosine'});
  assert.match(refused.error?.issues[0]?.message ?? '', /expected constant, since other schedules/);
});

test('a training that goes on from the state of a shorter one ends in the bytes of one that never stopped', async () => {
  const few = {train_images: 96, test_images: 32, validation: 0.25};
  const images = await runStage(preprocess, few, {inputs: {raw: raw.asInput()}});
  const net = {model: 'wide-resnet', depth: 10, width: 1, batch_size: 24, lr: 0.05};
  const cases = [
    // Epoch 2 is evaluated as the last of the shorter training, and is not in the longer one.
    {of: small, evaluate_every: 3, epochs: [2, 4]},
    {of: {...small, optimizer: 'looksam', dropout: 0.2, drop_last: false}, epochs: [1, 3]},
    {of: {...small, optimizer: 'fsam', base: 'adam', lr: 0.003, rho_warmup_epochs: 2}, epochs: [1, 2, 4]},
    {of: {...small, lr: 1e30}, epochs: [1, 3]},
    {of: {...net, optimizer: 'sam', augmentation: 'basic'}, epochs: [1, 2]},
  ];
  for (const {of, epochs, ...more} of cases) {
    const inputs = {data: 'model' in of ? images.asInput() : data};
    const trainFor = (count: number | undefined, checkpoint?: string): Promise<StageRun> =>
      runStage(train, {...of, ...more, epochs: count}, {inputs, ...(checkpoint && {checkpoint})});
    const whole = await trainFor(epochs.at(-1));
    let run = await trainFor(epochs[0]);
    for (const count of epochs.slice(1)) run = await trainFor(count, run.files.state);
    assert.ok(
      run.log.some(line => line.startsWith('continues after epoch')),
      run.log.join('\n'),
    );
    assert.deepEqual(digests(run), digests(whole), JSON.stringify(of));
    assert.deepEqual(stateOf(run), stateOf(whole), 'and in the same state');
  }
  const bound = await runStage(train, {...small, schedule: 'cosine'}, {inputs: {data}});
  assert.deepEqual(
    readdirSync(bound.files.state ?? ''),
    [],
    'a schedule that depends on the end leaves none',
  );
});

test('rho 0 and a base optimizer end in the same weights', async () => {
  const plain = await runStage(train, {...small, optimizer: 'sgd'}, {inputs: {data}});
  const sharp = await runStage(train, {...small, optimizer: 'sam', rho: 0}, {inputs: {data}});
  assert.equal(digests(sharp).weights, digests(plain).weights);
  assert.equal(jsonOf(plain, 'summary').parameters.rho, 0, 'a radius that nothing used is not recorded');
});

test('mistakes in the inputs are told with what was expected', async () => {
  const refusals: readonly [Readonly<Record<string, unknown>>, Record<string, StageInput>, RegExp][] = [
    [small, {augmentation: fileInput('policy.json', {flip: 1})}, /expected \{"policy": \{…\}\}/],
    [
      {...small, augmentation: 'basic'},
      {augmentation: fileInput('policy.json', {policy: {flip: 1}})},
      /expected one augmentation, got the input and the parameter/,
    ],
  ];
  for (const [params, inputs, message] of refusals) {
    await assert.rejects(runStage(train, params, {inputs: {data, ...inputs}}), error => {
      assert.ok(error instanceof StageError, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
});

test('parameters that cannot go together are refused before anything runs', () => {
  const problem = (params: object): string => train.params.safeParse(params).error?.issues[0]?.message ?? '';
  assert.match(problem({model: 'wide-resnet', depth: 20}), /expected 6n\+4 .*got 20/);
  assert.match(problem({optimizer: 'msam', batch_size: 100}), /expected a divisor of batch_size 100, got 32/);
  assert.match(problem({nesterov: true, momentum: 0}), /expected momentum above 0/);
  assert.match(problem({init: 'google'}), /expected default, he or torch for simple-nn, got google/);
});

test('a training says what it was in the end, and what it cost in gradients of a batch', async () => {
  const perEpoch = Math.floor(300 / 32);
  const cases = [
    [{optimizer: 'sgd'}, 'sgd', 1],
    [{optimizer: 'sam'}, 'sam', 2],
    [{optimizer: 'sam', rho: 0}, 'sgd', 1],
    [{optimizer: 'asam', base: 'adam', rho: 0, lr: 0.001}, 'adam', 1],
    [{optimizer: 'esam', gamma: 0.5}, 'esam', 1.5],
  ] as const;
  for (const [params, method, cost] of cases) {
    const run = await runStage(train, {...small, epochs: 1, ...params}, {inputs: {data}});
    assert.equal(jsonOf(run, 'summary').method, method);
    assert.equal(run.metrics.gradient_evaluations, cost * perEpoch, JSON.stringify(params));
  }
});
