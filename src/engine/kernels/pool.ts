// Kernels of average and max pooling, forward and gradient.

import {backend_util} from '@tensorflow/tfjs-core';
import type {Builder} from '../ir/builder.ts';
import {binary, full, reshape, transpose} from '../ir/ops.ts';
import {type Attributes, int, ints, sameShape, sizeOf, text, type Value} from '../ir/value.ts';
import {four, paddingOf, pairOf, roundingOf, toChannelsFirst, toChannelsLast} from './conv.ts';
import {type Call, define} from './registry.ts';

type Info = ReturnType<typeof backend_util.computePool2DInfo>;

const infoOf = (call: Call, shape: readonly number[]): Info =>
  backend_util.computePool2DInfo(
    four(shape),
    pairOf(call, 'filterSize'),
    pairOf(call, 'strides'),
    1,
    paddingOf(call),
    roundingOf(call),
  );

const pads = (info: Info) => [info.padInfo.top, info.padInfo.left, info.padInfo.bottom, info.padInfo.right];

const attributes = (info: Info) => ({
  kernel_shape: ints([info.filterHeight, info.filterWidth]),
  strides: ints([info.strideHeight, info.strideWidth]),
  pads: ints(pads(info)),
});
const outShape = (info: Info) => [info.batchSize, info.outChannels, info.outHeight, info.outWidth];

const forward = (op: string) => (call: Call) => {
  const {b, input} = call;
  const x = input('x');
  const info = infoOf(call, x.shape);
  // TF.js hands on what a window of one leaves as large as it was, however it is padded.
  const isOne = info.filterHeight === 1 && info.filterWidth === 1;
  if (isOne && sameShape(info.inShape, info.outShape)) return x;
  const source = transpose(b, x, toChannelsFirst);
  const pool = (values: Value, how: Attributes): Value => b.one(op, [values], how, 'float32', outShape(info));
  const [top = 0, left = 0, bottom = 0, right = 0] = pads(info);
  const isTooWide = Math.max(top, bottom) >= info.filterHeight || Math.max(left, right) >= info.filterWidth;
  if (isTooWide) call.fail('expected no windows of padding alone');
  return transpose(b, pool(source, attributes(info)), toChannelsLast);
};
define('AvgPool', forward('AveragePool'));
define('MaxPool', forward('MaxPool'));

/** How many elements of the input, without padding, each window holds: [1, 1, height, width]. */
function windowSizes(b: Builder, info: Info): Value {
  const overlap = (out: number, stride: number, size: number, before: number, limit: number): number[] =>
    Array.from({length: out}, (_, i) => {
      const start = i * stride - before;
      return Math.min(start + size, limit) - Math.max(start, 0);
    });
  const {padInfo} = info;
  const rows = overlap(info.outHeight, info.strideHeight, info.filterHeight, padInfo.top, info.inHeight);
  const columns = overlap(info.outWidth, info.strideWidth, info.filterWidth, padInfo.left, info.inWidth);
  const sizes = rows.flatMap(r => columns.map(c => r * c));
  const [size = 1] = sizes;
  if (sizes.every(s => s === size)) return b.scalar('float32', size);
  return b.constant('float32', [1, 1, rows.length, columns.length], Float32Array.from(sizes));
}

define('AvgPoolGrad', call => {
  const {b, input} = call;
  const [dy, x] = [input('dy'), input('input')];
  const info = infoOf(call, x.shape);
  const share = binary(b, 'Div', transpose(b, dy, toChannelsFirst), windowSizes(b, info));
  const [top = 0, left = 0, bottom = 0, right = 0] = pads(info);
  const missing = [
    info.inHeight - ((info.outHeight - 1) * info.strideHeight + info.filterHeight - top - bottom),
    info.inWidth - ((info.outWidth - 1) * info.strideWidth + info.filterWidth - left - right),
  ];
  const channels = info.inChannels;
  const ones = full(b, 'float32', [channels, 1, info.filterHeight, info.filterWidth], 1);
  const spread = b.one(
    'ConvTranspose',
    [share, ones],
    {
      strides: ints([info.strideHeight, info.strideWidth]),
      pads: ints(pads(info)),
      group: int(channels),
      output_padding: ints(missing),
    },
    'float32',
    [info.batchSize, channels, info.inHeight, info.inWidth],
  );
  return transpose(b, spread, toChannelsLast);
});

/** The gradient goes to the first maximum of each window, as in TF.js. */
define('MaxPoolGrad', call => {
  const {b, input} = call;
  const [dy, x] = [input('dy'), input('input')];
  const info = infoOf(call, x.shape);
  const source = transpose(b, x, toChannelsFirst);
  const shape = outShape(info);
  const [, indices] = b.node('MaxPool', [source], attributes(info), [
    {type: 'float32', shape},
    {type: 'int64', shape},
  ]);
  if (indices === undefined) throw new RangeError('MaxPool has two outputs');
  const size = sizeOf(source.shape);
  const flat = (v: Value): Value => reshape(b, v, [sizeOf(v.shape)]);
  const zeros = full(b, 'float32', [size], 0);
  const updates = flat(transpose(b, dy, toChannelsFirst));
  const inputs = [zeros, flat(indices), updates];
  const scattered = b.one('ScatterElements', inputs, {axis: int(0), reduction: text('add')}, 'float32', [
    size,
  ]);
  return transpose(b, reshape(b, scattered, source.shape), toChannelsLast);
});
