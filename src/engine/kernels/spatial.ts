// Kernels that exchange places of images for batches or channels, and that look at neighbouring channels or pixels.

import {backend_util} from '@tensorflow/tfjs-core';
import type {Builder} from '../ir/builder.ts';
import {binary, concat, pad, reduce, reshape, slice, transpose, where} from '../ir/ops.ts';
import {iota} from '../ir/shape.ts';
import {sizeOf, type Value} from '../ir/value.ts';
import {alongAxis, type Matrix} from './along.ts';
import {four, paddingOf, pairOf} from './conv.ts';
import {reversed} from './movement.ts';
import {type Call, define} from './registry.ts';

const pairsOf = ({attribute, fail}: Call, key: string): [number, number][] => {
  const given = attribute(key);
  if (!Array.isArray(given)) return fail(`expected ${key} to be pairs`);
  return given.map(pair => [Number(pair[0]), Number(pair[1])]);
};

define('SpaceToBatchND', call => {
  const {b, input, numbers} = call;
  const x = input('x');
  const block = [...numbers('blockShape')];
  const none = x.shape.slice(1 + block.length).map((): [number, number] => [0, 0]);
  const paddings = [[0, 0] as const, ...pairsOf(call, 'paddings'), ...none];
  const padded = pad(
    b,
    x,
    paddings.map(p => p[0]),
    paddings.map(p => p[1]),
    b.scalar(x.type === 'int32' ? 'int32' : 'float32', 0),
  );
  const shape = [...padded.shape];
  const split = backend_util.getReshaped(shape, block, sizeOf(block), false);
  const order = backend_util.getPermuted(split.length, block.length, false);
  const joined = backend_util.getReshapedPermuted(shape, block, sizeOf(block), false);
  return reshape(b, transpose(b, reshape(b, padded, split), order), joined);
});

define('BatchToSpaceND', call => {
  const {b, input, numbers} = call;
  const x = input('x');
  const block = [...numbers('blockShape')];
  const crops = pairsOf(call, 'crops');
  const shape = [...x.shape];
  const split = backend_util.getReshaped(shape, block, sizeOf(block));
  const order = backend_util.getPermuted(split.length, block.length);
  const joined = backend_util.getReshapedPermuted(shape, block, sizeOf(block));
  const begin = backend_util.getSliceBeginCoords(crops, block.length);
  const size = backend_util.getSliceSize(joined, crops, block.length);
  const whole = reshape(b, transpose(b, reshape(b, x, split), order), joined);
  return slice(
    b,
    whole,
    joined.map((_, i) => begin[i] ?? 0),
    joined.map((d, i) => (begin[i] ?? 0) + (size[i] ?? d)),
  );
});

define('DepthToSpace', ({b, input, number, attribute, fail}) => {
  const x = input('x');
  if (attribute('dataFormat') !== 'NHWC') fail('expected the data format NHWC');
  const block = number('blockSize');
  const [n, h, w, c] = four(x.shape);
  const depth = c / (block * block);
  const split = reshape(b, x, [n, h, w, block, block, depth]);
  return reshape(b, transpose(b, split, [0, 1, 3, 2, 4, 5]), [n, h * block, w * block, depth]);
});

define('FlipLeftRight', ({b, input}) => reversed(b, input('image'), [2]));

/** Ones within the radius of the diagonal. */
const band = (size: number, radius: number): Matrix =>
  iota(size).map(i => iota(size).map(j => (Math.abs(i - j) <= radius ? 1 : 0)));

interface Normalisation {
  readonly alpha: number;
  readonly beta: number;
  readonly neighbours: Matrix;
  /** bias + alpha · Σ x² over the neighbours. */
  readonly norm: Value;
}

function normalisation({b, number}: Call, x: Value): Normalisation {
  const [alpha, beta, bias] = [number('alpha'), number('beta'), number('bias')];
  const neighbours = band(x.shape.at(-1) ?? 1, number('depthRadius'));
  const squares = alongAxis(b, neighbours, binary(b, 'Mul', x, x), x.shape.length - 1);
  const scaled = binary(b, 'Mul', squares, b.scalar('float32', alpha));
  return {alpha, beta, neighbours, norm: binary(b, 'Add', scaled, b.scalar('float32', bias))};
}
const power = (b: Builder, x: Value, exponent: number): Value =>
  binary(b, 'Pow', x, b.scalar('float32', exponent));

