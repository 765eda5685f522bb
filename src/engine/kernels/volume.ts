// Kernels of convolutions and pooling in three dimensions, forward and gradient. TF.js has channels last, ONNX first.

import {backend_util} from '@tensorflow/tfjs-core';
import {binary, full, pad, reshape, slice, transpose} from '../ir/ops.ts';
import {type Attributes, int, ints, type Shape, sizeOf, text, type Value} from '../ir/value.ts';
import {paddingOf, roundingOf} from './conv.ts';
import {type Call, define} from './registry.ts';

type Shape5 = [number, number, number, number, number];
type Three = [number, number, number];

const five = (shape: Shape): Shape5 => {
  const [a = 1, b = 1, c = 1, d = 1, e = 1] = shape;
  return [a, b, c, d, e];
};

const toFirst = [0, 4, 1, 2, 3];
const toLast = [0, 2, 3, 4, 1];
/** Filters: DHWIO → OIDHW. */
const filterFirst = [4, 3, 0, 1, 2];

function threeOf({attribute, fail}: Call, key: string): Three {
  const value: unknown = attribute(key) ?? 1;
  if (typeof value === 'number') return [value, value, value];
  if (Array.isArray(value) && value.length === 3)
    return [Number(value[0]), Number(value[1]), Number(value[2])];
  return fail(`expected ${key} to be one or three numbers, got ${JSON.stringify(value)}`);
}

function padding(call: Call): 'same' | 'valid' {
  const given = paddingOf(call);
  return given === 'same' || given === 'valid' ? given : call.fail('expected same or valid padding');
}

type Info = ReturnType<typeof backend_util.computeConv3DInfo>;

const convInfo = (call: Call, x: Shape, filter: Shape): Info =>
  backend_util.computeConv3DInfo(
    five(x),
    five(filter),
    threeOf(call, 'strides'),
    threeOf(call, 'dilations'),
    padding(call),
  );

const stridesOf = (i: Info): Three => [i.strideDepth, i.strideHeight, i.strideWidth];
const dilationsOf = (i: Info): Three => [i.dilationDepth, i.dilationHeight, i.dilationWidth];
const padsOf = ({padInfo: p}: Info): number[] => [p.front, p.top, p.left, p.back, p.bottom, p.right];
const outOf = (i: Info): Three => [i.outDepth, i.outHeight, i.outWidth];

define('Conv3D', call => {
  const {b, input} = call;
  const [x, filter] = [input('x'), input('filter')];
  const info = convInfo(call, x.shape, filter.shape);
  const attributes = {
    strides: ints(stridesOf(info)),
    dilations: ints(dilationsOf(info)),
    pads: ints(padsOf(info)),
  };
  const shape = [info.batchSize, info.outChannels, ...outOf(info)];
  const inputs = [transpose(b, x, toFirst), transpose(b, filter, filterFirst)];
  return transpose(b, b.one('Conv', inputs, attributes, 'float32', shape), toLast);
});

/** The elements that the last window leaves over on each axis. */
const missing = (
  size: Three,
  out: Three,
  strides: Three,
  window: Three,
  dilations: Three,
  pads: readonly number[],
): number[] =>
  size.map((length, i) => {
    const reach = (window[i] ?? 1) - 1;
    const covered = ((out[i] ?? 1) - 1) * (strides[i] ?? 1) + reach * (dilations[i] ?? 1) + 1;
    return length - (covered - (pads[i] ?? 0) - (pads[i + 3] ?? 0));
  });

define('Conv3DBackpropInputV2', call => {
  const {b, input, numbers} = call;
  const [dy, filter] = [input('dy'), input('filter')];
  const shape = five(numbers('inputShape'));
  const info = convInfo(call, shape, filter.shape);
  const [n, d, h, w, c] = shape;
  const window: Three = [info.filterDepth, info.filterHeight, info.filterWidth];
  const pads = padsOf(info);
  const rest = missing([d, h, w], outOf(info), stridesOf(info), window, dilationsOf(info), pads);
  const attributes = {
    strides: ints(stridesOf(info)),
    dilations: ints(dilationsOf(info)),
    pads: ints(pads),
    output_padding: ints(rest),
  };
  const inputs = [transpose(b, dy, toFirst), transpose(b, filter, filterFirst)];
  return transpose(b, b.one('ConvTranspose', inputs, attributes, 'float32', [n, c, d, h, w]), toLast);
});

