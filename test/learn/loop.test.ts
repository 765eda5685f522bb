import assert from 'node:assert/strict';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {encodeSafetensors} from '../../src/engine/safetensors.ts';
import {batchesOf} from '../../stages/learn/batches.ts';
import {type Checkpoint, readCheckpoint, writeCheckpoint} from '../../stages/learn/checkpoint.ts';
import {bestEpoch, curveToCsv} from '../../stages/learn/curve.ts';
import {lookSam} from '../../stages/learn/gradients/look-sam.ts';
import {mSam} from '../../stages/learn/gradients/m-sam.ts';
import {defaultPerturbation} from '../../stages/learn/gradients/perturbation.ts';
import {sam} from '../../stages/learn/gradients/sam.ts';
import {segmentsOf, type TrainingResult, train} from '../../stages/learn/loop.ts';
import {wideResnet} from '../../stages/learn/models/wide-resnet.ts';
import {adam} from '../../stages/learn/optimizers/adam.ts';
import {noDecay} from '../../stages/learn/optimizers/optimizer.ts';
import type {Training} from '../../stages/learn/training-program.ts';
import {classes, compileOn, loopOf, smallModel, syntheticDataset, trainingOf} from './training-rig.ts';

const dataset = syntheticDataset({train: 100, validation: 23, test: 31});
const options = {...defaultPerturbation, rho: 0.1};

/** The bytes of everything that a training gives. */
const bytesOf = ({state, curve, test, validation}: TrainingResult): string =>
  Buffer.from(
    encodeSafetensors({tensors: state, metadata: {rest: JSON.stringify([curve, test, validation])}}),
  ).toString('hex');

const withEverything = (seed: number): Training => {
  const model = smallModel(dataset, [12], 0.2);
  return trainingOf(dataset, {
    model,
    seed,
    policy: {
      flip: 0.5,
      crop: {padding: 1, mode: 'reflect'},
      cutout: {length: 2, variant: 'google', probability: 1, when: 'after'},
    },
    rule: lookSam(model.parameters, {...options, k: 3, alpha: 0.7}),
    optimizer: adam({beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: noDecay}),
    learningRate: step => 0.01 / (1 + step / 10),
  });
};

test('the same seed gives the same bytes, another seed gives others', async () => {
  const run = async (seed: number): Promise<string> => bytesOf(await train(loopOf(withEverything(seed))));
  const first = await run(1);
  assert.equal(await run(1), first);
  assert.notEqual(await run(2), first);
});

test('how steps are cut into calls changes nothing, nor does the size of evaluation batches', async () => {
  const whole = bytesOf(await train(loopOf(withEverything(1))));
  assert.equal(bytesOf(await train(loopOf(withEverything(1), {stepsPerCall: 2}))), whole);
  const other = await train(loopOf(withEverything(1), {evaluationBatch: 31}));
  const {state, curve, test, validation} = await train(loopOf(withEverything(1)));
  assert.deepEqual(other.state, state);
  assert.deepEqual(other.test?.classes, test?.classes);
  assert.deepEqual(other.validation?.classes, validation?.classes);
  assert.deepEqual(
    other.curve.map(({test_accuracy}) => test_accuracy),
    curve.map(({test_accuracy}) => test_accuracy),
  );
});

test('a training that was stopped after any epoch and resumed ends in the same bytes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  try {
    const uninterrupted = bytesOf(await train(loopOf(withEverything(1))));
    for (const stopAfter of [1, 2, 3]) {
      const stop = new AbortController();
      const onEpoch = async (checkpoint: () => Promise<Checkpoint>): Promise<void> => {
        const saved = await checkpoint();
        await writeCheckpoint(folder, saved);
        if (saved.curve.length === stopAfter) stop.abort(new Error('stopped'));
      };
      await assert.rejects(train(loopOf(withEverything(1), {onEpoch, signal: stop.signal})), /stopped/);
      const resumed = await readCheckpoint(folder);
      assert.equal(resumed?.curve.length, stopAfter);
      assert.equal(bytesOf(await train(loopOf(withEverything(1), {resumed}))), uninterrupted);
    }
    await writeFile(join(folder, 'training.safetensors'), 'damaged');
    assert.equal(await readCheckpoint(folder), undefined);
    assert.equal(await readCheckpoint(join(folder, 'absent')), undefined);
  } finally {
    await rm(folder, {recursive: true});
  }
});

test('rho = 0 is SGD bit for bit, also by a schedule, and a perturbation changes the result', async () => {
  const model = smallModel(dataset);
  const run = async (rule?: Training['rule']): Promise<string> =>
    bytesOf(await train(loopOf(trainingOf(dataset, {model, ...(rule ? {rule} : {})}))));
  const plain = await run();
  assert.equal(await run(sam(model.parameters, {...options, rho: 0})), plain);
  assert.equal(await run(sam(model.parameters, {...options, rho: () => 0})), plain);
  assert.notEqual(await run(sam(model.parameters, options)), plain);
});

