// Operators that are held back until somebody needs their result, so that what follows may become part of them:
// ONNX Runtime's blocked convolution adds a bias per channel and another image, and applies relu, on the way out.

import type {Builder} from '../ir/builder.ts';
import {binary, full} from '../ir/ops.ts';
import {type Attributes, int, ints, type Shape, text, type Value} from '../ir/value.ts';

export interface Convolution {
  readonly kind: 'convolution';
  readonly x: Value;
  readonly filter: Value;
  readonly attributes: Attributes;
  /** [n, c, h, w]. */
  readonly shape: Shape;
  /** One number per channel. */
  readonly bias: Value | undefined;
  /** An image of the result's shape that is added. */
  readonly sum: Value | undefined;
  readonly hasRelu: boolean;
}

/** Element by element; may end as a sum of products. */
export interface Product {
  readonly kind: 'product';
  readonly factors: readonly [Value, Value];
}

export type Pending = Convolution | Product;

export interface Geometry {
  readonly kernel: readonly [number, number];
  readonly strides: readonly number[];
  /** Top, left, bottom, right. */
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  readonly group: number;
}

export const convolution = (x: Value, filter: Value, geometry: Geometry, shape: Shape): Convolution => ({
  kind: 'convolution',
  x,
  filter,
  attributes: {
    kernel_shape: ints(geometry.kernel),
    strides: ints(geometry.strides),
    pads: ints(geometry.pads),
    dilations: ints(geometry.dilations),
    group: int(geometry.group),
  },
  shape,
  bias: undefined,
  sum: undefined,
  hasRelu: false,
});

/** `image * scale + shift` per channel, in one pass: a convolution of 1×1 windows, each channel by itself. */
export function affine(
  b: Builder,
  image: Value,
  scale: Value | undefined,
  shift: Value | undefined,
): Convolution {
  const [, channels = 1] = image.shape;
  const shape = [channels, 1, 1, 1];
  const filter =
    scale === undefined
      ? full(b, 'float32', shape, 1)
      : b.one('Reshape', [scale, b.list(shape)], {}, 'float32', shape);
  const geometry: Geometry = {
    kernel: [1, 1],
    strides: [1, 1],
    pads: [0, 0, 0, 0],
    dilations: [1, 1],
    group: channels,
  };
  return {...convolution(image, filter, geometry, image.shape), bias: shift};
}

export const withBias = (b: Builder, c: Convolution, bias: Value): Convolution => ({
  ...c,
  bias: c.bias === undefined ? bias : binary(b, 'Add', c.bias, bias),
});

/** Computes it. */
export function emit(b: Builder, pending: Pending): Value {
  if (pending.kind === 'product') return binary(b, 'Mul', ...pending.factors);
  const {x, filter, attributes, shape, bias, sum, hasRelu} = pending;
  const [, channels = 1] = shape;
  const inputs = [x, filter];
  if (bias !== undefined || sum !== undefined) inputs.push(bias ?? zeros(b, channels));
  if (sum !== undefined) inputs.push(sum);
  const all = hasRelu ? {...attributes, activation: text('Relu')} : attributes;
  return b.one('com.microsoft.nchwc.Conv', inputs, all, 'float32', shape);
}

const zeros = (b: Builder, n: number): Value => b.constant('float32', [n], new Float32Array(n));
