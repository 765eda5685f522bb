import assert from 'node:assert/strict';
import {test} from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import {crossEntropy} from '../../stages/learn/loss.ts';
import {batchNorm} from '../../stages/learn/models/batch-norm.ts';
import {
  countParameters,
  type ImageShape,
  initialStatistics,
  initialWeights,
  type Model,
  type NamedTensors,
} from '../../stages/learn/models/model.ts';
import {simpleNn} from '../../stages/learn/models/simple-nn.ts';
import {wideResnet} from '../../stages/learn/models/wide-resnet.ts';
import {stream} from '../../stages/learn/random.ts';
import {toTensor} from './eager-rig.ts';

await tf.setBackend('cpu');

const cifar: ImageShape = {height: 32, width: 32, channels: 3, classes: 10};
const wrn = (depth: number, width: number, shortcut: 'projection' | 'zero-pad', shape = cifar): Model =>
  wideResnet(shape, {depth, width, shortcut, dropout: 0, init: 'google'});

test('parameter counts are the published ones, in both shapes', () => {
  const published: [number, number, number, number][] = [
    [10, 1, 77_850, 75_290],
    [16, 1, 175_066, 172_506],
    [16, 2, 691_674, 680_922],
    [16, 4, 2_748_890, 2_706_906],
    [16, 8, 10_961_370, 10_795_482],
    [28, 2, 1_467_610, 1_456_858],
    [28, 10, 36_479_194, 36_220_634],
    [40, 2, 2_243_546, 2_232_794],
  ];
  for (const [depth, width, projection, zeroPad] of published) {
    assert.equal(countParameters(wrn(depth, width, 'projection')), projection, `${depth}-${width}`);
    assert.equal(countParameters(wrn(depth, width, 'zero-pad')), zeroPad, `${depth}-${width} zero-pad`);
  }
  assert.equal(countParameters(wrn(28, 10, 'projection', {...cifar, channels: 1})), 36_478_906);
  assert.equal(countParameters(wrn(28, 10, 'projection', {...cifar, classes: 100})), 36_536_884);
  const mnist = {height: 28, width: 28, channels: 1, classes: 10};
  assert.equal(countParameters(simpleNn(mnist, {hidden: [256, 128], dropout: 0, init: 'he'})), 235_146);
});

test('multiplications per image are the published ones, in millions', () => {
  const published: [number, number, number][] = [
    [10, 1, 12.5],
    [16, 1, 26.7],
    [16, 2, 101],
    [16, 4, 393],
    [28, 10, 5243],
    [40, 2, 328],
  ];
  for (const [depth, width, millions] of published) {
    const ratio = wrn(depth, width, 'projection').multiplications / 1e6 / millions;
    assert.ok(Math.abs(ratio - 1) < 0.005, `${depth}-${width}: ${ratio}`);
  }
});

test('a depth that is not 6n+4 is refused with the ones that are', () => {
  assert.throws(() => wrn(17, 1, 'projection'), /6n\+4 \(10, 16, 22, 28, …\), got 17/);
  assert.throws(() => wrn(16, 0, 'projection'), /width .* got 0/);
});

test('initial weights follow their laws, and depend on the seed alone', () => {
  const deviation = (model: Model, name: string): number => {
    const {data} = initialWeights(model, 0)[name] ?? assert.fail(name);
    const mean = Array.from(data).reduce((sum, x) => sum + x, 0) / data.length;
    return Math.sqrt(Array.from(data).reduce((sum, x) => sum + (x - mean) ** 2, 0) / data.length);
  };
  const near = (actual: number, expected: number): void =>
    assert.ok(Math.abs(actual / expected - 1) < 0.03, `${actual} is not about ${expected}`);
  const build = (init: 'google' | 'zagoruyko' | 'davda54'): Model =>
    wideResnet(cifar, {depth: 16, width: 4, shortcut: 'projection', dropout: 0, init});
  const conv = 'group2.unit1.conv1.weight'; // 3×3, 64 → 128
  near(deviation(build('google'), conv), Math.sqrt(2 / (9 * 128)));
  near(deviation(build('davda54'), conv), Math.sqrt(2 / (9 * 64)));
  near(deviation(build('google'), 'dense.weight'), Math.sqrt(1 / 10 / 3));
  near(deviation(build('zagoruyko'), 'dense.weight'), Math.sqrt(1 / 256 / 3));
  assert.equal(deviation(build('davda54'), 'dense.weight'), 0);
  const model = build('google');
  assert.deepEqual(initialWeights(model, 3), initialWeights(model, 3));
  assert.notDeepEqual(initialWeights(model, 3)[conv], initialWeights(model, 4)[conv]);
});

