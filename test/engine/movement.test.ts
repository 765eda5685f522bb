// Kernels that move data or address it by indices, against TF.js's JS backend, forward and gradient.

import {test} from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import type {HostTensor} from '../../src/engine/index.ts';
import {assertSameAsEager, type Case, type Op, uniform, whole} from './compare.ts';

const parameters = {
  numRuns: 6,
  includeErrorInReport: true,
  ...(process.env.FC_SEED ? {seed: Number(process.env.FC_SEED)} : {}),
};

function some(x: tf.Tensor | undefined): tf.Tensor {
  if (x === undefined) throw new RangeError('too few inputs');
  return x;
}
const one =
  (f: (x: tf.Tensor) => tf.Tensor | readonly tf.Tensor[]): Op =>
  x =>
    f(some(x));
const cases = (
  ops: Record<string, (x: tf.Tensor) => tf.Tensor | readonly tf.Tensor[]>,
  x: HostTensor,
): Case[] => Object.entries(ops).map(([name, f]) => ({name, op: one(f), inputs: [x], differentiate: [0]}));

const cube = fc.record({
  seed: fc.nat(1_000_000),
  shape: fc.array(fc.integer({min: 2, max: 4}), {minLength: 3, maxLength: 3}),
  axis: fc.integer({min: 0, max: 2}),
  order: fc.shuffledSubarray([0, 1, 2], {minLength: 3}),
});

test('shapes, slices, joins and paddings are those of TF.js', async () => {
  await fc.assert(
    fc.asyncProperty(cube, ({seed, shape, axis, order}) => {
      const [a = 1, b = 1, c = 1] = shape;
      const along = shape[axis] ?? 1;
      const only = (value: number): number[] => shape.map((_, i) => (i === axis ? value : 0));
      const three = (x: tf.Tensor): tf.Tensor3D => tf.reshape(x, [a, b, c]);
      return assertSameAsEager(
        cases(
          {
            reshape: x => tf.reshape(x, [c, -1]),
            expandDims: x => tf.expandDims(x, axis),
            squeeze: x => tf.squeeze(tf.expandDims(x, axis), [axis]),
            transpose: x => tf.transpose(x, order),
            transposeTwice: x => tf.transpose(tf.mul(tf.transpose(x, order), 2), order),
            tile: x => tf.tile(x, [2, 1, 3]),
            tileOfOne: x =>
              tf.tile(
                tf.sum(x, axis, true),
                only(1).map((n, i) => (i === axis ? along : 1 + 0 * n)),
              ),
            broadcastTo: x => tf.broadcastTo(x, [2, a, b, c]),
            concat: x => tf.concat([x, tf.mul(x, 2), x], axis),
            stack: x => tf.stack([x, tf.neg(x)], axis),
            unstack: x => tf.unstack(x, axis),
            split: x => tf.split(x, along, axis),
            splitSizes: x => tf.split(x, [1, along - 1], axis),
            slice: x => tf.slice(x, only(1), [-1, -1, -1]),
            sliceOne: x => tf.slice(x, [1, 0, 1], [1, 2, 1]),
            gatherRange: x => tf.gather(x, tf.range(0, along, 1, 'int32'), axis),
            reverse: x => tf.reverse(x, axis),
            pad: x =>
              tf.pad(
                x,
                [
                  [1, 0],
                  [0, 2],
                  [1, 1],
                ],
                0.5,
              ),
            mirrorPadReflect: x =>
              tf.mirrorPad(
                x,
                [
                  [1, 0],
                  [0, 1],
                  [1, 1],
                ],
                'reflect',
              ),
            mirrorPadSymmetric: x =>
              tf.mirrorPad(
                x,
                [
                  [2, 0],
                  [0, 1],
                  [1, 2],
                ],
                'symmetric',
              ),
            clone: x => tf.clone(x),
            zerosLike: x => tf.add(tf.zerosLike(x), tf.mul(x, tf.onesLike(x))),
            fill: x => tf.mul(x, tf.fill([b, c], 3)),
            linspace: x => tf.mul(x, tf.linspace(0, 1, c)),
            addN: x => tf.addN([three(x), three(x), tf.ones([a, b, c])]),
          },
          uniform(seed, shape),
        ),
      );
    }),
    parameters,
  );
});

