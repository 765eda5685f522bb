// Whole programs: what a user does with the engine, compared with the same steps run eagerly by TF.js.

import assert from 'node:assert/strict';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import * as ort from 'onnxruntime-node';
import {compile, type Definition, EngineError, type HostTensors} from '../../src/engine/index.ts';
import {listDevices} from '../../src/engine/run/devices.ts';
import {assertClose, uniform, whole} from './compare.ts';
import {residualNetwork} from './residual-network.ts';

const steps = 6;

async function runOn(device: 'cpu' | 'tfjs', {definition, scanned}: ReturnType<typeof residualNetwork>) {
  const program = await compile(definition, {device});
  const metrics = await program.run(scanned);
  const state = await program.readState();
  await program.dispose();
  return {metrics, state};
}

test('a residual network with dropout masks, Adam and a Hessian-vector product is the same compiled and eager', async () => {
  const workload = residualNetwork(steps);
  const compiled = await runOn('cpu', workload);
  const eager = await runOn('tfjs', workload);
  assertClose(compiled.metrics, eager.metrics, {relative: 2e-3, absolute: 2e-3});
  assertClose(compiled.state, eager.state, {relative: 2e-3, absolute: 2e-3});
  const {curvature} = compiled.metrics;
  assert.ok(
    curvature?.data.some(x => Math.abs(x) > 1e-3),
    'the product is not zero',
  );
});

test('twice one program is the same bytes, and so is one call or several', async () => {
  const workload = residualNetwork(steps);
  const [first, second] = [await runOn('cpu', workload), await runOn('cpu', workload)];
  assert.deepEqual(first, second);
  const program = await compile(workload.definition, {device: 'cpu'});
  const slice = (from: number, to: number): HostTensors =>
    Object.fromEntries(
      Object.entries(workload.scanned).map(([name, {dtype, shape, data}]) => {
        const size = data.length / steps;
        const part = {dtype, shape: [to - from, ...shape.slice(1)], data: data.slice(from * size, to * size)};
        return [name, part as HostTensors[string]];
      }),
    );
  await program.run(slice(0, 2));
  const between = await program.readState();
  await program.writeState(between);
  await program.run(slice(2, steps));
  assert.deepEqual(await program.readState(), first.state);
  await program.dispose();
});

/** A running sum of rows of resident bytes. */
const sums: Definition = {
  name: 'sums',
  state: {total: {dtype: 'float32', shape: [4], data: new Float32Array(4)}},
  resident: {rows: {dtype: 'uint8', shape: [3, 4], data: Uint8Array.from({length: 12}, (_, i) => i + 250)}},
  scanned: {row: {shape: [], dtype: 'int32'}},
  step: ({state, resident, scanned}) => {
    const {total} = state;
    const [{rows}, {row}] = [resident, scanned];
    assert.ok(total && rows && row);
    const unused = tf.exp(tf.sqrt(tf.cast(rows, 'float32')));
    assert.deepEqual(unused.shape, [3, 4]);
    const ten = tf.mul(tf.add(tf.scalar(2), tf.scalar(3)), tf.scalar(2));
    const next = tf.add(total, tf.mul(tf.cast(tf.gather(rows, row.as1D()).reshape([4]), 'float32'), ten));
    return {state: {total: next}, metrics: {mean: tf.mean(next)}};
  },
};
test('momentum and decay become operands of the product that makes the gradient', async () => {
  const weights = {dtype: 'float32' as const, shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6)};
  const definition: Definition = {
    name: 'descent',
    state: {w: weights, v: {...weights, data: new Float32Array(6).fill(0.5)}},
    resident: {},
    scanned: {x: {shape: [4, 3], dtype: 'float32'}},
    step: ({state: {w, v}, scanned: {x}}) => {
      assert.ok(w && v && x);
      const {value, grads} = tf.valueAndGrads((at: tf.Tensor) => tf.sum(tf.square(tf.matMul(x, at))))([w]);
      const [gradient] = grads;
      assert.ok(gradient);
      const velocity = tf.add(tf.mul(v, 0.9), gradient);
      return {state: {w: tf.sub(w, tf.mul(velocity, 0.01)), v: velocity}, metrics: {loss: value}};
    },
  };
  const data = Float32Array.from({length: 24}, (_, i) => Math.sin(i));
  const workload = {definition, scanned: {x: {dtype: 'float32' as const, shape: [2, 4, 3], data}}};
  const compiled = await runOn('cpu', workload);
  const eager = await runOn('tfjs', workload);
  assertClose(compiled.state, eager.state, {relative: 1e-5, absolute: 1e-5});
  const program = await compile(definition, {device: 'cpu'});
  const text = Buffer.from(program.toOnnx()).toString('latin1');
  await program.dispose();
  assert.ok(text.includes('beta'), 'the velocity is an operand of Gemm');
});

