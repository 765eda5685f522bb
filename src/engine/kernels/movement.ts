// Kernels that only move data: shapes, slices, joins, padding.

import {slice_util} from '@tensorflow/tfjs-core';
import type {Builder} from '../ir/builder.ts';
import {cast, concat, expand, gather, pad, reshape, slice, transpose} from '../ir/ops.ts';
import {iota} from '../ir/shape.ts';
import {sizeOf, type Value} from '../ir/value.ts';
import {type Call, define, plain} from './registry.ts';

/** Fills in the one dimension that is -1. */
function inferred(shape: readonly number[], size: number): number[] {
  const known = shape.reduce((p, d) => (d === -1 ? p : p * d), 1);
  return shape.map(d => (d === -1 ? size / known : d));
}

define('Reshape', ({b, raw, numbers}) => {
  const x = raw('x');
  return reshape(b, x, inferred(numbers('shape'), sizeOf(x.shape)));
});
define('ExpandDims', ({b, raw, number}) => {
  const x = raw('input');
  const dim = number('dim');
  const at = dim < 0 ? dim + x.shape.length + 1 : dim;
  return reshape(b, x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
});
define('Transpose', ({b, raw, numbers}) => transpose(b, raw('x'), numbers('perm')));
define('Tile', ({b, input, numbers}) => {
  const x = input('x');
  const reps = numbers('reps');
  const shape = x.shape.map((d, i) => d * (reps[i] ?? 1));
  if (x.shape.every((d, i) => d === 1 || reps[i] === 1)) return expand(b, x, shape);
  return b.one('Tile', [x, b.list(reps)], {}, x.type, shape);
});

/** Lists whose members may differ in type, as `bool` beside `int32`. */
function alike(b: Builder, values: readonly Value[]): Value[] {
  const types = new Set(values.map(v => v.type));
  if (types.size <= 1) return [...values];
  const to = types.has('float32') ? 'float32' : 'int32';
  return values.map(v => cast(b, v, to));
}
define('Concat', ({b, all, number}) => {
  const values = alike(b, all());
  const axis = number('axis');
  const at = axis < 0 ? axis + (values[0]?.shape.length ?? 0) : axis;
  const filled = values.filter(v => sizeOf(v.shape) > 0);
  return concat(b, filled.length > 0 ? filled : values.slice(0, 1), at);
});
define('Pack', ({b, all, number}) => {
  const axis = number('axis');
  const rows = alike(b, all()).map(v => {
    const at = axis < 0 ? axis + v.shape.length + 1 : axis;
    return {value: reshape(b, v, [...v.shape.slice(0, at), 1, ...v.shape.slice(at)]), at};
  });
  return concat(
    b,
    rows.map(row => row.value),
    rows[0]?.at ?? 0,
  );
});

/** The part of a value from `start` to before `end` on one axis. */
const between = (b: Builder, x: Value, axis: number, start: number, end: number): Value =>
  slice(
    b,
    x,
    x.shape.map((_, i) => (i === axis ? start : 0)),
    x.shape.map((d, i) => (i === axis ? end : d)),
  );
define('Unpack', ({b, raw, number}) => {
  const x = raw('value');
  const axis = number('axis') < 0 ? number('axis') + x.shape.length : number('axis');
  const shape = x.shape.filter((_, i) => i !== axis);
  return iota(x.shape[axis] ?? 0).map(i => reshape(b, between(b, x, axis, i, i + 1), shape));
});
define('SplitV', ({b, raw, number, attribute, fail}) => {
  const x = raw('x');
  const axis = number('axis') < 0 ? number('axis') + x.shape.length : number('axis');
  const total = x.shape[axis] ?? 0;
  const given = attribute('numOrSizeSplits');
  const sizes =
    typeof given === 'number'
      ? iota(given).map(() => total / given)
      : Array.isArray(given)
        ? inferredSum(given.map(Number), total)
        : fail('expected a number of parts or their sizes');
  let start = 0;
  return sizes.map(size => {
    start += size;
    return between(b, x, axis, start - size, start);
  });
});
const inferredSum = (sizes: readonly number[], total: number): number[] =>
  sizes.map(size => (size === -1 ? total - sizes.reduce((sum, s) => sum + Math.max(s, 0), 0) : size));

define('Slice', ({b, raw, attribute, fail}) => {
  const x = raw('x');
  const [begin, size] = [attribute('begin'), attribute('size')];
  if (!isIndex(begin) || !isIndex(size)) return fail('expected begin and size to be numbers');
  const starts = x.shape.map((_, i) => (typeof begin === 'number' ? (i === 0 ? begin : 0) : (begin[i] ?? 0)));
  const ends = x.shape.map((d, i) => {
    const n = typeof size === 'number' ? (i === 0 ? size : -1) : (size[i] ?? -1);
    return n < 0 ? d : (starts[i] ?? 0) + n;
  });
  return slice(b, x, starts, ends);
});
const isIndex = (x: unknown): x is number | readonly number[] =>
  typeof x === 'number' || (Array.isArray(x) && x.every(e => typeof e === 'number'));

define('StridedSlice', call => {
  const {b, raw, numbers, number} = call;
  const x = raw('x');
  const info = slice_util.sliceInfo(
    [...x.shape],
    [...numbers('begin')],
    [...numbers('end')],
    [...numbers('strides')],
    number('beginMask'),
    number('endMask'),
    number('ellipsisMask'),
    number('newAxisMask'),
    number('shrinkAxisMask'),
  );
  const ends = info.begin.map((start, i) => {
    const step = info.strides[i] ?? 1;
    const count = Math.max(0, Math.ceil(((info.end[i] ?? start) - start) / step));
    return start + count * step;
  });
  return reshape(b, slice(b, x, info.begin, ends, info.strides), info.finalShape);
});
define('Reverse', ({b, raw, attribute}) => {
  const x = raw('x');
  const dims = attribute('dims');
  const list: readonly unknown[] = Array.isArray(dims) ? dims : [dims];
  const axes = list.map(Number).map(d => (d < 0 ? d + x.shape.length : d));
  return reversed(b, x, axes);
});

/** The value with the order along some axes turned round. */
export function reversed(b: Builder, x: Value, axes: readonly number[]): Value {
  const turn = x.shape.map((d, i) => axes.includes(i) && d > 1);
  return slice(
    b,
    x,
    x.shape.map((d, i) => (turn[i] ? d - 1 : 0)),
    x.shape.map((d, i) => (turn[i] ? -1 : d)),
    turn.map(isTurned => (isTurned ? -1 : 1)),
  );
}

/** TF.js's paddings: one pair of numbers per axis. */
function paddings({attribute, fail}: Call): [before: number[], after: number[]] {
  const given = attribute('paddings');
  if (!Array.isArray(given)) return fail('expected paddings to be pairs');
  return [given.map(pair => Number(pair[0])), given.map(pair => Number(pair[1]))];
}
define('PadV2', call => {
  const {b, attribute} = call;
  const x = plain(b, call.raw('x'));
  const value = Number(attribute('constantValue') ?? 0);
  const fill =
    x.type === 'bool'
      ? b.constant('bool', [], Uint8Array.of(value === 0 ? 0 : 1))
      : b.scalar(x.type === 'int32' ? 'int32' : 'float32', value);
  return pad(b, x, ...paddings(call), fill);
});
define('MirrorPad', call => {
  const {b} = call;
  const [before, after] = paddings(call);
  const offset = call.text('mode') === 'reflect' ? 0 : 1;
  return call.raw('x').shape.reduce((x, d, axis) => {
    const [low, high] = [before[axis] ?? 0, after[axis] ?? 0];
    if (low === 0 && high === 0) return x;
    const indices = iota(low + d + high).map(i => {
      const at = i - low;
      if (at < 0) return -at - offset;
      return at < d ? at : 2 * (d - 1) - at + offset;
    });
    return gather(b, x, b.constant('int32', [indices.length], Int32Array.from(indices)), axis);
  }, call.raw('x'));
});
