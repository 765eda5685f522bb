// Mistakes of shape, axis, range and type: each is the engine's own error at the user's line, never a wrong result and
// never an error of ONNX Runtime.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {fileURLToPath} from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import {compile, type Definition, EngineError, type HostTensors} from '../../src/engine/index.ts';
import {runOnce} from './compare.ts';

const here = fileURLToPath(import.meta.url);
const lines = readFileSync(here, 'utf8').split('\n');

const inputs = {
  v: {dtype: 'float32' as const, shape: [3], data: Float32Array.of(1, 2, 3)},
  m: {dtype: 'float32' as const, shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6)},
  k: {dtype: 'int32' as const, shape: [2], data: Int32Array.of(0, 1)},
  outside: {dtype: 'int32' as const, shape: [1], data: Int32Array.of(-1)},
};
type Name = keyof typeof inputs;
type Step = (given: Readonly<Record<Name, tf.Tensor>>) => tf.Tensor | readonly tf.Tensor[];

const over = (step: Step): Definition => ({
  name: 'mistaken',
  state: {},
  resident: inputs,
  step: ({resident: {v, m, k, outside}}) => {
    assert.ok(v && m && k && outside);
    const result = step({v, m, k, outside});
    const list = result instanceof tf.Tensor ? [result] : result;
    return {state: {}, metrics: Object.fromEntries(list.map((t, i) => [`y${i}`, t]))};
  },
});

async function assertMistake(step: Step, message: RegExp): Promise<void> {
  await assert.rejects(runOnce(over(step), 'cpu'), (error: unknown) => {
    assert.ok(error instanceof EngineError, String(error));
    assert.match(error.message, message);
    const [, file, line] = /^(?:file:\/\/)?(.*):(\d+):\d+$/.exec(error.place) ?? [];
    assert.equal(file, here, error.message);
    assert.ok(lines[Number(line) - 1]?.includes('tf.'), `line ${line}: ${lines[Number(line) - 1]}`);
    return true;
  });
}

test('products of matrices that do not fit', async () => {
  await assertMistake(({m}) => tf.matMul(m, m), /inner dimensions that fit, got 3 and 2/);
  await assertMistake(({m}) => tf.matMul(m, m, true, true), /\[2,3\] transposed/);
});

test('shapes that do not fit in joins', async () => {
  await assertMistake(({v, m}) => tf.concat([m, tf.reshape(v, [1, 3])], 1), /does not match/);
  await assertMistake(({v}) => tf.concat([v, v], 1), /axis/);
  await assertMistake(
    ({v, k}) => tf.stack([v, tf.cast(k, 'float32')]),
    /one shape, got \[3\] and \[2\]|shape/,
  );
});

test('types that differ in joins', async () => {
  await assertMistake(({v, k}) => tf.concat([v, k]), /one type, got float32 and int32: cast them first/);
  await assertMistake(({v}) => tf.stack([v, tf.cast(v, 'int32')]), /one type, got float32 and int32/);
});

test('slices, parts and shapes outside of what is there', async () => {
  await assertMistake(({v}) => tf.slice(v, [2], [2]), /slice/i);
  await assertMistake(({v}) => tf.slice(v, [-2], [1]), /begin/);
  await assertMistake(({v}) => tf.split(v, [1, 1]), /sum of sizes/);
  await assertMistake(({v}) => tf.split(v, 2), /evenly divide/);
  await assertMistake(({m}) => tf.reshape(m, [0, 3]), /6/);
  await assertMistake(({m}) => tf.reshape(m, [4, 2]), /6|size/);
});

test('axes that are not there', async () => {
  await assertMistake(({v}) => tf.reverse(v, 7), /axis/);
  await assertMistake(({v}) => tf.sum(v, 3), /axes from -1 to 0, got 3/);
  await assertMistake(({v}) => tf.expandDims(v, -3), /Axis must be|axis from -2 to 1/);
});

test('indices outside of what is there: known ones when it is compiled, others when it runs', async () => {
  await assertMistake(({v}) => tf.gather(v, tf.tensor1d([0, 3], 'int32')), /indices from 0 to 2, got 3/);
  await assertMistake(({v}) => tf.gather(v, tf.tensor1d([-1], 'int32')), /indices from 0 to 2, got -1/);
  await assertMistake(
    ({v, outside}) => tf.gather(v, outside),
    /tf\.gather: ONNX Runtime refuses it: .*out of/,
  );
  await assertMistake(
    ({m, k, outside}) => tf.gather(m, tf.stack([k, tf.tile(outside, [2])]), 1, 1),
    /out of/,
  );
  await assertMistake(({v, outside}) => tf.gatherND(v, tf.reshape(outside, [1, 1])), /gatherND/);
});

test('an optimizer of tf.train that has slots', async () => {
  for (const optimizer of [tf.train.momentum(0.1, 0.9), tf.train.adam(), tf.train.rmsprop(0.1)]) {
    await assertMistake(({v}) => {
      const w = tf.variable(v);
      optimizer.minimize(() => tf.sum(tf.square(w)).asScalar());
      return tf.clone(w);
    }, /tf\.train's \w+ optimizer was applied inside of a step/);
    optimizer.dispose();
  }
});

const once = (step: Step): Promise<HostTensors> => runOnce(over(step), 'cpu');
const first = async (step: Step): Promise<readonly [string, readonly number[]]> => {
  const {y0} = await once(step);
  return [y0?.dtype ?? '', Array.from(y0?.data ?? [])];
};

test('what TF.js takes for granted', async () => {
  assert.deepEqual(await first(({v}) => tf.reverse(v)), ['float32', [3, 2, 1]]);
  assert.deepEqual(await first(({m}) => tf.reverse(m)), ['float32', [6, 5, 4, 3, 2, 1]]);
  assert.deepEqual(await first(() => tf.range(4, -2)), ['float32', [4, 3, 2, 1, 0, -1]]);
  assert.deepEqual(await first(({k}) => tf.round(k)), ['int32', [0, 1]]);
  assert.deepEqual(await first(({v}) => tf.reshape(tf.slice(v, [0], [0]), [0, 4])), ['float32', []]);
});

test('a program that ONNX Runtime refuses is an error of the engine', async () => {
  const program = await compile(
    over(({v, outside}) => tf.gather(v, outside)),
    {device: 'cpu'},
  );
  await assert.rejects(program.run({}, 1), EngineError);
  await program.dispose();
});
