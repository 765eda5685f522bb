// Every kernel against TF.js's JS backend, forward and gradient, over random shapes.

import {test} from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import type {HostTensor} from '../../src/engine/index.ts';
import {
  assertClose,
  assertSameAsEager,
  type Case,
  type Op,
  runOnce,
  uniform,
  weighted,
  whole,
} from './compare.ts';

const parameters = {
  numRuns: 6,
  includeErrorInReport: true,
  ...(process.env.FC_SEED ? {seed: Number(process.env.FC_SEED)} : {}),
};
const seeds = fc.nat(1_000_000);
const shapes = (rank: number, largest = 4) =>
  fc.array(fc.integer({min: 1, max: largest}), {minLength: rank, maxLength: rank});
const anyShape = fc.integer({min: 0, max: 4}).chain(rank => shapes(rank));

const one =
  (f: (x: tf.Tensor) => tf.Tensor): Op =>
  x =>
    f(some(x));
const two =
  (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Op =>
  (a, b) =>
    f(some(a), some(b));
function some(x: tf.Tensor | undefined): tf.Tensor {
  if (x === undefined) throw new RangeError('too few inputs');
  return x;
}

const smooth: Readonly<Record<string, readonly [f: (x: tf.Tensor) => tf.Tensor, low: number, high: number]>> =
  {
    abs: [tf.abs, 0.1, 2],
    acos: [tf.acos, -0.9, 0.9],
    acosh: [tf.acosh, 1.2, 4],
    asin: [tf.asin, -0.9, 0.9],
    asinh: [tf.asinh, -2, 2],
    atan: [tf.atan, -2, 2],
    atanh: [tf.atanh, -0.9, 0.9],
    ceil: [tf.ceil, -3, 3],
    clipByValue: [x => tf.clipByValue(x, -0.7, 0.9), -2, 2],
    cos: [tf.cos, -3, 3],
    cosh: [tf.cosh, -2, 2],
    elu: [tf.elu, -2, 2],
    erf: [tf.erf, -2, 2],
    exp: [tf.exp, -2, 2],
    expm1: [tf.expm1, -2, 2],
    floor: [tf.floor, -3, 3],
    leakyRelu: [x => tf.leakyRelu(x, 0.3), -2, 2],
    log: [tf.log, 0.1, 3],
    log1p: [tf.log1p, 0.1, 3],
    logSigmoid: [tf.logSigmoid, -3, 3],
    neg: [tf.neg, -2, 2],
    reciprocal: [tf.reciprocal, 0.3, 2],
    relu: [tf.relu, -2, 2],
    relu6: [tf.relu6, -2, 9],
    round: [tf.round, -3, 3],
    rsqrt: [tf.rsqrt, 0.2, 3],
    selu: [tf.selu, -2, 2],
    sigmoid: [tf.sigmoid, -3, 3],
    sign: [tf.sign, -2, 2],
    sin: [tf.sin, -3, 3],
    sinh: [tf.sinh, -2, 2],
    softplus: [tf.softplus, -3, 3],
    sqrt: [tf.sqrt, 0.2, 3],
    square: [tf.square, -2, 2],
    step: [x => tf.step(x, 0.2), -2, 2],
    tan: [tf.tan, -1, 1],
    tanh: [tf.tanh, -2, 2],
  };

test('unary ops and their gradients are those of TF.js', async () => {
  await fc.assert(
    fc.asyncProperty(seeds, anyShape, (seed, shape) =>
      assertSameAsEager(
        Object.entries(smooth).map(([name, [f, low, high]]): Case => {
          return {name, op: one(f), inputs: [uniform(seed, shape, low, high)], differentiate: [0]};
        }),
      ),
    ),
    parameters,
  );
});

/** Two shapes that broadcast: some axes of either are 1, and either may lack leading axes. */
const broadcastPair = fc
  .tuple(
    shapes(3),
    fc.array(fc.constantFrom('both', 'left', 'right'), {minLength: 3, maxLength: 3}),
    fc.nat(3),
    fc.nat(3),
  )
  .map(([full, kinds, dropLeft, dropRight]): [number[], number[]] => {
    const side = (mine: string, drop: number): number[] =>
      full
        .map((d, i) => (kinds[i] === 'both' || kinds[i] === mine ? d : 1))
        .slice(dropLeft && dropRight ? 0 : drop);
    return [side('left', dropLeft), side('right', dropRight)];
  });

const ofTwo: Readonly<
  Record<string, readonly [(a: tf.Tensor, b: tf.Tensor) => tf.Tensor, low: number, high: number]>
> = {
  add: [tf.add, -2, 2],
  atan2: [tf.atan2, 0.2, 2],
  div: [tf.div, 0.3, 2],
  floorDiv: [tf.floorDiv, 0.3, 2],
  maximum: [tf.maximum, -2, 2],
  minimum: [tf.minimum, -2, 2],
  mod: [tf.mod, 0.7, 2],
  mul: [tf.mul, -2, 2],
  pow: [tf.pow, 0.3, 2],
  prelu: [(a, b) => tf.add(tf.prelu(a, b), tf.prelu(b, a)), -2, 2],
  squaredDifference: [tf.squaredDifference, -2, 2],
  sub: [tf.sub, -2, 2],
};
/** TF.js itself has no gradient of these for operands of different shapes. */
const withoutBroadcastGradient = new Set(['maximum', 'minimum', 'squaredDifference']);
const isSameRank = (name: string): boolean => name !== 'prelu';

test('binary ops broadcast as in TF.js, and so do their gradients', async () => {
  await fc.assert(
    fc.asyncProperty(seeds, broadcastPair, (seed, [left, right]) =>
      assertSameAsEager(
        Object.entries(ofTwo)
          .filter(([name]) => isSameRank(name))
          .map(([name, [f, low, high]]): Case => {
            const inputs = [uniform(seed, left, low, high), uniform(seed + 1, right, low, high)];
            const isBroadcast = String(left) !== String(right);
            const isDifferentiable = !(isBroadcast && withoutBroadcastGradient.has(name));
            return {name, op: two(f), inputs, differentiate: isDifferentiable ? [0, 1] : []};
          }),
      ),
    ),
    parameters,
  );
});

test('comparisons, logic and whole numbers are exact', async () => {
  const comparisons = {
    equal: tf.equal,
    greater: tf.greater,
    greaterEqual: tf.greaterEqual,
    less: tf.less,
    lessEqual: tf.lessEqual,
    notEqual: tf.notEqual,
  };
  const arithmetic = {
    add: tf.add,
    floorDiv: tf.floorDiv,
    maximum: tf.maximum,
    minimum: tf.minimum,
    mul: tf.mul,
    squaredDifference: tf.squaredDifference,
    sub: tf.sub,
  };
  const asBool = (x: tf.Tensor): tf.Tensor => tf.cast(x, 'bool');
  const logic = {
    logicalAnd: (a: tf.Tensor, b: tf.Tensor) => tf.logicalAnd(asBool(a), asBool(b)),
    logicalOr: (a: tf.Tensor, b: tf.Tensor) => tf.logicalOr(asBool(a), asBool(b)),
    logicalXor: (a: tf.Tensor, b: tf.Tensor) => tf.logicalXor(asBool(a), asBool(b)),
    logicalNot: (a: tf.Tensor) => tf.logicalNot(asBool(a)),
    toFloat: (a: tf.Tensor, b: tf.Tensor) => tf.add(tf.cast(a, 'float32'), tf.cast(asBool(b), 'float32')),
    divByFloat: (a: tf.Tensor) => tf.div(a, 2.5),
    abs: tf.abs,
    sign: tf.neg,
    relu: tf.relu,
    sum: (a: tf.Tensor) => tf.sum(a),
    mean: (a: tf.Tensor) => tf.mean(a),
    isNaN: (a: tf.Tensor) => tf.isNaN(tf.div(tf.cast(a, 'float32'), 0)),
    isInf: (a: tf.Tensor) => tf.isInf(tf.div(tf.cast(a, 'float32'), 0)),
    isFinite: (a: tf.Tensor) => tf.isFinite(tf.div(tf.cast(a, 'float32'), 0)),
  };
  await fc.assert(
    fc.asyncProperty(seeds, broadcastPair, (seed, [left, right]) =>
      assertSameAsEager(
        Object.entries({...comparisons, ...arithmetic, ...logic}).map(([name, f]): Case => {
          const inputs = [whole(seed, left, -3, 4), whole(seed + 1, right, name === 'floorDiv' ? 1 : -3, 4)];
          return {name, op: two(f), inputs, differentiate: []};
        }),
      ),
    ),
    parameters,
  );
});

/** A shape and some of its axes. */
const reduction = fc
  .integer({min: 1, max: 4})
  .chain(rank =>
    fc.tuple(shapes(rank), fc.subarray([0, 1, 2, 3].slice(0, rank), {minLength: 1}), fc.boolean()),
  );

test('reductions over any axes, and scans, are those of TF.js', async () => {
  await fc.assert(
    fc.asyncProperty(seeds, reduction, (seed, [shape, axes, keepDims]) => {
      const x = uniform(seed, shape, 0.2, 2);
      const [axis = 0] = axes;
      const reductions: Record<string, (x: tf.Tensor) => tf.Tensor> = {
        sum: x => tf.sum(x, axes, keepDims),
        mean: x => tf.mean(x, axes, keepDims),
        max: x => tf.max(x, axes, keepDims),
        min: x => tf.min(x, axes, keepDims),
        prod: x => tf.prod(x, axes, keepDims),
        logSumExp: x => tf.logSumExp(x, axes, keepDims),
        norm: x => tf.norm(x, 'euclidean', axes.slice(0, 2), keepDims),
        variance: x => tf.moments(x, axes, keepDims).variance,
        softmax: x => tf.softmax(x),
        logSoftmax: x => tf.logSoftmax(x),
      };
      const cumsum: Record<string, (x: tf.Tensor) => tf.Tensor> = {
        cumsum: x => tf.cumsum(x, axis, keepDims, axes.length > 1),
        cumprod: x => tf.cumprod(x, axis, keepDims, axes.length > 1),
      };
      // TF.js's gradient of cumsum is wrong for axes that are not the last; cumprod has none.
      const last = {last: (x: tf.Tensor) => tf.cumsum(x, shape.length - 1, keepDims, axes.length > 1)};
      const exact: Record<string, (x: tf.Tensor) => tf.Tensor> = {
        argMax: x => tf.argMax(x, axis),
        argMin: x => tf.argMin(x, axis),
        all: x => tf.all(tf.greater(x, 1), axes, keepDims),
        any: x => tf.any(tf.greater(x, 1), axes, keepDims),
        topk: x => tf.topk(x, 1).values,
        topkIndices: x => tf.topk(x, 1).indices,
      };
      const cases = (ops: typeof reductions, differentiate: number[]): Case[] =>
        Object.entries(ops).map(([name, f]) => ({name, op: one(f), inputs: [x], differentiate}));
      return assertSameAsEager([
        ...cases({...reductions, ...last}, [0]),
        ...cases({...cumsum, ...exact}, []),
      ]);
    }),
    parameters,
  );
});

const product = fc.record({
  seed: seeds,
  batch: fc.constantFrom([], [1], [3], [2, 3]),
  m: fc.integer({min: 1, max: 5}),
  k: fc.integer({min: 1, max: 5}),
  n: fc.integer({min: 1, max: 5}),
  isLeft: fc.boolean(),
  isRight: fc.boolean(),
  isShared: fc.boolean(),
});

test('matrix products in all transpositions and batches are those of TF.js', async () => {
  await fc.assert(
    fc.asyncProperty(product, ({seed, batch, m, k, n, isLeft, isRight, isShared}) => {
      const left = uniform(seed, [...batch, ...(isLeft ? [k, m] : [m, k])]);
      const right = uniform(seed + 1, [
        ...(isShared ? batch.map(() => 1) : batch),
        ...(isRight ? [n, k] : [k, n]),
      ]);
      const bias = uniform(seed + 2, [n]);
      // TF.js itself has no gradient of a batch that is broadcast.
      const isBroadcast = isShared && batch.some(d => d > 1);
      const matMul = two((a, b) => tf.matMul(a, b, isLeft, isRight));
      const dense: Op = (a, b, c) => tf.relu(tf.add(tf.matMul(some(a), some(b), isLeft, isRight), some(c)));
      return assertSameAsEager([
        {name: 'matMul', op: matMul, inputs: [left, right], differentiate: isBroadcast ? [0] : [0, 1]},
        {
          name: 'dense',
          op: dense,
          inputs: [left, right, bias],
          differentiate: isBroadcast ? [0, 2] : [0, 1, 2],
        },
      ]);
    }),
    parameters,
  );
});

test('a fused dense layer is that of TF.js', async () => {
  const layer =
    (activation: 'linear' | 'relu' | 'elu' | 'relu6' | 'sigmoid' | 'leakyrelu'): Op =>
    (a, b, bias) =>
      tf.fused.matMul({a: some(a), b: some(b), bias: some(bias), activation});
  const inputs = [uniform(1, [4, 3]), uniform(2, [3, 5]), uniform(3, [5])];
  await assertSameAsEager(
    (['linear', 'relu', 'elu', 'relu6', 'sigmoid', 'leakyrelu'] as const).map(activation => ({
      name: activation,
      op: layer(activation),
      inputs,
      differentiate: [],
    })),
  );
});

test('losses and normalisations are those of TF.js', async () => {
  await fc.assert(
    fc.asyncProperty(
      seeds,
      fc.integer({min: 1, max: 5}),
      fc.integer({min: 2, max: 5}),
      (seed, rows, classes) => {
        const logits = uniform(seed, [rows, classes]);
        const labels = whole(seed + 1, [rows], 0, classes);
        const hot = (y: tf.Tensor): tf.Tensor => tf.oneHot(tf.cast(y, 'int32').as1D(), classes);
        const crossEntropy =
          (smoothing: number): Op =>
          (z, y) =>
            tf.losses.softmaxCrossEntropy(hot(some(y)), some(z), undefined, smoothing);
        const images = uniform(seed + 2, [rows, 3, 2, classes]);
        const perChannel = (offset: number): HostTensor => uniform(seed + offset, [classes], 0.3, 2);
        const norm: Op = (x, mean, variance, offset, scale) =>
          tf.batchNorm(
            some(x) as tf.Tensor4D,
            some(mean).as1D(),
            some(variance).as1D(),
            some(offset).as1D(),
            some(scale).as1D(),
            1e-3,
          );
        return assertSameAsEager([
          {name: 'crossEntropy', op: crossEntropy(0), inputs: [logits, labels], differentiate: [0]},
          {name: 'smoothed', op: crossEntropy(0.1), inputs: [logits, labels], differentiate: [0]},
          {
            name: 'batchNorm',
            op: norm,
            inputs: [images, perChannel(3), perChannel(4), perChannel(5), perChannel(6)],
            differentiate: [0, 1, 2, 3, 4],
          },
        ]);
      },
    ),
    parameters,
  );
});

test('derivatives that TF.js lacks are those of the same function in other words', async () => {
  const grad = (f: (x: tf.Tensor) => tf.Tensor) => (x: tf.Tensor) => tf.grad(t => weighted(f(t)))(x);
  const image = uniform(11, [1, 6, 5, 2]);
  const filter = tf.reshape(tf.sin(tf.range(0, 24)), [2, 2, 2, 3]);
  const spread = tf.tidy(() => {
    // The filter with zeros between its taps: a dilated convolution by another name.
    const rows = tf
      .stack([filter, tf.zerosLike(filter)], 1)
      .reshape([4, 2, 2, 3])
      .slice([0], [3]);
    return tf
      .stack([rows, tf.zerosLike(rows)], 2)
      .reshape([3, 4, 2, 3])
      .slice([0, 0], [3, 3]);
  });
  const pairs: Readonly<
    Record<string, readonly [HostTensor, (x: tf.Tensor) => tf.Tensor, (x: tf.Tensor) => tf.Tensor]>
  > = {
    'strided slice': [
      uniform(1, [5, 4]),
      x => tf.stridedSlice(x, [4, 1], [0, 4], [-2, 2]),
      x => tf.gather(tf.gather(x, tf.tensor1d([4, 2], 'int32')), tf.tensor1d([1, 3], 'int32'), 1),
    ],
    maximum: [
      uniform(2, [3]),
      x => tf.maximum(x, tf.tensor2d([[0.1], [-0.4]])),
      x => tf.relu(tf.sub(tf.tile(tf.reshape(x, [1, 3]), [2, 1]), tf.tensor2d([[0.1], [-0.4]]))),
    ],
    'squared difference': [
      uniform(3, [3]),
      x => tf.squaredDifference(x, tf.tensor2d([[1], [2]])),
      x => tf.square(tf.sub(x, tf.tensor2d([[1], [2]]))),
    ],
    'dilated convolution': [
      image,
      x => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'valid', 'NHWC', 2),
      x => tf.conv2d(x as tf.Tensor4D, spread as tf.Tensor4D, 1, 'valid'),
    ],
  };
  for (const [name, [input, mine, other]] of Object.entries(pairs)) {
    const result = async (f: (x: tf.Tensor) => tf.Tensor) =>
      runOnce(
        {
          name,
          state: {},
          resident: {x: input},
          step: ({resident: {x}}) => ({state: {}, metrics: {dx: grad(f)(some(x))}}),
        },
        'cpu',
      );
    assertClose(await result(mine), await result(other));
  }
});
