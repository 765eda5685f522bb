// Kernels of convolutions. TF.js is NHWC with HWIO filters, ONNX NCHW with OIHW: each kernel converts at its edges,
// and the layout pass cancels what meets.

import {backend_util} from '@tensorflow/tfjs-core';
import type {Builder} from '../ir/builder.ts';
import {binary, reshape, slice, transpose} from '../ir/ops.ts';
import {int, ints, type Shape, type Value} from '../ir/value.ts';
import {activated} from './activation.ts';
import {type Call, define} from './registry.ts';

type Info = ReturnType<typeof backend_util.computeConv2DInfo>;
type Padding = Parameters<typeof backend_util.computeConv2DInfo>[4];
type Shape4 = [number, number, number, number];

export const toChannelsFirst = [0, 3, 1, 2];
export const toChannelsLast = [0, 2, 3, 1];

export const four = (shape: Shape): Shape4 => {
  const [a = 1, b = 1, c = 1, d = 1] = shape;
  return [a, b, c, d];
};

const isPadding = (x: unknown): x is Padding =>
  x === 'valid' || x === 'same' || typeof x === 'number' || Array.isArray(x);

/** `n` or `[n, m]`, as TF.js gives strides, dilations and window sizes. */
export function pairOf({attribute, fail}: Call, key: string): [number, number] {
  const value: unknown = attribute(key) ?? 1;
  if (typeof value === 'number') return [value, value];
  if (Array.isArray(value) && value.length === 2) return [Number(value[0]), Number(value[1])];
  return fail(`expected ${key} to be one or two numbers, got ${JSON.stringify(value)}`);
}

export function paddingOf({attribute, fail}: Call): Padding {
  const pad = attribute('pad');
  return isPadding(pad) ? pad : fail(`expected a padding, got ${JSON.stringify(pad)}`);
}

export function roundingOf({attribute}: Call): 'floor' | 'round' | 'ceil' | undefined {
  const mode = attribute('dimRoundingMode');
  return mode === 'floor' || mode === 'round' || mode === 'ceil' ? mode : undefined;
}

function infoOf(call: Call, x: Shape, filter: Shape, isDepthwise = false): Info {
  if (call.attribute('dataFormat') === 'NCHW') call.fail('expected the data format NHWC, got NCHW');
  const strides = pairOf(call, 'strides');
  const dilations = pairOf(call, 'dilations');
  return backend_util.computeConv2DInfo(
    four(x),
    four(filter),
    strides,
    dilations,
    paddingOf(call),
    roundingOf(call),
    isDepthwise,
  );
}

interface Window {
  readonly pads: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
}

const windowOf = (info: Info): Window => ({
  pads: [info.padInfo.top, info.padInfo.left, info.padInfo.bottom, info.padInfo.right],
  strides: [info.strideHeight, info.strideWidth],
  dilations: [info.dilationHeight, info.dilationWidth],
});

const spatial = (w: Window, group: number) => ({
  pads: ints(w.pads),
  strides: ints(w.strides),
  dilations: ints(w.dilations),
  group: int(group),
});

const first = (b: Builder, x: Value): Value => transpose(b, x, toChannelsFirst);
const last = (b: Builder, x: Value): Value => transpose(b, x, toChannelsLast);

/** HWIO → OIHW, or for depthwise filters [h, w, c, m] → [c * m, 1, h, w]. */
function kernelOf(b: Builder, filter: Value, isDepthwise: boolean): Value {
  if (!isDepthwise) return transpose(b, filter, [3, 2, 0, 1]);
  const [h, w, c, m] = four(filter.shape);
  return reshape(b, transpose(b, filter, [2, 3, 0, 1]), [c * m, 1, h, w]);
}

function forward({b}: Call, x: Value, filter: Value, info: Info, isDepthwise: boolean): Value {
  const kernel = kernelOf(b, filter, isDepthwise);
  const group = info.inChannels / (kernel.shape[1] ?? 1);
  const shape = [info.batchSize, info.outChannels, info.outHeight, info.outWidth];
  const out = b.one('Conv', [first(b, x), kernel], spatial(windowOf(info), group), 'float32', shape);
  return last(b, out);
}

