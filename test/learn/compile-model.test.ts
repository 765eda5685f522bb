// Models of tf.layers, compiled: beside TF.js's own `fit`, with dropout, batch norm, recurrence and gradient rules.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type {HostTensor} from '../../src/engine/index.ts';
import {
  adam,
  compileModel,
  defaultPerturbation,
  type EpochResult,
  learningRate,
  lookSam,
  type ModelOptions,
  sam,
  sgd,
} from '../../stages/learn/index.ts';
import {stream} from '../../stages/learn/random.ts';

await tf.setBackend('cpu');

function random(shape: readonly number[], seed: number): HostTensor {
  const draws = stream(seed, 'init', 0);
  const size = shape.reduce((product, d) => product * d, 1);
  return {dtype: 'float32', shape, data: Float32Array.from({length: size}, () => draws.normal())};
}
const whole = (shape: readonly number[], seed: number, limit: number): HostTensor => ({
  dtype: 'int32',
  shape,
  data: Int32Array.from(random(shape, seed).data, x => Math.floor(Math.abs(x) * 1000) % limit),
});
const toTf = ({data, shape, dtype}: HostTensor): tf.Tensor =>
  tf.tensor(data, [...shape], dtype === 'int32' ? 'int32' : 'float32');
const numbers = (x: tf.Tensor | tf.Tensor[]): number[] =>
  Array.from((Array.isArray(x) ? x[0] : x)?.dataSync() ?? []);

function assertNear(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number): void {
  assert.equal(got.length, wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    const gap = Math.abs((got[i] ?? Number.NaN) - (wanted[i] ?? 0));
    assert.ok(
      gap <= tolerance * (1 + Math.abs(wanted[i] ?? 0)),
      `[${i}]: expected ${wanted[i]}, got ${got[i]}`,
    );
  }
}

const perceptron = (): tf.LayersModel => {
  const glorot = (seed: number) => tf.initializers.glorotNormal({seed});
  const regularizer = tf.regularizers.l2({l2: 0.01});
  return tf.sequential({
    layers: [
      tf.layers.dense({
        units: 8,
        activation: 'tanh',
        inputShape: [5],
        kernelInitializer: glorot(1),
        kernelRegularizer: regularizer,
      }),
      tf.layers.batchNormalization(),
      tf.layers.dense({units: 2, kernelInitializer: glorot(2)}),
    ],
  });
};

test("full batches are TF.js's own: the same losses, weights and running statistics", async () => {
  const [x, y] = [random([24, 5], 3), random([24, 2], 4)];
  const [mine, theirs] = [perceptron(), perceptron()];
  theirs.compile({optimizer: tf.train.momentum(0.1, 0.9), loss: 'meanSquaredError'});
  const history = await theirs.fit(toTf(x), toTf(y), {epochs: 4, batchSize: 24, shuffle: false, verbose: 0});
  const compiled = compileModel(mine, {
    loss: 'meanSquaredError',
    optimizer: sgd({momentum: 0.9}),
    rate: 0.1,
    device: 'cpu',
  });
  const results = await compiled.fit({x, y}, {epochs: 4, batchSize: 24});
  assertNear(
    results.map(({loss}) => loss),
    (history.history.loss ?? []).map(Number),
    1e-4,
  );
  mine.getWeights().forEach((weight, i) => {
    assertNear(numbers(weight), numbers(theirs.getWeights()[i] ?? tf.scalar(0)), 1e-4);
  });
  const predicted = await compiled.predict(x, 7);
  assert.deepEqual(predicted.shape, [24, 2]);
  assertNear(predicted.data, numbers(theirs.predict(toTf(x))), 1e-3);
});

const images = (count: number) => {
  const y = whole([count], 6, 3);
  const noise = random([count, 8, 8, 1], 5);
  const data = Uint8Array.from(noise.data, (v, i) => 60 + 10 * v + 60 * (y.data[Math.floor(i / 64)] ?? 0));
  return {x: {dtype: 'uint8' as const, shape: noise.shape, data}, y};
};

function network(): tf.LayersModel {
  const input = tf.input({shape: [8, 8, 1]});
  const scaled = tf.layers.batchNormalization({momentum: 0.8}).apply(input);
  const conv = tf.layers.conv2d({filters: 8, kernelSize: 3, padding: 'same', useBias: false}).apply(scaled);
  const normal = tf.layers.reLU().apply(tf.layers.batchNormalization({momentum: 0.8}).apply(conv));
  const deep = tf.layers.separableConv2d({filters: 8, kernelSize: 3, padding: 'same'}).apply(normal);
  const sum = tf.layers.add().apply([normal, deep] as tf.SymbolicTensor[]);
  const pooled = tf.layers.flatten().apply(tf.layers.maxPooling2d({poolSize: 2}).apply(sum));
  const dropped = tf.layers.dropout({rate: 0.25}).apply(pooled);
  const output = tf.layers.dense({units: 3}).apply(dropped) as tf.SymbolicTensor;
  return tf.model({inputs: input, outputs: output});
}