test('strided slices are those of TF.js', async () => {
  const x = uniform(5, [4, 5, 3]);
  await assertSameAsEager(
    Object.entries({
      steps: (t: tf.Tensor) => tf.stridedSlice(t, [0, 1, 0], [4, 5, 3], [2, 2, 1]),
      backwards: (t: tf.Tensor) => tf.stridedSlice(t, [3, 4, 0], [0, 0, 3], [-1, -2, 1]),
      shrunk: (t: tf.Tensor) => tf.stridedSlice(t, [1, 0, 0], [2, 5, 3], [1, 1, 1], 0, 0, 0, 0, 1),
    }).map(([name, f]): Case => ({name, op: one(f), inputs: [x], differentiate: []})),
  );
});

test('gathers, scatters, one-hot and selection are those of TF.js', async () => {
  await fc.assert(
    fc.asyncProperty(cube, ({seed, shape, axis}) => {
      const along = shape[axis] ?? 1;
      const [rows = 1, columns = 1] = shape;
      const x = uniform(seed, shape);
      const indices = whole(seed + 1, [5], 0, along);
      const int = (t: tf.Tensor | undefined): tf.Tensor1D => tf.cast(some(t), 'int32').as1D();
      const segments = whole(seed + 2, [rows], -1, 3);
      const inRows = whole(seed + 3, [rows, 2], 0, columns);
      const coordinates = whole(seed + 4, [3, 1], 0, rows);
      const condition = whole(seed + 5, shape, 0, 2);
      const asBool = (t: tf.Tensor | undefined): tf.Tensor => tf.cast(some(t), 'bool');
      return assertSameAsEager([
        {
          name: 'gather',
          op: (t, i) => tf.gather(some(t), int(i), axis),
          inputs: [x, indices],
          differentiate: [0],
        },
        {
          name: 'gatherInBatches',
          op: (t, i) => tf.gather(some(t), tf.cast(some(i), 'int32').as2D(rows, 2), 1, 1),
          inputs: [x, inRows],
          differentiate: [],
        },
        {
          name: 'gatherND',
          op: (t, i) => tf.gatherND(some(t), tf.cast(some(i), 'int32')),
          inputs: [x, coordinates],
          differentiate: [],
        },
        {
          name: 'segmentSum',
          op: (t, i) => tf.unsortedSegmentSum(some(t), int(i), 3),
          inputs: [x, segments],
          differentiate: [0],
        },
        {
          name: 'scatterND',
          op: (t, i) =>
            tf.scatterND(
              tf.cast(some(i), 'int32'),
              tf
                .slice(some(t), [0, 0, 0], [1, -1, -1])
                .reshape([1, columns, shape[2] ?? 1])
                .tile([3, 1, 1]),
              shape,
            ),
          inputs: [x, coordinates],
          differentiate: [],
        },
        {
          name: 'oneHot',
          op: i => tf.oneHot(int(i), along + 1),
          inputs: [indices],
          differentiate: [],
        },
        {
          name: 'oneHotValues',
          op: i => tf.oneHot(int(i), along, 0.9, 0.1, 'float32'),
          inputs: [indices],
          differentiate: [],
        },
        {
          name: 'where',
          op: (t, c) => tf.where(asBool(c), some(t), tf.square(some(t))),
          inputs: [x, condition],
          differentiate: [0],
        },
        {
          name: 'whereBroadcast',
          op: (t, c) => tf.where(asBool(c), some(t), tf.scalar(-1)),
          inputs: [x, condition],
          differentiate: [0],
        },
        {
          name: 'diag',
          op: i => tf.diag(tf.cast(int(i), 'float32')),
          inputs: [indices],
          differentiate: [],
        },
      ]);
    }),
    parameters,
  );
});
