// Operands that broadcast in short runs: the same bits as one by one, and no step walks images pixel by pixel.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import proto from 'onnx-proto';
import {compile, type HostTensor} from '../../src/engine/index.ts';
import {uniform} from './compare.ts';

interface Case {
  readonly large: readonly number[];
  readonly small: readonly number[];
  readonly isSwapped?: boolean;
}

const cases: readonly Case[] = [
  {large: [4, 5, 6, 1], small: [1]},
  {large: [4, 5, 6, 1], small: []},
  {large: [4, 5, 6, 1], small: [1, 1, 1, 1], isSwapped: true},
  {large: [2, 32, 32, 3], small: [3]},
  {large: [2, 32, 32, 3], small: [1, 3], isSwapped: true},
  {large: [7, 3, 5], small: [3, 5]},
  {large: [5, 7], small: [7]},
  {large: [2, 3], small: [2, 1]},
  {large: [3000, 2], small: [2]},
  {large: [1, 1], small: [1]},
];
const operations = {add: tf.add, sub: tf.sub, mul: tf.mul, div: tf.div, max: tf.maximum} as const;
const exact: Readonly<Record<keyof typeof operations, (x: number, y: number) => number>> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  max: Math.max,
};
const names = ['add', 'sub', 'mul', 'div', 'max'] as const;

test('constants and tensors broadcast to the same bits, whatever their shapes', async () => {
  for (const [index, {large, small, isSwapped = false}] of cases.entries()) {
    const [x, y] = [uniform(index + 1, large), uniform(index + 50, small)];
    assert.ok(x.dtype === 'float32' && y.dtype === 'float32');
    const constant = tf.tensor(y.data, [...small]);
    const program = await compile({
      name: 'broadcast',
      state: {},
      resident: {x, y},
      step: ({resident}) => ({
        state: {},
        metrics: Object.fromEntries(
          names.flatMap(name =>
            [constant, resident.y ?? constant].map((other, i) => {
              const pair = isSwapped ? [other, resident.x ?? other] : [resident.x ?? other, other];
              return [`${name}${i}`, operations[name](pair[0] ?? other, pair[1] ?? other)];
            }),
          ),
        ),
      }),
    });
    const results: Readonly<Record<string, HostTensor>> = await program.run({}, 1);
    const repeat = x.data.length / y.data.length;
    const ofY = (i: number): number =>
      y.data[
        small.at(-1) === 1 && small.length > 1 && y.data.length > 1
          ? Math.floor(i / repeat)
          : i % y.data.length
      ] ?? 0;
    for (const name of names) {
      const wanted = x.data.map((value, i) =>
        isSwapped ? exact[name](ofY(i), value) : exact[name](value, ofY(i)),
      );
      for (const i of [0, 1])
        assert.deepEqual(results[`${name}${i}`]?.data, wanted, `${name} of [${large}] and [${small}]`);
    }
    await program.dispose();
    constant.dispose();
  }
});

test('images are normalised in long runs', async () => {
  for (const channels of [1, 3]) {
    const images: HostTensor = {
      dtype: 'uint8',
      shape: [10, 8, 8, channels],
      data: new Uint8Array(640 * channels).fill(7),
    };
    const program = await compile(
      {
        name: 'normalise',
        state: {},
        resident: {images},
        scanned: {indices: {dtype: 'int32', shape: [4]}},
        step: ({resident, scanned}) => {
          const batch = tf.cast(
            tf.gather(resident.images ?? tf.scalar(0), scanned.indices as tf.Tensor1D),
            'float32',
          );
          return {state: {}, metrics: {y: tf.mul(batch, tf.tensor1d([2, 3, 4].slice(0, channels)))}};
        },
      },
      {device: 'cpu'},
    );
    const model = proto.onnx.ModelProto.decode(program.toOnnx({portable: true}));
    const body = model.graph?.node?.find(({opType}) => opType === 'Scan')?.attribute?.find(a => a.g)?.g;
    const product = body?.node?.find(({opType}) => opType === 'Mul');
    const factor = model.graph?.initializer?.find(({name}) => product?.input?.includes(name ?? ''));
    assert.deepEqual(factor?.dims?.map(Number), channels === 1 ? [] : [192]);
    await program.dispose();
  }
});
