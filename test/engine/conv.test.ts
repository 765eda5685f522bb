// Convolutions, their gradients and the operators between them against TF.js's own JS backend, over random shapes.

import assert from 'node:assert/strict';
import test from 'node:test';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import {batchNorm} from '../../src/engine/batch-norm.ts';
import {compile} from '../../src/engine/index.ts';
import type {HostTensor, HostTensors} from '../../src/engine/program.ts';

const runs = (numRuns: number): {numRuns: number; seed?: number} => ({
  numRuns,
  ...(process.env.FC_SEED === undefined ? {} : {seed: Number(process.env.FC_SEED)}),
});

/** Numbers in [-1, 1) that depend on the seed alone. */
function numbers(shape: readonly number[], seed: number): HostTensor {
  let state = seed | 1;
  const data = Float32Array.from({length: shape.reduce((a, b) => a * b, 1)}, () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    return (state | 0) / 2 ** 31;
  });
  return {dtype: 'float32', shape, data};
}

type Inputs = Readonly<Record<string, HostTensor>>;
type Results = Readonly<Record<string, tf.Tensor>>;
type Body = (inputs: Readonly<Record<string, tf.Tensor>>) => Results;

async function compiled(inputs: Inputs, body: Body): Promise<HostTensors> {
  const program = await compile({
    name: 'test',
    state: {},
    resident: inputs,
    step: ({resident}) => ({state: {}, metrics: body(resident)}),
  });
  const results = await program.run({}, 1);
  await program.dispose();
  return results;
}

async function eager(inputs: Inputs, body: Body): Promise<Readonly<Record<string, Float32Array>>> {
  await tf.setBackend('cpu');
  return tf.tidy(() => {
    const tensors = Object.entries(inputs).map(
      ([name, t]) => [name, tf.tensor(t.data, [...t.shape], 'float32')] as const,
    );
    const results = body(Object.fromEntries(tensors));
    return Object.fromEntries(Object.entries(results).map(([n, t]) => [n, Float32Array.from(t.dataSync())]));
  });
}

/** Both ways of running agree, relative to the largest number of each result. */
async function agrees(inputs: Inputs, body: Body, tolerance = 2e-5): Promise<void> {
  const [expected, actual] = [await eager(inputs, body), await compiled(inputs, body)];
  for (const [name, wanted] of Object.entries(expected)) {
    const got = actual[name]?.data ?? new Float32Array();
    assert.equal(got.length, wanted.length, name);
    const scale = wanted.reduce((max, x) => Math.max(max, Math.abs(x)), 1e-3);
    wanted.forEach((x, i) => {
      const y = Number(got[i]);
      assert.ok(Math.abs(y - x) <= tolerance * scale, `${name}[${i}]: expected ${x}, got ${y}`);
    });
  }
}

interface Case {
  readonly batch: number;
  readonly size: readonly [number, number];
  readonly channels: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly strides: [number, number];
  readonly dilation: number;
  /** `explicit` is another padding on each side. */
  readonly pad: 'same' | 'valid' | 'explicit' | 1;
  readonly seed: number;
}

const channels = fc.constantFrom(1, 3, 5, 8, 16, 24);
const cases: fc.Arbitrary<Case> = fc
  .record({
    batch: fc.integer({min: 1, max: 6}),
    size: fc.tuple(fc.integer({min: 3, max: 9}), fc.integer({min: 3, max: 9})),
    channels: fc.tuple(channels, channels),
    kernel: fc.tuple(fc.integer({min: 1, max: 3}), fc.integer({min: 1, max: 3})),
    strides: fc.tuple(fc.integer({min: 1, max: 3}), fc.integer({min: 1, max: 3})),
    dilation: fc.constantFrom(1, 1, 1, 2),
    pad: fc.constantFrom<Case['pad']>('same', 'valid', 1, 'explicit'),
    seed: fc.integer(),
  })
  .map(c => ({...c, dilation: Math.max(...c.strides) > 1 ? 1 : c.dilation}))
  .filter(c => c.pad !== 1 || (c.strides[0] === c.strides[1] && c.kernel[0] === c.kernel[1]))
  .filter(c => c.size.every((s, i) => s >= ((c.kernel[i] ?? 1) - 1) * c.dilation + 1));