define('LRN', call => {
  const x = call.input('x');
  const {norm, beta} = normalisation(call, x);
  return binary(call.b, 'Mul', x, power(call.b, norm, -beta));
});
define('LRNGrad', call => {
  const {b, input} = call;
  const [x, y, dy] = [input('x'), input('y'), input('dy')];
  const {norm, alpha, beta, neighbours} = normalisation(call, x);
  const own = binary(b, 'Mul', dy, power(b, norm, -beta));
  const through = alongAxis(
    b,
    neighbours,
    binary(b, 'Div', binary(b, 'Mul', dy, y), norm),
    x.shape.length - 1,
  );
  const others = binary(b, 'Mul', binary(b, 'Mul', x, through), b.scalar('float32', -2 * alpha * beta));
  return binary(b, 'Add', own, others);
});

/** The largest sum of a window and a filter. */
/** Every window of a dilation: what the filter's element adds up to, and where its elements are in the padded images. */
function dilated(call: Call) {
  const {b, input} = call;
  const [x, filter] = [input('x'), input('filter')];
  const [kh = 1, kw = 1, channels = 1] = filter.shape;
  const pair = {strides: pairOf(call, 'strides'), dilations: pairOf(call, 'dilations')};
  const padding = paddingOf(call);
  if (padding !== 'same' && padding !== 'valid') return call.fail('expected same or valid padding');
  const info = backend_util.computeDilation2DInfo(
    four(x.shape),
    [kh, kw, channels],
    pair.strides,
    padding,
    'NHWC',
    pair.dilations,
  );
  const {top, bottom, left, right} = info.padInfo;
  const fill = b.scalar('float32', -Infinity);
  const wide = pad(b, x, [0, top, left, 0], [0, bottom, right, 0], fill);
  const [n, , , c] = four(x.shape);
  const [sh, sw] = [info.strideHeight, info.strideWidth];
  const windows = iota(kh * kw).map(at => {
    const [i, j] = [Math.floor(at / kw), at % kw];
    const row = i * info.dilationHeight;
    const column = j * info.dilationWidth;
    const ends = [n, row + (info.outHeight - 1) * sh + 1, column + (info.outWidth - 1) * sw + 1, c];
    const part = slice(b, wide, [0, row, column, 0], ends, [1, sh, sw, 1]);
    const weight = reshape(b, slice(b, filter, [i, j, 0], [i + 1, j + 1, channels]), [channels]);
    return {value: binary(b, 'Add', part, weight), row, column};
  });
  return {info, wide, windows};
}

define('Dilation2D', call =>
  dilated(call)
    .windows.map(({value}) => value)
    .reduce((best, value) => binary(call.b, 'Max', best, value)),
);

/** For each window the gradients of those places where it is the first of the largest. */
function sharesOf(call: Call) {
  const {b, input} = call;
  const {info, wide, windows} = dilated(call);
  const dy = input('dy');
  const none = b.scalar('float32', 0);
  let best: Value | undefined;
  let place: Value = b.scalar('int32', 0);
  windows.forEach(({value}, at) => {
    if (best !== undefined)
      place = where(b, binary(b, 'Greater', value, best, 'bool'), b.scalar('int32', at), place);
    best = best === undefined ? value : binary(b, 'Max', best, value);
  });
  const shares = windows.map(({row, column}, at) => {
    const isHere = binary(b, 'Equal', place, b.scalar('int32', at), 'bool');
    return {share: where(b, isHere, dy, none), row, column};
  });
  return {info, wide, shares};
}

define('Dilation2DBackpropFilter', call => {
  const {b} = call;
  const sums = sharesOf(call).shares.map(({share}) => reduce(b, 'ReduceSum', share, [0, 1, 2], true));
  return reshape(b, concat(b, sums, 0), call.input('filter').shape);
});

define('Dilation2DBackpropInput', call => {
  const {b, input} = call;
  const {info, wide, shares} = sharesOf(call);
  const [n, h, w, c] = four(input('dy').shape);
  const [sh, sw] = [info.strideHeight, info.strideWidth];
  const [, tall, broad] = four(wide.shape);
  const none = b.scalar('float32', 0);
  const spread = shares.map(({share, row, column}) => {
    // Zeros between the places, as far apart as the strides.
    const apart = pad(
      b,
      reshape(b, share, [n, h, 1, w, 1, c]),
      [0, 0, 0, 0, 0, 0],
      [0, 0, sh - 1, 0, sw - 1, 0],
      none,
    );
    const [rows, columns] = [(h - 1) * sh + 1, (w - 1) * sw + 1];
    const dense = slice(b, reshape(b, apart, [n, h * sh, w * sw, c]), [0, 0, 0, 0], [n, rows, columns, c]);
    return pad(b, dense, [0, row, column, 0], [0, tall - row - rows, broad - column - columns, 0], none);
  });
  const sum = spread.reduce((left, right) => binary(b, 'Add', left, right));
  const {top, left} = info.padInfo;
  const [, height, width] = four(input('x').shape);
  return slice(b, sum, [0, top, left, 0], [n, top + height, left + width, c]);
});