const options: ModelOptions = {
  loss: 'softmaxCrossEntropy',
  optimizer: sgd({momentum: 0.9}),
  rate: 0.02,
  device: 'cpu',
};

test('a functional network with dropout learns; evaluation, callbacks and TF.js see the same weights', async () => {
  const model = network();
  const compiled = compileModel(model, {...options, rule: p => sam(p, {...defaultPerturbation, rho: 0.05})});
  const samples = images(90);
  const seen: EpochResult[] = [];
  const progress: number[] = [];
  const results = await compiled.fit(samples, {
    epochs: 12,
    batchSize: 20,
    validation: images(30),
    onEpoch: result => {
      seen.push(result);
      return undefined;
    },
    onProgress: ({done, total}) => void progress.push(done / total),
  });
  assert.deepEqual(seen, results);
  assert.equal(progress.at(-1), 1);
  const last = results.at(-1);
  assert.ok((last?.validation?.accuracy ?? 0) > 0.8, JSON.stringify(last));
  const {accuracy} = await compiled.evaluate(samples);
  const answers = numbers(tf.argMax(model.predict(toTf(samples.x)) as tf.Tensor, 1));
  const right = answers.filter((answer, i) => answer === samples.y.data[i]).length;
  assert.ok(Math.abs((accuracy ?? 0) - right / 90) < 1e-6);
  assert.equal(compiled.device?.kind, 'cpu');
});

test('two fits are one, with the phases of a rule and a shorter last batch', async () => {
  const samples = {x: random([50, 5], 8), y: random([50, 2], 9)};
  const train = async (...epochs: number[]): Promise<number[][]> => {
    const model = perceptron();
    const compiled = compileModel(model, {
      ...options,
      loss: 'meanSquaredError',
      optimizer: adam(),
      rate: learningRate({rate: 0.01, schedule: {kind: 'cosine', end: 0}, warmup: 2, steps: 16}),
      rule: p => lookSam(p, {...defaultPerturbation, rho: 0.05, k: 3, alpha: 0.7}),
    });
    for (const count of epochs) await compiled.fit(samples, {epochs: count, batchSize: 16});
    return model.getWeights().map(numbers);
  };
  assert.deepEqual(await train(4), await train(1, 3));
});

test('embeddings, recurrent layers and wrappers learn an order', async () => {
  // Seeded: whether a small network learns this in so few steps depends on where it starts.
  const kernelInitializer = tf.initializers.glorotUniform({seed: 2});
  const units = {units: 8, kernelInitializer, recurrentInitializer: tf.initializers.orthogonal({seed: 4})};
  const embeddingsInitializer = tf.initializers.randomUniform({minval: -0.5, maxval: 0.5, seed: 1});
  for (const recurrent of [tf.layers.lstm(units), tf.layers.gru(units), tf.layers.simpleRNN(units)]) {
    const model = tf.sequential({
      layers: [
        tf.layers.embedding({inputDim: 5, outputDim: 4, inputLength: 6, embeddingsInitializer}),
        tf.layers.timeDistributed({
          layer: tf.layers.dense({units: 4, activation: 'relu', kernelInitializer}),
        }),
        recurrent,
        tf.layers.dense({units: 1, activation: 'sigmoid', kernelInitializer}),
      ],
    });
    const x = whole([64, 6], 11, 5);
    const data = Float32Array.from({length: 64}, (_, i) => ((x.data[i * 6 + 5] ?? 0) >= 2 ? 1 : 0));
    const y: HostTensor = {dtype: 'float32', shape: [64, 1], data};
    const compiled = compileModel(model, {
      ...options,
      loss: 'binaryCrossentropy',
      optimizer: adam(),
      rate: 0.03,
    });
    const results = await compiled.fit({x, y}, {epochs: 25, batchSize: 16});
    assert.ok(
      (results.at(-1)?.accuracy ?? 0) > 0.9,
      `${recurrent.getClassName()} ${results.at(-1)?.accuracy}`,
    );
  }
});

test('a training ends when a callback says so, and when its signal is aborted', async () => {
  const samples = {x: random([40, 5], 8), y: random([40, 2], 9)};
  const compiled = compileModel(perceptron(), {...options, loss: 'meanSquaredError'});
  const results = await compiled.fit(samples, {epochs: 9, onEpoch: ({epoch}) => epoch < 2});
  assert.equal(results.length, 2);
  const signal = AbortSignal.abort(new Error('enough'));
  await assert.rejects(compiled.fit(samples, {epochs: 1, signal}), /enough/);
});

test('samples that do not fit are refused', async () => {
  const compiled = compileModel(perceptron(), options);
  await assert.rejects(
    compiled.fit({x: random([4, 3], 1), y: random([4], 2)}, {epochs: 1}),
    /\[samples, 5\]/,
  );
});
