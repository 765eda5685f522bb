// Where ONNX Runtime's operators lose digits or NaN: the engine's results beside those in double precision.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import {batchNorm, type Definition, type HostTensor} from '../../src/engine/index.ts';
import {runOnce} from './compare.ts';

const vector = (values: readonly number[]): HostTensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});

async function outputsOf(
  inputs: Readonly<Record<string, HostTensor>>,
  f: (x: Readonly<Record<string, tf.Tensor>>) => Readonly<Record<string, tf.Tensor>>,
): Promise<Readonly<Record<string, readonly number[]>>> {
  const definition: Definition = {
    name: 'numerics',
    state: {},
    resident: inputs,
    step: ({resident}) => ({state: {}, metrics: f(resident)}),
  };
  const result = await runOnce(definition, 'cpu');
  return Object.fromEntries(Object.entries(result).map(([name, {data}]) => [name, Array.from(data)]));
}

function assertNear(got: readonly number[] | undefined, wanted: readonly number[], relative: number): void {
  wanted.forEach((want, i) => {
    const is = got?.[i] ?? Number.NaN;
    const isNear = Object.is(is, want) || is === want || Math.abs(is - want) <= relative * Math.abs(want);
    assert.ok(isNear, `[${i}]: expected ${want}, got ${is}`);
  });
}

test('the sigmoid of very negative numbers is not 0, and its logarithm has a gradient', async () => {
  const values = [-100, -87, -50, -20, -18, -1, 0, 3];
  const {y, log, slope, nan} = await outputsOf({x: vector(values), n: vector([Number.NaN])}, ({x, n}) => {
    assert.ok(x && n);
    const log = (t: tf.Tensor): tf.Tensor => tf.log(tf.sigmoid(t));
    return {y: tf.sigmoid(x), log: log(x), slope: tf.grad(log)(tf.slice(x, [1])), nan: tf.sigmoid(n)};
  });
  const doubles = [...Float32Array.from(values)];
  assertNear(
    y?.slice(1),
    doubles.slice(1).map(x => 1 / (1 + Math.exp(-x))),
    1e-6,
  );
  assertNear(
    log?.slice(1),
    doubles.slice(1).map(x => -Math.log1p(Math.exp(-x))),
    1e-6,
  );
  assertNear(
    slope?.slice(0, 5),
    doubles.slice(1, 6).map(x => 1 / (1 + Math.exp(x))),
    1e-6,
  );
  assert.deepEqual(nan, [Number.NaN]);
});

test('expm1 and log1p keep the digits of small numbers', async () => {
  const values = [-0.9, -1e-3, -1e-6, -1e-9, 0, 1e-9, 1e-6, 1e-4, 1e-2, 0.5, 3, 80];
  const {expm1, log1p, ends} = await outputsOf(
    {x: vector(values), e: vector([-Infinity, Infinity, -1])},
    ({x, e}) => {
      assert.ok(x && e);
      return {
        expm1: tf.expm1(x),
        log1p: tf.log1p(x),
        ends: tf.stack([tf.expm1(e), tf.log1p(tf.maximum(e, -1))]),
      };
    },
  );
  const doubles = [...Float32Array.from(values)];
  assertNear(expm1, doubles.map(Math.expm1), 2e-6);
  assertNear(log1p, doubles.map(Math.log1p), 1e-6);
  assertNear(ends, [-1, Infinity, Math.expm1(-1), -Infinity, Infinity, -Infinity], 1e-6);
});

test('max and min are NaN where an element is, at any place', async () => {
  const size = 37;
  for (const at of [0, 1, 17, 36]) {
    const values = Array.from({length: size}, (_, i) => (i === at ? Number.NaN : i));
    const result = await outputsOf(
      {x: vector([...values, ...Array.from({length: size}, (_, i) => i)])},
      ({x}) => {
        assert.ok(x);
        const rows = tf.reshape(x, [2, size]);
        return {max: tf.max(rows, 1), min: tf.min(rows, 1), all: tf.max(rows), where: tf.argMax(rows, 1)};
      },
    );
    assert.deepEqual(result.max, [Number.NaN, 36]);
    assert.deepEqual(result.min, [Number.NaN, 0]);
    assert.deepEqual(result.all, [Number.NaN]);
    assert.deepEqual(result.where, [at === 36 ? 35 : 36, 36]);
  }
});

test('sums and means of millions of numbers keep their digits', async () => {
  const size = 3_000_017;
  const data = Float32Array.from({length: size}, (_, i) => 0.1 + (i % 7) * 0.01);
  const exact = data.reduce((sum, x) => sum + x, 0);
  const even = 2_000_000;
  const columns = [0, 1].map(c =>
    data.subarray(0, even).reduce((sum, x, i) => sum + (i % 2 === c ? x : 0), 0),
  );
  const {sum, mean, rows, down} = await outputsOf({x: {dtype: 'float32', shape: [size], data}}, ({x}) => {
    assert.ok(x);
    const head = tf.slice(x, [0], [even]);
    return {
      sum: tf.sum(x),
      mean: tf.mean(x),
      rows: tf.sum(tf.reshape(head, [2, even / 2]), 1),
      down: tf.sum(tf.reshape(head, [even / 2, 2]), 0),
    };
  });
  assertNear(sum, [exact], 1e-6);
  assertNear(mean, [exact / size], 1e-6);
  const halves = [data.subarray(0, even / 2), data.subarray(even / 2, even)];
  assertNear(
    rows,
    halves.map(half => half.reduce((total, x) => total + x, 0)),
    1e-6,
  );
  assertNear(down, columns, 1e-6);
});

