// Models for others: plain ONNX, which ONNX's own checker takes and ONNX's reference runtime computes.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import {batchNorm, compile, type Definition} from '../../src/engine/index.ts';
import {uniform} from './compare.ts';

/** A Python with the package `onnx`; PYTHON names another than python3. */
const python = process.env.PYTHON ?? 'python3';
const isThere = ((): boolean => {
  try {
    execFileSync(python, ['-c', 'import onnx, onnx.reference'], {stdio: 'ignore'});
    return true;
  } catch {
    return false;
  }
})();

const script = `
import json, sys
import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
feeds = {name: np.array(t["data"], dtype=t["dtype"]).reshape(t["shape"]) for name, t in json.load(sys.stdin).items()}
outputs = ReferenceEvaluator(model).run(None, feeds)
print(json.dumps({o.name: np.asarray(v).ravel().tolist() for o, v in zip(model.graph.output, outputs)}))
`;

const channels = 16;
const state = {
  filter: uniform(1, [3, 3, channels, channels], -0.3, 0.3),
  gamma: uniform(2, [channels], 0.5, 1.5),
  beta: uniform(3, [channels]),
};
const network: Definition = {
  name: 'network',
  state,
  resident: {x: uniform(4, [2, 6, 6, channels])},
  scanned: {rate: {dtype: 'float32', shape: []}},
  step: ({state, resident: {x}, scanned: {rate}}) => {
    const {filter, gamma, beta} = state;
    assert.ok(x && rate && filter && gamma && beta);
    const loss = (f: tf.Tensor, g: tf.Tensor, b: tf.Tensor): tf.Scalar => {
      const {y} = batchNorm(tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, 1, 'same'), g, b);
      const pooled = tf.avgPool(tf.relu(y) as tf.Tensor4D, 2, 2, 'valid');
      return tf.mean(tf.square(tf.sub(pooled, 0.3)));
    };
    const {value, grads} = tf.valueAndGrads(loss)([filter, gamma, beta]);
    const next = [filter, gamma, beta].map((w, i) => tf.sub(w, tf.mul(rate, grads[i] ?? 0)));
    const [f, g, b] = next;
    assert.ok(f && g && b);
    return {state: {filter: f, gamma: g, beta: b}, metrics: {loss: value}};
  },
};

const rates = {dtype: 'float32' as const, shape: [3], data: Float32Array.of(0.1, 0.2, 0.1)};

test('a portable model holds ONNX\u2019s own operators alone, and is not what is run here', async () => {
  const program = await compile(network, {device: 'cpu'});
  const portable = program.toOnnx({portable: true});
  assert.ok(!Buffer.from(portable).includes('com.microsoft'));
  assert.deepEqual(program.toOnnx({portable: true}), portable);
  await program.dispose();
});

test('a portable model passes ONNX\u2019s checker and computes the same in its reference runtime', {
  skip: !isThere,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pipe-portable-'));
  const program = await compile(network, {device: 'cpu'});
  try {
    const path = join(folder, 'network.onnx');
    writeFileSync(path, program.toOnnx({portable: true}));
    const feeds = Object.fromEntries(
      [
        ...Object.entries(state).map(([name, t]) => [`state.${name}`, t] as const),
        ...Object.entries(network.resident ?? {}).map(([name, t]) => [`resident.${name}`, t] as const),
        ['scanned.rate', rates] as const,
      ].map(([name, t]) => [name, {...t, data: Array.from(t.data)}]),
    );
    const output = execFileSync(python, ['-c', script, path], {
      input: JSON.stringify(feeds),
      encoding: 'utf8',
    });
    const theirs: Readonly<Record<string, readonly number[]>> = JSON.parse(output);
    const {loss} = await program.run({rate: rates});
    const ours = {
      'metric.loss': loss,
      ...Object.fromEntries(Object.entries(await program.readState()).map(([n, t]) => [`next.${n}`, t])),
    };
    for (const [name, tensor] of Object.entries(ours))
      Array.from(tensor?.data ?? []).forEach((value, i) => {
        const other = theirs[name]?.[i] ?? Number.NaN;
        assert.ok(Math.abs(value - other) < 1e-4, `${name}[${i}]: ${value} here, ${other} there`);
      });
  } finally {
    await program.dispose();
    rmSync(folder, {recursive: true, force: true});
  }
});