const randomTensor = (shape: number[], seed: number): tf.Tensor => {
  const draws = stream(seed, 'noise');
  return tf.tensor(
    Float32Array.from({length: shape.reduce((a, b) => a * b, 1)}, () => draws.normal()),
    shape,
  );
};

const tensorsOf = (host: ReturnType<typeof initialWeights>): NamedTensors =>
  Object.fromEntries(Object.entries(host).map(([name, tensor]) => [name, toTensor(tensor)]));

test('both shapes accept 32×32×3, 28×28×1 and 8×8×1, in training and in evaluation', () => {
  for (const shortcut of ['projection', 'zero-pad'] as const) {
    for (const [size, channels] of [
      [32, 3],
      [28, 1],
      [8, 1],
    ] as const) {
      const model = wrn(10, 1, shortcut, {height: size, width: size, channels, classes: 10});
      const weights = tensorsOf(initialWeights(model, 0));
      const statistics = tensorsOf(initialStatistics(model));
      const images = randomTensor([2, size, size, channels], 1) as tf.Tensor4D;
      const training = model.forward(weights, statistics, images, {phase: 'training', masks: {}});
      assert.deepEqual(training.logits.shape, [2, 10]);
      assert.deepEqual(Object.keys(training.statistics).sort(), Object.keys(statistics).sort());
      const evaluation = model.forward(weights, statistics, images, {phase: 'evaluation'});
      assert.ok(evaluation.logits.dataSync().every(Number.isFinite));
      assert.deepEqual(evaluation.statistics, statistics);
    }
  }
});

test('batch norm gives mean 0 and deviation 1, and moves the running statistics by a tenth', () => {
  const x = tf.add(tf.mul(randomTensor([4, 3, 3, 2], 5), 3), 7);
  const weights = {'n.scale': tf.ones([2]), 'n.shift': tf.zeros([2])};
  const statistics = {'n.mean': tf.zeros([2]), 'n.variance': tf.ones([2])};
  const {y, statistics: next} = batchNorm('n', x, weights, statistics, 'training');
  const moments = tf.moments(x, [0, 1, 2]);
  const close = (a: tf.Tensor | undefined, b: tf.Tensor, tolerance: number): void => {
    const gap = tf.max(tf.abs(tf.sub(a ?? assert.fail(), b))).dataSync()[0] ?? Number.NaN;
    assert.ok(gap < tolerance, `${gap}`);
  };
  close(tf.mean(y, [0, 1, 2]), tf.zeros([2]), 1e-5);
  close(tf.moments(y, [0, 1, 2]).variance, tf.ones([2]), 1e-3);
  close(next['n.mean'], tf.mul(moments.mean, 0.1), 1e-5);
  close(next['n.variance'], tf.add(tf.mul(moments.variance, 0.1), 0.9), 1e-4);
});

/** The largest gap between first and second derivatives along a direction and central differences. */
function derivativeGaps(
  f: (x: tf.Tensor) => tf.Scalar,
  x: tf.Tensor,
  direction: tf.Tensor,
): [number, number] {
  const step = 1e-2;
  const gradient = tf.grad(f);
  const at = (h: number): tf.Tensor => tf.add(x, tf.mul(direction, h));
  const number = (t: tf.Tensor): number => t.dataSync()[0] ?? Number.NaN;
  const slope = number(tf.sum(tf.mul(gradient(x), direction)));
  const difference = (number(f(at(step))) - number(f(at(-step)))) / (2 * step);
  const hessianVector = tf.grad(z => tf.sum(tf.mul(gradient(z), direction)) as tf.Scalar)(x);
  const gradients = tf.div(tf.sub(gradient(at(step)), gradient(at(-step))), 2 * step);
  const gap = number(tf.max(tf.abs(tf.sub(hessianVector, gradients)))) / number(tf.max(tf.abs(gradients)));
  return [Math.abs(slope - difference) / Math.abs(difference), gap];
}

