// Kernels that address elements by computed indices. Shapes are static; indices are data.

import {scatter_util, util} from '@tensorflow/tfjs-core';
import type {Builder} from '../ir/builder.ts';
import {binary, cast, full, gather, pad, reshape, transpose, where} from '../ir/ops.ts';
import {iota, sizeBetween} from '../ir/shape.ts';
import {constantOf, int, logicalType, type Shape, sameShape, sizeOf, text, type Value} from '../ir/value.ts';
import {type Call, define, infoOf} from './registry.ts';

const integers = (b: Builder, x: Value): Value =>
  x.type === 'int32' || x.type === 'int64' ? x : cast(b, x, 'int32');
const long = (b: Builder, x: Value): Value => cast(b, x, 'int64');

/**
 * Indices outside of 0 … limit - 1 as one that ONNX Runtime refuses: it counts negative ones from the end, which TF.js
 * does not. What is known is checked now.
 */
function guarded({b, fail}: Call, indices: Value, limit: number): Value {
  const known = constantOf(indices);
  const outside = known === undefined ? undefined : Array.from(known, Number).find(i => i < 0 || i >= limit);
  if (outside !== undefined) fail(`expected indices from 0 to ${limit - 1}, got ${outside}`);
  if (known !== undefined) return indices;
  const number = (value: number): Value => cast(b, b.scalar('int32', value), indices.type);
  const isNegative = binary(b, 'Less', indices, number(0), 'bool');
  return where(b, isNegative, number(2 ** 31 - 1), indices);
}

define('GatherV2', call => {
  const {b, raw, number, fail} = call;
  const x = raw('x');
  const indices = integers(b, raw('indices'));
  const given = number('batchDims');
  const batch = given < 0 ? given + indices.shape.length : given;
  const [axis = 0] = util.parseAxisParam(number('axis'), [...x.shape]);
  if (batch > axis || batch > indices.shape.length || batch < 0)
    fail(`expected batchDims of at most the axis ${axis} and the rank of the indices, got ${batch}`);
  if (!sameShape(x.shape.slice(0, batch), indices.shape.slice(0, batch)))
    fail(`expected indices of the same ${batch} leading axes as [${x.shape}], got [${indices.shape}]`);
  if (batch > 0) return gatherInBatches(call, x, indices, axis, batch);
  return gather(b, x, guarded(call, indices, x.shape[axis] ?? 0), axis);
});

/** Leading axes are shared with the indices: flattened into rows that are addressed whole. */
function gatherInBatches(call: Call, x: Value, indices: Value, axis: number, batch: number): Value {
  const {b} = call;
  const outer = sizeBetween(x.shape, 0, batch);
  const between = x.shape.slice(batch, axis);
  const along = x.shape[axis] ?? 1;
  const rest = x.shape.slice(axis + 1);
  const inner = indices.shape.slice(batch);
  const order = [0, 2, 1, 3];
  const cube = reshape(b, x, [outer, sizeOf(between), along, sizeOf(rest)]);
  const rows = reshape(b, transpose(b, cube, order), [outer * along, sizeOf(between), sizeOf(rest)]);
  const flat = reshape(b, cast(b, indices, 'int32'), [outer, sizeOf(inner)]);
  const starts = b.constant(
    'int32',
    [outer, 1],
    Int32Array.from(iota(outer), i => i * along),
  );
  // An index beyond the end of its batch would find the next one's row.
  const isBeyond = binary(b, 'GreaterOrEqual', flat, b.scalar('int32', along), 'bool');
  const rowsWanted = binary(b, 'Add', guarded(call, flat, along), starts);
  const picked = gather(b, rows, where(b, isBeyond, b.scalar('int32', 2 ** 31 - 1), rowsWanted), 0);
  const back = transpose(b, picked, order);
  return reshape(b, back, [...x.shape.slice(0, batch), ...between, ...inner, ...rest]);
}

define('GatherNd', call => {
  const {b, raw, input, fail} = call;
  const params = raw('params');
  const indices = long(b, input('indices'));
  const rank = params.shape.length;
  const depth = indices.shape.at(-1);
  if (rank < 1) fail('expected params of at least one axis, got a scalar');
  if (depth === undefined) return fail('expected indices of at least one axis, got a scalar');
  if (depth > rank) fail(`expected indices of at most ${rank} coordinates, got ${depth}`);
  const shape = [...indices.shape.slice(0, -1), ...params.shape.slice(depth)];
  return b.one('GatherND', [params, nonNegative(b, indices)], {}, params.type, shape);
});

