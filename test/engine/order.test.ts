// Calls of one program that overlap, in the order in which they were made.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import {compile, type Definition, EngineError, type HostTensors} from '../../src/engine/index.ts';

const scalar = (value: number) => ({dtype: 'float32' as const, shape: [], data: Float32Array.of(value)});

const counter: Definition = {
  name: 'counter',
  state: {count: scalar(0)},
  step: ({state: {count}}) => {
    assert.ok(count);
    const next = tf.add(count, 1);
    return {state: {count: next}, metrics: {count: next}};
  },
};
const countOf = (tensors: HostTensors): number => tensors.count?.data.at(-1) ?? Number.NaN;

for (const device of ['cpu', 'tfjs'] as const) {
  test(`overlapping runs follow one another on ${device}`, async () => {
    const program = await compile(counter, {device});
    await Promise.all([program.run({}, 3), program.run({}, 3), program.run({}, 3)]);
    assert.equal(countOf(await program.readState()), 9);
    await program.dispose();
  });

  test(`a state that is written during a run is the state afterwards on ${device}`, async () => {
    const program = await compile(counter, {device});
    const [before, , after] = await Promise.all([
      program.run({}, 5),
      program.writeState({count: scalar(100)}),
      program.run({}, 2),
    ]);
    assert.deepEqual([countOf(before), countOf(after)], [5, 102]);
    await program.dispose();
  });

  test(`dispose lets what was asked for before it finish, and refuses what comes after, on ${device}`, async () => {
    const program = await compile(counter, {device});
    const running = program.run({}, 4);
    const disposed = program.dispose();
    await assert.rejects(program.run({}, 1), new EngineError('counter: used after dispose()'));
    assert.equal(countOf(await running), 4);
    await disposed;
    await program.dispose();
  });
}

for (const device of ['cpu', 'tfjs'] as const)
  test(`programs of one state hand it on without a copy, in the order of the calls, on ${device}`, async () => {
    const double: Definition = {
      name: 'double',
      state: counter.state,
      step: ({state: {count}}) => {
        assert.ok(count);
        return {state: {count: tf.mul(count, 2)}, metrics: {}};
      },
    };
    const [one, two] = [await compile(counter, {device}), await compile(double, {device})];
    await Promise.all([
      one.run({}, 3),
      two.exchangeState(one),
      two.run({}, 2),
      one.exchangeState(two),
      one.run({}, 1),
      two.run({}, 1),
    ]);
    assert.deepEqual([countOf(await one.readState()), countOf(await two.readState())], [13, 0]);
    const other = await compile(
      {...counter, state: {count: {...scalar(0), shape: [1], data: new Float32Array(1)}}},
      {device},
    );
    await assert.rejects(one.exchangeState(other), EngineError);
    for (const program of [one, two, other]) await program.dispose();
    await assert.rejects(one.exchangeState(two), /used after dispose/);
  });

test('a long call lets others have their turn, says how far it is, and ends when it is aborted', async () => {
  const side = 400;
  const data = new Float32Array(side * side).fill(1 / side);
  const program = await compile(
    {
      name: 'long',
      state: {x: {dtype: 'float32', shape: [side, side], data}},
      step: ({state: {x}}) => {
        assert.ok(x);
        const y = tf.matMul(x as tf.Tensor2D, x as tf.Tensor2D);
        return {state: {x: y}, metrics: {mean: tf.mean(y)}};
      },
    },
    {device: 'cpu'},
  );
  const aborter = new AbortController();
  const told: number[] = [];
  const running = program.run({}, 1_000_000, {
    signal: aborter.signal,
    onProgress: done => {
      told.push(done);
      // A timer of somebody else's: it is served while the call goes on.
      setTimeout(() => aborter.abort(new Error('enough')), 0);
    },
  });
  await assert.rejects(running, /enough/);
  assert.ok(told.length >= 1 && (told.at(-1) ?? 0) < 1_000_000);
  const {mean} = await program.run({}, 3);
  assert.deepEqual(mean?.shape, [3]);
  await program.dispose();
});

test('a call is the same to the last bit, however it is cut', async () => {
  const program = await compile(counter, {device: 'cpu'});
  const told: (readonly [number, number])[] = [];
  const {count} = await program.run({}, 5000, {onProgress: (done, total) => void told.push([done, total])});
  assert.deepEqual(
    Array.from(count?.data ?? []),
    Array.from({length: 5000}, (_, i) => i + 1),
  );
  assert.deepEqual(told.at(-1), [5000, 5000]);
  assert.deepEqual(told[0], [1, 5000]);
  await program.dispose();
});

test('a mistake in one call leaves the others as they were', async () => {
  const program = await compile(counter, {device: 'cpu'});
  const [first, mistaken, last] = await Promise.allSettled([
    program.run({}, 2),
    program.writeState({}),
    program.run({}, 1),
  ]);
  assert.equal(mistaken.status, 'rejected');
  assert.ok(first.status === 'fulfilled' && last.status === 'fulfilled');
  assert.equal(countOf(last.value), 3);
  await program.dispose();
});

const calls = fc.array(
  fc.oneof(
    fc.record({kind: fc.constant('run' as const), steps: fc.integer({min: 0, max: 4})}),
    fc.record({kind: fc.constant('write' as const), steps: fc.integer({min: 0, max: 50})}),
    fc.record({kind: fc.constant('read' as const), steps: fc.constant(0)}),
  ),
  {maxLength: 12},
);

test('any calls made at once say what they say one after the other', async () => {
  const program = await compile(counter, {device: 'cpu'});
  const say = async ({kind, steps}: {readonly kind: string; readonly steps: number}): Promise<string> => {
    if (kind === 'run') return `${countOf(await program.run({}, steps))}`;
    if (kind === 'read') return `${countOf(await program.readState())}`;
    await program.writeState({count: scalar(steps)});
    return 'written';
  };
  await fc.assert(
    fc.asyncProperty(calls, async list => {
      await program.writeState({count: scalar(0)});
      const wanted: string[] = [];
      for (const call of list) wanted.push(await say(call));
      await program.writeState({count: scalar(0)});
      assert.deepEqual(await Promise.all(list.map(say)), wanted);
    }),
    {numRuns: 20, ...(process.env.FC_SEED ? {seed: Number(process.env.FC_SEED)} : {})},
  );
  await program.dispose();
});