test('batch norm is differentiated rightly, twice, for input, scale and shift', () => {
  const x = randomTensor([3, 2, 2, 2], 1);
  const target = randomTensor([3, 2, 2, 2], 2);
  const statistics = {'n.mean': tf.zeros([2]), 'n.variance': tf.ones([2])};
  const loss = (x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor): tf.Scalar => {
    const weights = {'n.scale': scale, 'n.shift': shift};
    const {y} = batchNorm('n', x, weights, statistics, 'training');
    return tf.sum(tf.mul(tf.square(tf.square(y)), target)) as tf.Scalar;
  };
  const scale = tf.tensor1d([0.7, 1.3]);
  const shift = tf.tensor1d([0.2, -0.4]);
  for (const [what, f, at] of [
    ['x', (z: tf.Tensor) => loss(z, scale, shift), x],
    ['scale', (z: tf.Tensor) => loss(x, z, shift), scale],
    ['shift', (z: tf.Tensor) => loss(x, scale, z), shift],
  ] as const) {
    const [first, second] = derivativeGaps(f, at, randomTensor(at.shape, 4));
    assert.ok(first < 1e-2 && second < 1e-2, `${what}: ${first}, ${second}`);
  }
});

test('cross-entropy is the closed form, is differentiated rightly, twice, and smooths both ways', () => {
  const logits = tf.tensor2d([
    [1, 2, 3],
    [1000, 0, -1000],
  ]);
  const labels = tf.tensor1d([2, 0], 'int32');
  const plain = crossEntropy(logits, labels, {amount: 0, over: 'all'}).dataSync();
  const logSum = Math.log(Math.exp(1) + Math.exp(2) + Math.exp(3));
  assert.ok(Math.abs((plain[0] ?? 0) - (logSum - 3)) < 1e-6);
  assert.equal(plain[1], 0);
  const smooth = (over: 'all' | 'others'): number =>
    crossEntropy(logits, labels, {amount: 0.3, over}).dataSync()[0] ?? 0;
  assert.ok(Math.abs(smooth('all') - (logSum - (0.8 * 3 + 0.1 * 2 + 0.1 * 1))) < 1e-6);
  assert.ok(Math.abs(smooth('others') - (logSum - (0.7 * 3 + 0.15 * 2 + 0.15 * 1))) < 1e-6);
  const f = (z: tf.Tensor): tf.Scalar =>
    tf.mean(crossEntropy(z as tf.Tensor2D, tf.tensor1d([1, 0], 'int32'), {amount: 0.1, over: 'all'}));
  const [first, second] = derivativeGaps(f, randomTensor([2, 3], 8), randomTensor([2, 3], 9));
  assert.ok(first < 1e-2 && second < 1e-2, `${first}, ${second}`);
});

test('dropout keeps its share in training, scales what it keeps, and does nothing in evaluation', () => {
  const shape = {height: 2, width: 2, channels: 1, classes: 2};
  const model = simpleNn(shape, {hidden: [4], dropout: 0.5, init: 'he'});
  const weights: NamedTensors = {...tensorsOf(initialWeights(model, 0)), 'dense1.bias': tf.ones([4])};
  const images = tf.zeros([1, 2, 2, 1]) as tf.Tensor4D;
  const logits = (mask: number[] | undefined): tf.Tensor =>
    model.forward(
      weights,
      {},
      images,
      mask ? {phase: 'training', masks: {dense1: tf.tensor2d(mask, [1, 4], 'int32')}} : {phase: 'evaluation'},
    ).logits;
  const kernel = weights['dense2.weight'] ?? assert.fail();
  const close = (a: tf.Tensor, b: tf.Tensor): void =>
    assert.ok((tf.max(tf.abs(tf.sub(a, b))).dataSync()[0] ?? 1) < 1e-6);
  close(logits(undefined), tf.sum(kernel, 0, true));
  close(logits([1, 0, 1, 0]), tf.matMul(tf.tensor2d([[2, 0, 2, 0]]), kernel as tf.Tensor2D));
});