/** The output and both gradients of a convolution, weighted by `dy`, which is drawn for each position. */
const convolved =
  (c: Case, isDepthwise: boolean): Body =>
  ({x, filter, weights}) => {
    if (x === undefined || filter === undefined || weights === undefined) throw new RangeError('inputs');
    const sides: [[number, number], [number, number], [number, number], [number, number]] = [
      [0, 0],
      [1, 0],
      [0, 2],
      [0, 0],
    ];
    const pad = c.pad === 'explicit' ? sides : c.pad;
    const mode = typeof pad === 'string' ? undefined : 'floor';
    const apply = (a: tf.Tensor, f: tf.Tensor): tf.Tensor =>
      isDepthwise
        ? tf.depthwiseConv2d(a as tf.Tensor4D, f as tf.Tensor4D, c.strides, pad, 'NHWC', c.dilation, mode)
        : tf.conv2d(a as tf.Tensor4D, f as tf.Tensor4D, c.strides, pad, 'NHWC', c.dilation, mode);
    const y = apply(x, filter);
    // TF.js has no gradient of dilated convolutions.
    if (c.dilation > 1) return {y};
    const dy = tf.slice(weights, [0], [y.size]).reshape(y.shape);
    const [dx, df] = tf.grads((a: tf.Tensor, f: tf.Tensor) => tf.sum(tf.mul(apply(a, f), dy)))([x, filter]);
    if (dx === undefined || df === undefined) throw new RangeError('gradients');
    return {y, dx, df};
  };

const inputsOf = (c: Case, filterShape: readonly number[]): Inputs => {
  const shape = [c.batch, ...c.size, c.channels[0]];
  const most = c.batch * (c.size[0] + 2) * (c.size[1] + 2) * c.channels[1] * 2;
  return {
    x: numbers(shape, c.seed),
    filter: numbers(filterShape, c.seed + 1),
    weights: numbers([most], c.seed + 2),
  };
};

test('convolutions and their gradients are those of the JS backend', async () => {
  await fc.assert(
    fc.asyncProperty(cases, c => agrees(inputsOf(c, [...c.kernel, ...c.channels]), convolved(c, false))),
    runs(60),
  );
});

test('depthwise convolutions and their gradients are those of the JS backend', async () => {
  const square = cases.map(c => ({...c, channels: [c.channels[0], 2 * c.channels[0]] as const}));
  await fc.assert(
    fc.asyncProperty(square, fc.constantFrom(1, 2), (c, multiplier) =>
      agrees(inputsOf(c, [...c.kernel, c.channels[0], multiplier]), convolved(c, true)),
    ),
    runs(25),
  );
});

/** A residual network in small: what the layout pass keeps together, and what it must convert. */
const residual: Body = ({x, filter, gamma, beta, mask, projection, gate}) => {
  if (!x || !filter || !gamma || !beta || !mask || !projection || !gate) throw new RangeError('inputs');
  const loss = (f: tf.Tensor, g: tf.Tensor, s: tf.Tensor, p: tf.Tensor): tf.Scalar => {
    const stem = tf.conv2d(x as tf.Tensor4D, p as tf.Tensor4D, 1, 'same');
    const {y} = batchNorm(stem, g, s);
    const z = tf.conv2d(tf.mul(tf.relu(y), mask) as tf.Tensor4D, f as tf.Tensor4D, 1, 'same');
    const gated = tf.mul(z, tf.sigmoid(tf.mul(gate, tf.mean(z, [1, 2], true))));
    const sum = tf.add(tf.add(gated, stem), tf.sub(s, tf.div(z, tf.add(tf.square(g), 1))));
    const pooled = tf.maxPool(tf.leakyRelu(sum) as tf.Tensor4D, 2, 2, 'valid');
    const shifted = tf.add(tf.avgPool(pooled, 2, 1, 'valid'), tf.max(pooled));
    return tf.add(tf.mean(tf.square(tf.sum(shifted, [1, 2]))), tf.mean(tf.relu(tf.sub(sum, 0.3))));
  };
  const weights = [filter, gamma, beta, projection];
  const {value, grads} = tf.valueAndGrads(loss)(weights);
  return {value, ...Object.fromEntries(grads.map((g, i) => [`gradient${i}`, g]))};
};

for (const channels of [16, 6])
  test(`a residual block with batch norm of ${channels} channels has the JS backend's gradients`, async () => {
    const shape = [3, 6, 6, channels];
    await agrees(
      {
        x: numbers([3, 6, 6, 3], 1),
        filter: numbers([3, 3, channels, channels], 2),
        gamma: numbers([channels], 3),
        beta: numbers([channels], 4),
        mask: {
          data: Float32Array.from(numbers(shape, 5).data, v => (v > -0.5 ? 1 : 0)),
          shape,
          dtype: 'float32',
        },
        projection: numbers([3, 3, 3, channels], 6),
        gate: numbers([3, 1, 1, channels], 7),
      },
      residual,
      1e-4,
    );
  });