/** A convolution in which images are channels: strides and dilations change places. */
define('Conv3DBackpropFilterV2', call => {
  const {b, input, numbers} = call;
  const [x, dy] = [input('x'), input('dy')];
  const shape = five(numbers('filterShape'));
  const info = convInfo(call, x.shape, shape);
  const window: Three = [shape[0], shape[1], shape[2]];
  const attributes = {
    strides: ints(dilationsOf(info)),
    dilations: ints(stridesOf(info)),
    pads: ints(padsOf(info)),
  };
  const rest = missing(
    [info.inDepth, info.inHeight, info.inWidth],
    outOf(info),
    stridesOf(info),
    window,
    dilationsOf(info),
    padsOf(info),
  );
  const size = window.map((k, i) => {
    const extra = Math.floor((rest[i] ?? 0) / (dilationsOf(info)[i] ?? 1));
    return k + extra;
  });
  const channels = [info.inChannels, info.outChannels];
  const images = [transpose(b, x, [4, 0, 1, 2, 3]), transpose(b, dy, [4, 0, 1, 2, 3])];
  const whole = b.one('Conv', images, attributes, 'float32', [...channels, ...size]);
  const cut = slice(b, whole, [0, 0, 0, 0, 0], [...channels, ...window]);
  return transpose(b, cut, [2, 3, 4, 0, 1]);
});

type PoolInfo = ReturnType<typeof backend_util.computePool3DInfo>;

const poolInfo = (call: Call, shape: Shape): PoolInfo =>
  backend_util.computePool3DInfo(
    five(shape),
    threeOf(call, 'filterSize'),
    threeOf(call, 'strides'),
    1,
    paddingOf(call) as Parameters<typeof backend_util.computePool3DInfo>[4],
    roundingOf(call),
  );
const windowOf = (i: PoolInfo): Three => [i.filterDepth, i.filterHeight, i.filterWidth];
const poolAttributes = (i: PoolInfo): Attributes => ({
  kernel_shape: ints(windowOf(i)),
  strides: ints(stridesOf(i)),
  pads: ints(padsOf(i)),
});
const pooledShape = (i: PoolInfo): Shape => [i.batchSize, i.outChannels, ...outOf(i)];

for (const [name, op] of [
  ['AvgPool3D', 'AveragePool'],
  ['MaxPool3D', 'MaxPool'],
] as const)
  define(name, call => {
    const {b, input} = call;
    const x = input('x');
    const info = poolInfo(call, x.shape);
    const source = transpose(b, x, toFirst);
    const pool = (values: Value, how: Attributes): Value =>
      b.one(op, [values], how, 'float32', pooledShape(info));
    const pads = padsOf(info);
    if (pads.some((p, i) => p >= (windowOf(info)[i % 3] ?? 1)))
      call.fail('expected no windows of padding alone');
    return transpose(b, pool(source, poolAttributes(info)), toLast);
  });

define('AvgPool3DGrad', call => {
  const {b, input} = call;
  const [dy, x] = [input('dy'), input('input')];
  const info = poolInfo(call, x.shape);
  const pads = padsOf(info);
  const [n, d, h, w, c] = five(x.shape);
  // How many elements of the input each window holds: the average over ones, without those of the padding.
  const ones = pad(
    b,
    full(b, 'float32', [1, 1, d, h, w], 1),
    [0, 0, ...pads.slice(0, 3)],
    [0, 0, ...pads.slice(3)],
    b.scalar('float32', 0),
  );
  const window = windowOf(info);
  const share = b.one(
    'AveragePool',
    [ones],
    {kernel_shape: ints(window), strides: ints(stridesOf(info))},
    'float32',
    [1, 1, ...outOf(info)],
  );
  const counts = binary(b, 'Mul', share, b.scalar('float32', sizeOf(window)));
  const parts = binary(b, 'Div', transpose(b, dy, toFirst), counts);
  const attributes = {
    strides: ints(stridesOf(info)),
    pads: ints(pads),
    group: int(c),
    output_padding: ints(missing([d, h, w], outOf(info), stridesOf(info), window, [1, 1, 1], pads)),
  };
  const kernel = full(b, 'float32', [c, 1, ...window], 1);
  const spread = b.one('ConvTranspose', [parts, kernel], attributes, 'float32', [n, c, d, h, w]);
  return transpose(b, spread, toLast);
});

/** The gradient goes to the first maximum of each window, as in TF.js. */
define('MaxPool3DGrad', call => {
  const {b, input} = call;
  const [dy, x] = [input('dy'), input('input')];
  const info = poolInfo(call, x.shape);
  const source = transpose(b, x, toFirst);
  const shape = pooledShape(info);
  const [, indices] = b.node('MaxPool', [source], poolAttributes(info), [
    {type: 'float32', shape},
    {type: 'int64', shape},
  ]);
  if (indices === undefined) throw new RangeError('MaxPool has two outputs');
  const size = sizeOf(x.shape);
  const flat = (v: Value): Value => reshape(b, v, [sizeOf(v.shape)]);
  const inputs = [full(b, 'float32', [size], 0), flat(indices), flat(transpose(b, dy, toFirst))];
  const attributes = {axis: int(0), reduction: text('add')};
  const scattered = b.one('ScatterElements', inputs, attributes, 'float32', [size]);
  return transpose(b, reshape(b, scattered, source.shape), toLast);
});
