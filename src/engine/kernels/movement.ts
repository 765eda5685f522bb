// Kernels that only move data: shapes, slices, joins, padding.

import {backend_util, slice_util, util} from '@tensorflow/tfjs-core';
import type {Builder} from '../ir/builder.ts';
import {concat, expand, full, gather, pad, reshape, slice, transpose} from '../ir/ops.ts';
import {iota} from '../ir/shape.ts';
import {logicalType, sameShape, sizeOf, type Value} from '../ir/value.ts';
import {type Call, define, infoOf, plain} from './registry.ts';

define('Reshape', ({b, raw, numbers, fail}) => {
  const x = raw('x');
  const size = sizeOf(x.shape);
  const shape = util.inferFromImplicitShape([...numbers('shape')], size);
  if (sizeOf(shape) !== size)
    fail(`expected a shape of ${size} elements, as [${x.shape}] has, got [${shape}] of ${sizeOf(shape)}`);
  return reshape(b, x, shape);
});
define('ExpandDims', ({b, raw, number, fail}) => {
  const x = raw('input');
  const dim = number('dim');
  const rank = x.shape.length;
  if (!Number.isInteger(dim) || dim < -rank - 1 || dim > rank)
    fail(`expected an axis from ${-rank - 1} to ${rank}, got ${dim}`);
  const at = dim < 0 ? dim + rank + 1 : dim;
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

/** The members of a list, which must be of one type: a cast of some would be a guess. */
function alike({all, fail}: Call): readonly Value[] {
  const values = all();
  const types = [...new Set(values.map(v => logicalType(v.type)))];
  if (types.length > 1) fail(`expected tensors of one type, got ${types.join(' and ')}: cast them first`);
  return values;
}
/** One physical type, for what is `int32` to the user. */
const inOneType = (b: Builder, values: readonly Value[]): readonly Value[] =>
  new Set(values.map(v => v.type)).size > 1 ? values.map(v => plain(b, v)) : values;

define('Concat', call => {
  const {b, number} = call;
  const values = alike(call);
  const shapes = values.map(v => [...v.shape]);
  const [at = 0] = util.parseAxisParam(number('axis'), shapes[0] ?? []);
  backend_util.assertParamsConsistent(shapes, at);
  const filled = values.filter(v => sizeOf(v.shape) > 0);
  const [first] = values;
  if (filled.length === 0 && first !== undefined)
    return full(b, plain(b, first).type, backend_util.computeOutShape(shapes, at), 0);
  return concat(b, inOneType(b, filled), at);
});
define('Pack', call => {
  const {b, number, fail} = call;
  const values = alike(call);
  const [first] = values;
  if (first === undefined) return fail('expected at least one tensor');
  for (const {shape} of values)
    if (!sameShape(shape, first.shape))
      fail(`expected tensors of one shape, got [${first.shape}] and [${shape}]`);
  const axis = number('axis');
  const at = axis < 0 ? axis + first.shape.length + 1 : axis;
  if (at < 0 || at > first.shape.length) fail(`expected an axis of the result, got ${axis}`);
  const rows = inOneType(b, values).map(v =>
    reshape(b, v, [...v.shape.slice(0, at), 1, ...v.shape.slice(at)]),
  );
  return concat(b, rows, at);
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
  const given = attribute('numOrSizeSplits');
  if (!isIndex(given)) return fail('expected a number of parts or their sizes');
  const [axis = 0] = util.parseAxisParam(number('axis'), [...x.shape]);
  const like = infoOf(x);
  const sizes = backend_util.prepareSplitSize(like, typeof given === 'number' ? given : [...given], axis);
  let start = 0;
  return sizes.map(size => {
    start += size;
    return between(b, x, axis, start - size, start);
  });
});

define('Slice', ({b, raw, attribute, fail}) => {
  const x = raw('x');
  const [begin, size = -1] = [attribute('begin'), attribute('size')];
  if (!isIndex(begin) || !isIndex(size)) return fail('expected begin and size to be numbers');
  const list = (index: number | readonly number[]): number | number[] =>
    typeof index === 'number' ? index : [...index];
  const like = infoOf(x);
  const [starts = [], sizes = []] = slice_util.parseSliceParams(like, list(begin), list(size));
  if (starts.some(start => start < 0)) fail(`expected begin to be at least 0, got [${starts}]`);
  slice_util.assertParamsValid(like, starts, sizes);
  return slice(
    b,
    x,
    starts,
    starts.map((start, i) => start + (sizes[i] ?? 0)),
  );
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
  const given = typeof dims === 'number' ? dims : Array.isArray(dims) ? dims.map(Number) : [];
  // Without axes, all of them.
  const axes = dims === undefined || dims === null ? iota(x.shape.length) : given;
  return reversed(b, x, util.parseAxisParam(axes, [...x.shape]));
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