test('running statistics after a step of SAM are those of a step of SGD, and m-SAM with m = |B| is SAM', async () => {
  const small = syntheticDataset({train: 16, validation: 0, test: 8}, {height: 8, width: 8, channels: 1});
  const model = wideResnet(
    {...small, classes},
    {depth: 10, width: 1, shortcut: 'projection', dropout: 0, init: 'google'},
  );
  const oneStep = async (rule?: Training['rule']) => {
    const training = trainingOf(small, {model, ...(rule ? {rule} : {})});
    const batches = {count: 16, size: 16, dropLast: true, seed: 0};
    return (await train(loopOf(training, {epochs: 1, batches}))).state;
  };
  const statistics = (state: TrainingResult['state']) =>
    Object.fromEntries(Object.entries(state).filter(([name]) => name.startsWith('statistics/')));
  const plain = await oneStep();
  const sharp = await oneStep(sam(model.parameters, options));
  assert.deepEqual(statistics(sharp), statistics(plain));
  assert.notDeepEqual(statistics(sharp)['statistics/norm.mean']?.data, new Float32Array(64));
  assert.notDeepEqual(sharp['weights/dense.weight'], plain['weights/dense.weight']);
  assert.deepEqual(await oneStep(mSam(model.parameters, {...options, m: 16})), sharp);
  assert.notDeepEqual(await oneStep(mSam(model.parameters, {...options, m: 4})), sharp);
});

test('a short last batch is trained on where it is not dropped', async () => {
  const batches = {count: 100, size: 16, dropLast: false, seed: 0};
  const training = trainingOf(dataset);
  const sizes = [...segmentsOf({training, batches, stepsPerCall: 4}, 0)].map(({segment}) =>
    segment.batches.map(({length}) => length),
  );
  assert.deepEqual(sizes, [[16, 16, 16, 16], [16, 16], [4]]);
  assert.deepEqual(
    batchesOf(batches, 3)
      .flatMap(batch => [...batch])
      .sort((a, b) => a - b),
    Array.from({length: 100}, (_, i) => i),
  );
  const kept = await train(loopOf(training, {batches}));
  assert.notEqual(bytesOf(kept), bytesOf(await train(loopOf(training))));
});

test('segments follow a rule’s phases over the ends of epochs', () => {
  const training = withEverything(0); // a SAM step every third step
  const batches = {count: 100, size: 20, dropLast: true, seed: 0};
  const phases = [0, 1].flatMap(epoch =>
    [...segmentsOf({training, batches, stepsPerCall: 100}, epoch)].flatMap(({phase, segment}) =>
      segment.batches.map(() => phase),
    ),
  );
  assert.deepEqual(phases, [0, 1, 1, 0, 1, 1, 0, 1, 1, 0]);
});

test('a model learns, its curve has every epoch, and best is not last', async () => {
  const result = await train(loopOf(trainingOf(dataset), {epochs: 10, evaluateEvery: 4}));
  assert.deepEqual(
    result.curve.map(({epoch}) => epoch),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  assert.deepEqual(
    result.curve.filter(({test_accuracy}) => test_accuracy !== null).map(({epoch}) => epoch),
    [4, 8, 10],
  );
  assert.ok((result.curve.at(-1)?.test_accuracy ?? 0) > 0.9, curveToCsv(result.curve));
  assert.equal(result.diverged, false);
  const row = {
    epoch: 1,
    lr: 0.1,
    train_loss: 1,
    train_accuracy: 0,
    validation_loss: null,
    validation_accuracy: null,
    test_loss: 1,
  };
  const curve = [0.5, 0.7, 0.7, 0.6].map((test_accuracy, i) => ({...row, epoch: i + 1, test_accuracy}));
  assert.deepEqual(bestEpoch(curve, 'test_accuracy'), {epoch: 2, accuracy: 0.7});
  assert.equal(bestEpoch(curve, 'validation_accuracy'), undefined);
  assert.equal(curveToCsv(curve).split('\n')[1], '1,0.1,1,0,,,1,0.5');
});

test('divergence is a result: training stops, nothing is counted as right, and a resumed run stays stopped', async () => {
  const training = trainingOf(dataset, {learningRate: () => 1e30});
  let saved: Checkpoint | undefined;
  const onEpoch = async (checkpoint: () => Promise<Checkpoint>): Promise<void> => {
    saved = await checkpoint();
  };
  const result = await train(loopOf(training, {onEpoch}));
  assert.equal(result.diverged, true);
  assert.equal(result.curve.length, 1);
  assert.equal(result.curve[0]?.train_loss, null);
  assert.equal(result.curve[0]?.test_accuracy, 0);
  assert.ok(result.test?.classes.every(predicted => predicted === -1));
  assert.equal(bytesOf(await train(loopOf(training, {resumed: saved}))), bytesOf(result));
});

test('the same training runs eagerly on TF.js, within rounding', async () => {
  const compiled = await train(loopOf(withEverything(1), {epochs: 1}));
  const eager = await train(loopOf(withEverything(1), {epochs: 1, compile: compileOn('tfjs')}));
  const [a = Number.NaN, b = Number.NaN] = [compiled, eager].map(
    ({curve}) => curve[0]?.train_loss ?? Number.NaN,
  );
  assert.ok(Math.abs(a - b) < 1e-4, `${a} and ${b}`);
});