const rowsOf = (...rows: number[]): HostTensors => ({
  row: {dtype: 'int32', shape: [rows.length], data: Int32Array.from(rows)},
});

test('resident bytes stay bytes, dead code goes, constants are folded', async () => {
  const program = await compile(sums, {device: 'cpu'});
  await program.run(rowsOf(0, 2, 1));
  const {total} = await program.readState();
  const bytes = Array.from({length: 12}, (_, i) => (i + 250) % 256);
  const column = (c: number): number => 10 * [0, 1, 2].reduce((sum, r) => sum + (bytes[4 * r + c] ?? 0), 0);
  assert.deepEqual(Array.from(total?.data ?? []), [0, 1, 2, 3].map(column));
  const text = Buffer.from(program.toOnnx()).toString('latin1');
  assert.ok(!text.includes('Exp') && !text.includes('Sqrt'), 'what nobody reads is not in the graph');
  assert.equal(text.split('/Mul').length - 1, 1, 'only the product with ten is left');
  const folder = await mkdtemp(join(tmpdir(), 'pipe-engine-'));
  const path = join(folder, 'sums.onnx');
  await writeFile(path, program.toOnnx());
  await program.dispose();
  const session = await ort.InferenceSession.create(path);
  const rows = session.inputMetadata.find(({name}) => name === 'resident.rows');
  assert.ok(rows?.isTensor);
  assert.equal(rows.type, 'uint8');
  assert.deepEqual(rows.shape, [3, 4]);
  await session.release();
  await rm(folder, {recursive: true, force: true});
});

test('equal programs share one session', async () => {
  const [first, second] = [await compile(sums, {device: 'cpu'}), await compile(sums, {device: 'cpu'})];
  assert.deepEqual(first.toOnnx(), second.toOnnx());
  await first.run(rowsOf(1));
  await first.dispose();
  const {mean} = await second.run(rowsOf(0));
  assert.deepEqual(Array.from(mean?.data ?? []), [2515], 'the state is its own');
  await second.dispose();
  await assert.rejects(second.run(rowsOf(0)), /sums: used after dispose\(\)/);
});

test('memory does not grow over 10,000 calls', async () => {
  const program = await compile(sums, {device: 'cpu'});
  const scanned = rowsOf(0, 1, 2);
  const run = async (calls: number): Promise<number> => {
    for (let i = 0; i < calls; i++) await program.run(scanned);
    return process.memoryUsage().rss;
  };
  const warm = await run(3000);
  const after = await run(10_000);
  await program.dispose();
  assert.ok(after - warm < 24 * 2 ** 20, `grew by ${((after - warm) / 2 ** 20).toFixed(1)} MiB`);
});

test('threads change nothing but time', async () => {
  const definition: Definition = {
    name: 'product',
    state: {},
    resident: {a: uniform(1, [64, 80]), b: uniform(2, [80, 48]), i: whole(3, [5], 0, 9)},
    step: ({resident: {a, b}}) => {
      assert.ok(a && b);
      return {state: {}, metrics: {c: tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D)}};
    },
  };
  const results = [];
  for (const threads of [1, 2]) {
    const program = await compile(definition, {device: 'cpu', threads});
    assert.match(program.device.name, threads === 1 ? /on cpu, 1 thread$/ : /on cpu, 2 threads$/);
    results.push(await program.run({}, 1));
    await program.dispose();
  }
  assertClose(results[0] ?? {}, results[1] ?? {});
  await assert.rejects(compile(definition, {threads: 0}), EngineError);
});

test('auto says which device and why, in one line; what is asked for and not there is a mistake', async () => {
  const devices = await listDevices();
  assert.deepEqual(
    devices.map(({kind}) => kind),
    ['cpu', 'webgpu', 'cuda', 'tfjs'],
  );
  for (const {detail} of devices) assert.match(detail, /^[^\n]+$/);
  const program = await compile(sums, {device: 'auto'});
  assert.match(program.device.reason, /^the fastest here[^\n]+$/);
  await program.dispose();
  const absent = devices.find(({kind, isAvailable}) => kind === 'cuda' && !isAvailable);
  if (absent === undefined) return;
  await assert.rejects(compile(sums, {device: 'cuda'}), (error: unknown) => {
    assert.ok(error instanceof EngineError);
    assert.match(error.message, /^expected the device cuda, which is not there: [^\n]+$/);
    return true;
  });
});
