// Kernels of convolutions: they become operators of the graph's own, in TF.js's order of axes (NHWC, HWIO).
// The layout pass chooses how ONNX Runtime computes them.

import {backend_util} from '@tensorflow/tfjs-core';
import {binary, reshape, slice, transpose} from '../ir/ops.ts';
import type {Shape, Value} from '../ir/value.ts';
import {type Window, windowAttributes} from '../layout/convolution.ts';
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

function infoOf(call: Call, x: Shape, filter: Shape, isDepthwise: boolean): Info {
  const strides = pairOf(call, 'strides');
  const dilations = pairOf(call, 'dilations');
  const pad = paddingOf(call);
  if (typeof call.attribute('pad') === 'number' && strides[0] !== strides[1])
    call.fail(
      'TF.js takes the stride of the rows for the columns too when the padding is a number: give it as [[0, 0], [n, n], [n, n], [0, 0]]',
    );
  return backend_util.computeConv2DInfo(
    four(x),
    four(filter),
    strides,
    dilations,
    isChannelsFirst(call) && Array.isArray(pad) ? [pad[0], pad[2], pad[3], pad[1]] : pad,
    roundingOf(call),
    isDepthwise,
  );
}

function windowOf(
  {padInfo, strideHeight, strideWidth, dilationHeight, dilationWidth, inChannels}: Info,
  isDepthwise: boolean,
): Window {
  return {
    strides: [strideHeight, strideWidth],
    pads: [padInfo.top, padInfo.left, padInfo.bottom, padInfo.right],
    dilations: [dilationHeight, dilationWidth],
    group: isDepthwise ? inChannels : 1,
  };
}

const isChannelsFirst = ({attribute}: Call): boolean => attribute('dataFormat') === 'NCHW';
/** Images in the order in which the graph has them. */
const imagesOf = (call: Call, key: string): Value =>
  isChannelsFirst(call) ? transpose(call.b, call.input(key), toChannelsLast) : call.input(key);
const returned = (call: Call, images: Value): Value =>
  isChannelsFirst(call) ? transpose(call.b, images, toChannelsFirst) : images;

function forward(call: Call, isDepthwise: boolean): Value {
  const [x, filter] = [imagesOf(call, 'x'), call.input('filter')];
  const info = infoOf(call, x.shape, filter.shape, isDepthwise);
  const attributes = windowAttributes(windowOf(info, isDepthwise));
  return returned(call, call.b.one('pipe.Conv', [x, filter], attributes, 'float32', info.outShape));
}

for (const isDepthwise of [false, true]) {
  const stem = isDepthwise ? 'DepthwiseConv2dNative' : 'Conv2D';
  define(stem, call => forward(call, isDepthwise));
  define(`${stem}BackpropInput`, call => {
    const [dy, filter] = [imagesOf(call, 'dy'), call.input('filter')];
    const given = call.numbers('inputShape');
    const shape = isChannelsFirst(call) ? toChannelsLast.map(axis => given[axis] ?? 1) : given;
    const info = infoOf(call, shape, filter.shape, isDepthwise);
    // TF.js takes of a larger dy what a convolution of that input would have made.
    const fitting = slice(
      call.b,
      dy,
      dy.shape.map(() => 0),
      dy.shape.map((d, i) => Math.min(d, info.outShape[i] ?? d)),
    );
    const attributes = windowAttributes(windowOf(info, isDepthwise));
    const dx = call.b.one('pipe.ConvInputGradient', [fitting, filter], attributes, 'float32', shape);
    return returned(call, dx);
  });
  define(`${stem}BackpropFilter`, call => {
    const [x, dy] = [imagesOf(call, 'x'), imagesOf(call, 'dy')];
    const shape = call.numbers('filterShape');
    const attributes = windowAttributes(windowOf(infoOf(call, x.shape, shape, isDepthwise), isDepthwise));
    return call.b.one('pipe.ConvFilterGradient', [x, dy], attributes, 'float32', shape);
  });
  define(isDepthwise ? 'FusedDepthwiseConv2D' : 'FusedConv2D', call => {
    const out = forward(call, isDepthwise);
    // One number per channel, whichever axis that is.
    const perChannel = (key: string): Value => {
      const value = call.input(key);
      const [length] = value.shape;
      const isList = isChannelsFirst(call) && value.shape.length === 1 && length !== undefined && length > 1;
      return isList ? reshape(call.b, value, [length, 1, 1]) : value;
    };
    const biased = call.has('bias') ? binary(call.b, 'Add', out, perChannel('bias')) : out;
    return activated(call, biased, perChannel);
  });
}