function inputGradient({b}: Call, dy: Value, filter: Value, info: Info, isDepthwise: boolean): Value {
  const w = windowOf(info);
  const kernel = kernelOf(b, filter, isDepthwise);
  const group = info.inChannels / (kernel.shape[1] ?? 1);
  const [top = 0, left = 0, bottom = 0, right = 0] = w.pads;
  const missing = [
    info.inHeight - ((info.outHeight - 1) * info.strideHeight + info.effectiveFilterHeight - top - bottom),
    info.inWidth - ((info.outWidth - 1) * info.strideWidth + info.effectiveFilterWidth - left - right),
  ];
  const attributes = {...spatial(w, group), output_padding: ints(missing)};
  const shape = [info.batchSize, info.inChannels, info.inHeight, info.inWidth];
  return last(b, b.one('ConvTranspose', [first(b, dy), kernel], attributes, 'float32', shape));
}

/** A convolution of x by dy that sums over the batch: images become channels, strides dilations. */
function filterGradient({b}: Call, x: Value, dy: Value, info: Info, isDepthwise: boolean): Value {
  const w = windowOf(info);
  const [height, width] = [info.filterHeight, info.filterWidth];
  const images = transpose(b, x, [3, 0, 1, 2]);
  const kernel = transpose(b, dy, [3, 0, 1, 2]);
  const group = isDepthwise ? info.inChannels : 1;
  const stacked = isDepthwise
    ? reshape(b, images, [1, info.inChannels * info.batchSize, info.inHeight, info.inWidth])
    : images;
  const turned = spatial({pads: w.pads, strides: w.dilations, dilations: w.strides}, group);
  const extent = (size: number, pads: number, out: number, stride: number, step: number): number =>
    Math.floor((size + pads - ((out - 1) * stride + 1)) / step) + 1;
  const [top = 0, left = 0, bottom = 0, right = 0] = w.pads;
  const full = [
    stacked.shape[0] ?? 1,
    info.outChannels,
    extent(info.inHeight, top + bottom, info.outHeight, info.strideHeight, info.dilationHeight),
    extent(info.inWidth, left + right, info.outWidth, info.strideWidth, info.dilationWidth),
  ];
  const all = b.one('Conv', [stacked, kernel], turned, 'float32', full);
  const cut = slice(b, all, [0, 0, 0, 0], [full[0] ?? 1, info.outChannels, height, width]);
  if (!isDepthwise) return transpose(b, cut, [2, 3, 0, 1]);
  const multiplier = info.outChannels / info.inChannels;
  return transpose(b, reshape(b, cut, [info.inChannels, multiplier, height, width]), [2, 3, 0, 1]);
}

for (const isDepthwise of [false, true]) {
  define(isDepthwise ? 'DepthwiseConv2dNative' : 'Conv2D', call => {
    const [x, filter] = [call.input('x'), call.input('filter')];
    return forward(call, x, filter, infoOf(call, x.shape, filter.shape, isDepthwise), isDepthwise);
  });
  const stem = isDepthwise ? 'DepthwiseConv2dNative' : 'Conv2D';
  define(`${stem}BackpropInput`, call => {
    const [dy, filter] = [call.input('dy'), call.input('filter')];
    const info = infoOf(call, call.numbers('inputShape'), filter.shape, isDepthwise);
    return inputGradient(call, dy, filter, info, isDepthwise);
  });
  define(`${stem}BackpropFilter`, call => {
    const [x, dy] = [call.input('x'), call.input('dy')];
    const info = infoOf(call, x.shape, call.numbers('filterShape'), isDepthwise);
    return filterGradient(call, x, dy, info, isDepthwise);
  });
}

for (const isDepthwise of [false, true])
  define(isDepthwise ? 'FusedDepthwiseConv2D' : 'FusedConv2D', call => {
    const [x, filter] = [call.input('x'), call.input('filter')];
    const out = forward(call, x, filter, infoOf(call, x.shape, filter.shape, isDepthwise), isDepthwise);
    const biased = call.has('bias') ? binary(call.b, 'Add', out, call.input('bias')) : out;
    return activated(call, biased);
  });