test('batch norm keeps its digits where the mean is a hundred deviations', async () => {
  const [count, channels] = [4000, 8];
  let seed = 1;
  const draw = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32 - 0.5;
  };
  const shape = [10, 20, 20, channels];
  const data = Float32Array.from({length: count * channels}, () => 100 + draw() * Math.sqrt(12));
  const columns = Array.from({length: channels}, (_, c) => data.filter((_, i) => i % channels === c));
  const moments = columns.map(list => {
    const mean = list.reduce((sum, x) => sum + x, 0) / count;
    return {mean, variance: list.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count};
  });
  const {variance, mean, y, dx} = await outputsOf({x: {dtype: 'float32', shape, data}}, ({x}) => {
    assert.ok(x);
    const [ones, zeros] = [tf.ones([channels]), tf.zeros([channels])];
    const {y, ...statistics} = batchNorm(x, ones, zeros);
    const dx = tf.grad((t: tf.Tensor) => tf.sum(tf.pow(batchNorm(t, ones, zeros).y, 3)))(x);
    return {...statistics, y, dx};
  });
  assertNear(
    variance,
    moments.map(m => m.variance),
    1e-4,
  );
  assertNear(
    mean,
    moments.map(m => m.mean),
    3e-6,
  );
  const {mean: m = 0, variance: v = 1} = moments[0] ?? {};
  const normal = Array.from(columns[0] ?? [], x => (x - m) / Math.sqrt(v + 1e-5));
  assert.ok(Math.abs((y?.[0] ?? 0) - (normal[0] ?? 0)) < 1e-4);
  const mean3 = normal.reduce((sum, z) => sum + 3 * z * z, 0) / count;
  const mean4 = normal.reduce((sum, z) => sum + 3 * z ** 3, 0) / count;
  const z = normal[0] ?? 0;
  assert.ok(Math.abs((dx?.[0] ?? 0) - (3 * z * z - mean3 - z * mean4) / Math.sqrt(v)) < 1e-3);
});

test('signs of zero, infinities and NaN are those of JavaScript', async () => {
  const [P, N] = [Number.POSITIVE_INFINITY, Number.NaN];
  const ys = [0, 0, -0, -0, 1, -1, 0, P, P, -P, 1, 1, N];
  const xs = [0, -0, 0, -0, 0, 0, -1, P, -P, -P, P, -P, 1];
  const dividends = [7.5, -7.5, 1e8, -1e8, 5, P, 5];
  const divisors = [-2, 2, 3, 3, P, 2, 0];
  const reals = [1.9, -1.9, N, P, -P, 3e9, -3e9, 2 ** 31, 1e20, -0.5];
  const {angles, rests, whole, halves} = await outputsOf(
    {y: vector(ys), x: vector(xs), a: vector(dividends), b: vector(divisors), r: vector(reals)},
    ({y, x, a, b, r}) => {
      assert.ok(y && x && a && b && r);
      const angles = tf.atan2(y, x);
      return {angles, rests: tf.mod(a, b), whole: tf.cast(r, 'int32'), halves: tf.floorDiv(r, 2)};
    },
  );
  assertNear(
    angles,
    ys.map((y, i) => Math.atan2(y, xs[i] ?? N)),
    1e-6,
  );
  assertNear(rests, [-0.5, 0.5, 1, 2, 5, N, N], 0);
  const doubles = [...Float32Array.from(reals)];
  assert.deepEqual(whole, [...Int32Array.from(doubles)]);
  assert.deepEqual(halves, [...Int32Array.from(doubles, x => Math.floor(x / 2))]);
});

test('the largest are found beside NaN, and powers of e of whole numbers are rounded once', async () => {
  const numbers: HostTensor = {dtype: 'int32', shape: [5], data: Int32Array.of(10, -200, 0, 88, 200)};
  const {values, places, powers} = await outputsOf(
    {x: vector([1, Number.NaN, 3]), numbers},
    ({x, numbers}) => {
      assert.ok(x && numbers);
      const {values, indices} = tf.topk(x, 2);
      return {values, places: indices, powers: tf.exp(numbers)};
    },
  );
  assert.deepEqual(values, [Number.NaN, 3]);
  assert.deepEqual(places, [1, 2]);
  assert.deepEqual(powers, [...Float32Array.of(Math.exp(10), 0, 1, Math.exp(88), Number.POSITIVE_INFINITY)]);
});

test('spectra and complex numbers are those of TF.js', async () => {
  const signal = vector(Array.from({length: 12}, (_, i) => Math.sin(i * i)));
  const spectral = (x: tf.Tensor) => {
    const spectrum = tf.spectral.rfft(tf.reshape(x, [2, 6]));
    const window = tf.signal.stft(x as tf.Tensor1D, 5, 2);
    // Made outside of the step: a constant.
    const turned = tf.mul(spectrum, turn);
    return {
      size: tf.abs(spectrum),
      real: tf.real(turned),
      imaginary: tf.imag(tf.transpose(tf.concat([turned, spectrum], 1))),
      back: tf.spectral.irfft(spectrum),
      window: tf.abs(window),
    };
  };
  await tf.setBackend('cpu');
  const turn = tf.complex([0], [1]);
  const got = await outputsOf({signal}, ({signal}) => spectral(signal ?? tf.scalar(0)));
  for (const [name, wanted] of Object.entries(spectral(tf.tensor(signal.data)))) {
    const values = wanted.dataSync();
    assert.equal(got[name]?.length, values.length, name);
    values.forEach((value, i) => {
      assert.ok(Math.abs(value - (got[name]?.[i] ?? Number.NaN)) < 1e-5, `${name} ${i}`);
    });
  }
});
