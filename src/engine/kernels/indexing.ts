// Kernels that address elements by computed indices. Shapes are static; indices are data.

import type {Builder} from '../ir/builder.ts';
import {binary, cast, full, gather, pad, reshape, transpose, where} from '../ir/ops.ts';
import {iota, sizeBetween} from '../ir/shape.ts';
import {int, type Shape, sizeOf, text, type Value} from '../ir/value.ts';
import {define} from './registry.ts';

const integers = (b: Builder, x: Value): Value =>
  x.type === 'int32' || x.type === 'int64' ? x : cast(b, x, 'int32');
const long = (b: Builder, x: Value): Value => cast(b, x, 'int64');

define('GatherV2', ({b, raw, number}) => {
  const x = raw('x');
  const indices = integers(b, raw('indices'));
  const batch = number('batchDims');
  const axis = number('axis') < 0 ? number('axis') + x.shape.length : number('axis');
  return batch === 0 ? gather(b, x, indices, axis) : gatherInBatches(b, x, indices, axis, batch);
});

/** Leading axes are shared with the indices: flattened into rows that are addressed whole. */
function gatherInBatches(b: Builder, x: Value, indices: Value, axis: number, batch: number): Value {
  const outer = sizeBetween(x.shape, 0, batch);
  const between = x.shape.slice(batch, axis);
  const along = x.shape[axis] ?? 1;
  const rest = x.shape.slice(axis + 1);
  const inner = indices.shape.slice(batch);
  const order = [0, 2, 1, 3];
  const cube = reshape(b, x, [outer, sizeOf(between), along, sizeOf(rest)]);
  const rows = reshape(b, transpose(b, cube, order), [outer * along, sizeOf(between), sizeOf(rest)]);
  const flat = reshape(b, indices, [outer, sizeOf(inner)]);
  const starts = b.constant(
    'int32',
    [outer, 1],
    Int32Array.from(iota(outer), i => i * along),
  );
  const picked = gather(b, rows, binary(b, 'Add', cast(b, flat, 'int32'), starts), 0);
  const back = transpose(b, picked, order);
  return reshape(b, back, [...x.shape.slice(0, batch), ...between, ...inner, ...rest]);
}

define('GatherNd', ({b, raw, input}) => {
  const params = raw('params');
  const indices = long(b, input('indices'));
  const shape = [...indices.shape.slice(0, -1), ...params.shape.slice(indices.shape.at(-1) ?? 0)];
  return b.one('GatherND', [params, indices], {}, params.type, shape);
});

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
const scatter = (b: Builder, target: Value, indices: Value, updates: Value, isSum: boolean): Value =>
  b.one(
    'ScatterND',
    [target, long(b, indices), updates],
    isSum ? {reduction: text('add')} : {},
    target.type,
    target.shape,
  );

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
  const indices = reshape(b, ids, [...segments.shape, 1]);
  const sums = scatter(b, zeros(b, kind(x), [count + 1, ...row]), indices, x, true);
  const keep = b.constant('int32', [count], Int32Array.from(iota(count)));
  return count === 0 ? sums : b.one('Gather', [sums, keep], {axis: int(0)}, x.type, [count, ...row]);
});

define('Diag', ({b, input}) => {
  const x = input('x');
  const n = sizeOf(x.shape);
  const row = pad(b, reshape(b, x, [n, 1]), [0, 0], [0, n], b.scalar(kind(x), 0));
  const square = b.one('Slice', [reshape(b, row, [n * (n + 1)]), b.list([0]), b.list([n * n])], {}, x.type, [
    n * n,
  ]);
  return reshape(b, square, [...x.shape, ...x.shape]);
});
