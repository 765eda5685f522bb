// The engine on a WebGPU device, in a process whose environment names the driver: webgpu.test.ts starts it.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import {compile} from '../../src/engine/index.ts';
import {listDevices} from '../../src/engine/run/devices.ts';
import {assertClose, assertSameAsEager, uniform, whole} from './compare.ts';
import {residualNetwork} from './residual-network.ts';

const found = (await listDevices()).find(({kind}) => kind === 'webgpu');
const options = {skip: found?.isAvailable ? false : `no WebGPU here: ${found?.detail}`};

function some(x: tf.Tensor | undefined): tf.Tensor {
  if (x === undefined) throw new RangeError('too few inputs');
  return x;
}
const as4d = (x: tf.Tensor | undefined): tf.Tensor4D => some(x) as tf.Tensor4D;

test('layers and losses on WebGPU are those of TF.js, forward and gradient', options, async () => {
  const images = uniform(1, [2, 5, 4, 3]);
  const perChannel = (seed: number) => uniform(seed, [3], 0.4, 1.5);
  await assertSameAsEager(
    [
      {
        name: 'dense',
        op: (x, w, b) => tf.relu(tf.add(tf.matMul(some(x), some(w)), some(b))),
        inputs: [uniform(2, [4, 6]), uniform(3, [6, 5]), uniform(4, [5])],
        differentiate: [0, 1, 2],
      },
      ...([1, 2] as const).map(stride => ({
        name: `conv stride ${stride}`,
        op: (x?: tf.Tensor, w?: tf.Tensor) => tf.conv2d(as4d(x), as4d(w), stride, 'same'),
        inputs: [images, uniform(5, [3, 3, 3, 4])],
        differentiate: [0, 1],
      })),
      {
        name: 'conv 1x1',
        op: (x, w) => tf.conv2d(as4d(x), as4d(w), 1, 'valid'),
        inputs: [images, uniform(6, [1, 1, 3, 4])],
        differentiate: [0, 1],
      },
      {
        name: 'batch norm',
        op: (x, mean, variance, offset, scale) =>
          tf.batchNorm(
            as4d(x),
            some(mean).as1D(),
            some(variance).as1D(),
            some(offset).as1D(),
            some(scale).as1D(),
          ),
        inputs: [images, ...[7, 8, 9, 10].map(perChannel)],
        differentiate: [0, 1, 2, 3, 4],
      },
      {name: 'max pool', op: x => tf.maxPool(as4d(x), 2, 2, 'valid'), inputs: [images], differentiate: [0]},
      {
        name: 'average pool',
        op: x => tf.avgPool(as4d(x), 2, 1, 'valid'),
        inputs: [images],
        differentiate: [0],
      },
      {name: 'global pool', op: x => tf.mean(some(x), [1, 2]), inputs: [images], differentiate: [0]},
      {
        name: 'cross-entropy',
        op: (z, y) =>
          tf.losses.softmaxCrossEntropy(
            tf.oneHot(tf.cast(some(y), 'int32').as1D(), 5),
            some(z),
            undefined,
            0.1,
          ),
        inputs: [uniform(11, [4, 5]), whole(12, [4], 0, 5)],
        differentiate: [0],
      },
    ],
    {relative: 1e-3, absolute: 1e-4},
    'webgpu',
  );
});

test('movement, selection and comparisons on WebGPU are those of TF.js', options, async () => {
  const x = uniform(20, [3, 4, 2]);
  await assertSameAsEager(
    [
      {name: 'slice', op: x => tf.slice(some(x), [1, 0, 1], [2, 3, 1]), inputs: [x], differentiate: [0]},
      {
        name: 'pad',
        op: x =>
          tf.pad(some(x), [
            [1, 0],
            [0, 2],
            [1, 1],
          ]),
        inputs: [x],
        differentiate: [0],
      },
      {name: 'concat', op: x => tf.concat([some(x), tf.neg(some(x))], 1), inputs: [x], differentiate: [0]},
      {name: 'transpose', op: x => tf.transpose(some(x), [2, 0, 1]), inputs: [x], differentiate: [0]},
      {name: 'tile', op: x => tf.tile(some(x), [1, 2, 3]), inputs: [x], differentiate: [0]},
      {
        name: 'gather',
        op: (x, i) => tf.gather(some(x), tf.cast(some(i), 'int32').as1D()),
        inputs: [x, whole(21, [5], 0, 3)],
        differentiate: [0],
      },
      {
        name: 'select',
        op: x => tf.where(tf.greater(some(x), 0), some(x), tf.mul(some(x), 0.1)),
        inputs: [x],
        differentiate: [0],
      },
      {name: 'less', op: x => tf.less(some(x), 0.5), inputs: [x], differentiate: []},
      {name: 'arg max', op: x => tf.argMax(some(x), 1), inputs: [x], differentiate: []},
    ],
    {relative: 1e-3, absolute: 1e-4},
    'webgpu',
  );
});

test(
  'a residual network with Adam and a Hessian-vector product keeps its state on WebGPU',
  options,
  async () => {
    const {definition, scanned} = residualNetwork(3);
    const results = [];
    for (const device of ['webgpu', 'tfjs'] as const) {
      const program = await compile(definition, {device});
      assert.equal(program.device.kind, device);
      const metrics = await program.run(scanned);
      await program.writeState(await program.readState());
      const again = await program.run(scanned);
      results.push({metrics, again, state: await program.readState()});
      await program.dispose();
    }
    const [gpu, eager] = results;
    assert.ok(gpu && eager);
    const tolerance = {relative: 5e-3, absolute: 5e-3};
    assertClose(gpu.metrics, eager.metrics, tolerance);
    assertClose(gpu.again, eager.again, tolerance);
    assertClose(gpu.state, eager.state, tolerance);
  },
);
