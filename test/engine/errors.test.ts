// Mistakes in a step: each message is a snapshot, and ends with the line of this file that holds the mistake.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {fileURLToPath} from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import {compile, type Definition, EngineError, type HostTensor} from '../../src/engine/index.ts';

const here = fileURLToPath(import.meta.url);
const lines = readFileSync(here, 'utf8').split('\n');
const vector: HostTensor = {dtype: 'float32', shape: [3], data: Float32Array.of(1, 2, 3)};

/** A definition over one vector `x`, from a function of it. */
const over = (f: (x: tf.Tensor) => tf.Tensor): Definition => ({
  name: 'mistaken',
  state: {x: vector},
  step: ({state}) => {
    const {x} = state;
    assert.ok(x);
    return {state, metrics: {y: f(x)}};
  },
});

async function mistake(definition: Definition): Promise<EngineError> {
  try {
    await (await compile(definition, {device: 'cpu'})).dispose();
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  return assert.fail('expected an error');
}

/** The message, and the source line that the place names. */
async function assertMistake(f: (x: tf.Tensor) => tf.Tensor, message: string, code: string): Promise<void> {
  const error = await mistake(over(f));
  assert.equal(error.message.split('\n    at ')[0], message);
  const [, file, line] = /^(?:file:\/\/)?(.*):(\d+):\d+$/.exec(error.place) ?? [];
  assert.equal(file, here);
  assert.ok(error.message.endsWith(`\n    at ${error.place}`));
  assert.ok(lines[Number(line) - 1]?.includes(code), `line ${line}: ${lines[Number(line) - 1]}`);
}

test('an op without a kernel is named, with its place', () =>
  assertMistake(
    x => tf.image.transform(tf.reshape(x, [1, 1, -1, 1]), tf.ones([1, 8])),
    'tf op with kernel Transform cannot be compiled: the engine has no kernel for it yet: write it with other ops, or ' +
      'compute it outside and pass it in',
    'tf.image.transform(',
  ));

test('a shape that depends on data is named, with its place', () =>
  assertMistake(
    x => tf.unique(x).values,
    'tf op with kernel Unique cannot be compiled: the shape of its result depends on data, and shapes in a compiled ' +
      'step are static',
    'tf.unique(x)',
  ));

test('a read of a traced tensor is named, with its place', () =>
  assertMistake(
    x => tf.mul(x, x.dataSync()[0] ?? 0),
    'a traced tensor of shape [3] was read: inside of a step no value is known yet. Shapes must not depend on data; ' +
      'return what you want to read as a metric',
    'x.dataSync()',
  ));

test('a random op inside of a step is named, with its place', async () => {
  const drawn = (what: string): string =>
    `${what} was used inside of a step, where it would be drawn once, at compile time: draw it outside and pass it in ` +
    'as a scanned input';
  await assertMistake(x => tf.add(x, tf.randomNormal([3])), drawn('tf.randomNormal'), 'tf.randomNormal');
  await assertMistake(x => tf.dropout(x, 0.5), drawn('tf.dropout'), 'tf.dropout');
  await assertMistake(x => tf.mul(x, Math.random()), drawn('Math.random'), 'Math.random()');
});

test('a variable inside of a step is named, with its place', async () => {
  const variable = tf.variable(tf.tensor1d([1, 2, 3]), false, 'bias');
  await assertMistake(
    x => tf.add(x, variable),
    'the tf.Variable bias was used inside of a step, whose graph would keep its present value: make it part of the ' +
      'state',
    'tf.add(x, variable)',
  );
  variable.dispose();
});

test('a tensor kept from an earlier step is named, with its place', async () => {
  const kept: tf.Tensor[] = [];
  await (
    await compile(
      over(x => {
        kept.push(x);
        return x;
      }),
      {device: 'cpu'},
    )
  ).dispose();
  await assertMistake(
    x => tf.add(x, kept[0] ?? 0),
    'a tensor of an earlier step was used: pass it on as state instead of keeping it',
    'tf.add(x, kept[0] ?? 0)',
  );
});

test('a step that returns another state than it was given says how it differs', async () => {
  const of = (step: Definition['step']): Promise<EngineError> =>
    mistake({name: 'mistaken', state: {x: vector}, step});
  assert.equal(
    (await of(() => ({state: {}, metrics: {}}))).message,
    'expected the step of mistaken to return the state it was given, but it lacks x',
  );
  assert.equal(
    (await of(({state}) => ({state: {x: tf.sum(state.x ?? 0)}, metrics: {}}))).message,
    'the step of mistaken: expected state x to stay float32[3], got float32[]',
  );
});

test('TF.js is as it was after a mistake', async () => {
  const {backendName} = tf.engine();
  const {random} = Math;
  await mistake(over(x => tf.unique(x).values));
  assert.equal(tf.engine().backendName, backendName);
  assert.equal(Math.random, random);
  assert.equal(tf.engine().state.activeScope ?? undefined, undefined);
});
