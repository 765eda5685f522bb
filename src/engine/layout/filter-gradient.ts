// Gradients of convolutions with respect to the filter: sums over images and pixels of x times dy.

import type {Builder} from '../ir/builder.ts';
import {full, pad, reshape, slice, transpose} from '../ir/ops.ts';
import {graph, inputAt, int, type Node, type Value} from '../ir/value.ts';
import {type Window, windowAttributes, windowOf} from './convolution.ts';
import {type Forms, four, type Shape4} from './forms.ts';
import {convolution} from './pending.ts';

/** Pixels of dy that one pass should take at least: fewer, and writing the sum costs more than making it. */
const PIXELS_PER_PASS = 512;

export function lowerFilterGradient(forms: Forms, node: Node, out: Value): void {
  const {b, block} = forms;
  const [x, dy] = [inputAt(node, 0), inputAt(node, 1)];
  const window = windowOf(node);
  const filterShape = four(out.shape);
  const [, , , to] = filterShape;
  const [n, , , from] = four(x.shape);
  if (block !== undefined && window.group === 1 && to % block === 0) {
    const source = forms.get(x, from % block === 0 ? 'blocked' : 'first');
    const loop = {
      b,
      block,
      window,
      x: four(x.shape),
      dy: four(dy.shape),
      filterShape,
      images: imagesPerPass(n, four(dy.shape), block),
    };
    forms.set(out, 'last', imageByImage(loop, source, forms.get(dy, 'blocked')));
    return;
  }
  forms.set(out, 'last', overBatch(b, forms.get(x, 'last'), forms.get(dy, 'last'), window, filterShape));
}

/** Divides n, and is below the block: so many images are read in their plain form. */
function imagesPerPass(n: number, [, h, w]: Shape4, block: number): number {
  const choices = Array.from({length: block - 1}, (_, i) => i + 1).filter(m => n % m === 0);
  return choices.find(m => m * h * w >= PIXELS_PER_PASS) ?? choices.at(-1) ?? 1;
}

interface Loop {
  readonly b: Builder;
  readonly block: number;
  readonly window: Window;
  readonly x: Shape4;
  readonly dy: Shape4;
  readonly filterShape: Shape4;
  readonly images: number;
}

/**
 * For one image, blocked dy has the very order of a blocked filter with one input channel and as many taps as dy has
 * pixels; x, channels first, is a batch of images with one channel. Their convolution is the gradient, and adds
 * itself to that of the images before. No im2col, and all data of a pass fit the second-level cache.
 */
function imageByImage(loop: Loop, x: Value, dy: Value): Value {
  const {b, block, images, filterShape} = loop;
  const [n, height, width, from] = loop.x;
  const [, outHeight, outWidth, to] = loop.dy;
  const [kh, kw] = filterShape;
  const sumShape = [from, to, kh, kw];
  const [sum, xs, dys] = [
    b.input('sum', 'float32', sumShape),
    b.input('x', 'float32', [images, from, height, width]),
    b.input('dy', 'float32', [images, to, outHeight, outWidth]),
  ];
  const body = graph([sum, xs, dys], [onePass(loop, sum, xs, dys)]);
  const zeros = full(b, 'float32', sumShape, 0);
  const stacked = [
    reshape(b, x, [n / images, images, from, height, width]),
    reshape(b, dy, [n / images, images, to, outHeight, outWidth]),
  ];
  const total = b.one('Scan', [zeros, ...stacked], {body, num_scan_inputs: int(2)}, 'float32', sumShape);
  const blocked = reshape(b, total, [from, to / block, kh, kw, block]);
  return reshape(b, transpose(b, blocked, [2, 3, 0, 1, 4]), filterShape);
}

function onePass(loop: Loop, sum: Value, x: Value, dy: Value): Value {
  const {b, block, images, window, filterShape} = loop;
  const [, height, width, from] = loop.x;
  const [, outHeight, outWidth, to] = loop.dy;
  const [kh, kw] = filterShape;
  const {strides, dilations} = window;
  const plain =
    from % block === 0
      ? b.one(
          'com.microsoft.nchwc.ReorderOutput',
          [x],
          {channels: int(from), channels_last: int(0)},
          'float32',
          [images, from, height, width],
        )
      : x;
  // Side by side as channels: [from, images, height, width].
  const channels =
    images === 1 ? reshape(b, plain, [from, 1, height, width]) : transpose(b, plain, [1, 0, 2, 3]);
  const [top, left] = window.pads;
  const span = (out: number, stride: number, kernel: number, dilation: number): number =>
    (out - 1) * stride + (kernel - 1) * dilation + 1;
  const bottom = span(outHeight, strides[0], kh, dilations[0]) - height - top;
  const right = span(outWidth, strides[1], kw, dilations[1]) - width - left;
  // Padded here at the sides, since the operator takes padded columns one at a time; a negative padding cuts off.
  const [before, after] = [
    [0, 0, 0, left],
    [0, 0, Math.min(bottom, 0), right],
  ];
  const padded = pad(b, channels, before, after, b.scalar('float32', 0));
  const pixels = reshape(b, dy, [images, to / block, outHeight * outWidth * block]);
  const filter = reshape(b, images === 1 ? pixels : transpose(b, pixels, [1, 0, 2]), [
    to,
    images,
    outHeight,
    outWidth,
  ]);
  const geometry = {
    kernel: [outHeight, outWidth] as const,
    strides: dilations,
    pads: [top, 0, Math.max(bottom, 0), 0],
    dilations: strides,
    group: 1,
  };
  const {attributes} = convolution(padded, filter, geometry, sum.shape);
  const zeros = b.constant('float32', [to], new Float32Array(to));
  return b.one('com.microsoft.nchwc.Conv', [padded, filter, zeros, sum], attributes, 'float32', sum.shape);
}

/** A convolution of x by dy that sums over the batch: images become channels, strides dilations. */
function overBatch(b: Builder, x: Value, dy: Value, window: Window, filterShape: Shape4): Value {
  const [n, height, width, from] = four(x.shape);
  const [, outHeight, outWidth, to] = four(dy.shape);
  const [kh, kw, c, m] = filterShape;
  const isDepthwise = window.group > 1;
  const images = transpose(b, x, [3, 0, 1, 2]);
  const kernel = transpose(b, dy, [3, 0, 1, 2]);
  const stacked = isDepthwise ? reshape(b, images, [1, from * n, height, width]) : images;
  const {strides, dilations, pads} = window;
  const [top, left, bottom, right] = pads;
  const extent = (size: number, out: number, axis: 0 | 1): number =>
    Math.floor((size - ((out - 1) * strides[axis] + 1)) / dilations[axis]) + 1;
  const shape = [
    stacked.shape[0] ?? 1,
    to,
    extent(height + top + bottom, outHeight, 0),
    extent(width + left + right, outWidth, 1),
  ];
  const attributes = windowAttributes({strides: dilations, dilations: strides, pads, group: window.group});
  const all = b.one('Conv', [stacked, kernel], attributes, 'float32', shape);
  const cut = slice(b, all, [0, 0, 0, 0], [stacked.shape[0] ?? 1, to, kh, kw]);
  if (!isDepthwise) return transpose(b, cut, [2, 3, 0, 1]);
  return transpose(b, reshape(b, cut, [c, m, kh, kw]), [2, 3, 0, 1]);
}