/** Coordinates below 0 as ones that ONNX Runtime refuses. */
function nonNegative(b: Builder, indices: Value): Value {
  const number = (value: number): Value => cast(b, b.scalar('int32', value), indices.type);
  return where(b, binary(b, 'Less', indices, number(0), 'bool'), number(2 ** 31 - 1), indices);
}

define('OneHot', ({b, input, number, attribute}) => {
  const indices = integers(b, input('indices'));
  const depth = number('depth');
  const [on, off] = [number('onValue'), number('offValue')];
  const classes = b.constant('int32', [depth], Int32Array.from(iota(depth)));
  const isHot = binary(b, 'Equal', reshape(b, indices, [...indices.shape, 1]), classes, 'bool');
  const type = attribute('dtype') === 'float32' ? 'float32' : 'int32';
  if (on === 1 && off === 0) return cast(b, isHot, type);
  return where(b, isHot, b.scalar(type, on), b.scalar(type, off));
});

/** Adds or writes `updates` at `indices` ([..., k]: the first k coordinates) of `target`. */
function scatter(b: Builder, target: Value, indices: Value, updates: Value, isSum: boolean): Value {
  const {sliceRank, numUpdates} = scatter_util.calculateShapes(infoOf(updates), infoOf(indices), [
    ...target.shape,
  ]);
  const places = reshape(b, nonNegative(b, long(b, indices)), [numUpdates, sliceRank]);
  const values = reshape(b, updates, [numUpdates, ...target.shape.slice(sliceRank)]);
  const attributes = isSum ? {reduction: text('add')} : {};
  return b.one('ScatterND', [target, places, values], attributes, target.type, target.shape);
}

const zeros = (b: Builder, type: 'float32' | 'int32', shape: Shape): Value => full(b, type, shape, 0);
const addable = (b: Builder, x: Value): Value => (x.type === 'bool' ? cast(b, x, 'int32') : x);
const kind = (x: Value): 'float32' | 'int32' => (x.type === 'float32' ? 'float32' : 'int32');

define('ScatterNd', ({b, input, numbers}) => {
  const updates = addable(b, input('updates'));
  return scatter(b, zeros(b, kind(updates), numbers('shape')), input('indices'), updates, true);
});
define('TensorScatterUpdate', ({b, input}) => {
  const tensor = input('tensor');
  return scatter(b, tensor, input('indices'), cast(b, input('updates'), tensor.type), false);
});
/** The gradient of gather: rows of `x` summed by their segment; a negative segment is dropped. */
define('UnsortedSegmentSum', ({b, input, number}) => {
  const x = addable(b, input('x'));
  const segments = integers(b, input('segmentIds'));
  const count = number('numSegments');
  const row = x.shape.slice(segments.shape.length);
  // Negative ids go to one more segment at the end, which is then cut off by never being gathered.
  const isDropped = binary(b, 'Less', segments, b.scalar('int32', 0), 'bool');
  const ids = where(b, isDropped, b.scalar('int32', count), segments);
  const indices = reshape(b, ids, [sizeOf(segments.shape), 1]);
  const rows = reshape(b, x, [sizeOf(segments.shape), ...row]);
  const sums = scatter(b, zeros(b, kind(x), [count + 1, ...row]), indices, rows, true);
  const keep = b.constant('int32', [count], Int32Array.from(iota(count)));
  return count === 0 ? sums : b.one('Gather', [sums, keep], {axis: int(0)}, x.type, [count, ...row]);
});

define('Diag', ({b, input}) => {
  const x = addable(b, input('x'));
  const n = sizeOf(x.shape);
  const row = pad(b, reshape(b, x, [n, 1]), [0, 0], [0, n], b.scalar(kind(x), 0));
  const square = b.one('Slice', [reshape(b, row, [n * (n + 1)]), b.list([0]), b.list([n * n])], {}, x.type, [
    n * n,
  ]);
  return cast(b, reshape(b, square, [...x.shape, ...x.shape]), logicalType(input('x').type));
});
