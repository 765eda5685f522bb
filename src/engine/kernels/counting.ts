// Kernels that count and look up: sums over comparisons, whose shapes are known.

import type {Builder} from '../ir/builder.ts';
import {binary, cast, reduce, reshape, where} from '../ir/ops.ts';
import {iota} from '../ir/shape.ts';
import {sizeOf, text, type Value} from '../ir/value.ts';
import {type Call, define} from './registry.ts';

/** Weights summed by the number in x, which counts for nothing from `size` on. */
function counted({b, input, number, has}: Call, isBinary: boolean, isFlat = false): Value {
  const given = cast(b, input('x'), 'int32');
  const x = isFlat ? reshape(b, given, [sizeOf(given.shape)]) : given;
  const size = number('size');
  const bins = b.constant('int32', [size], Int32Array.from(iota(size)));
  const isIn = binary(b, 'Equal', reshape(b, x, [...x.shape, 1]), bins, 'bool');
  const axis = x.shape.length - 1;
  const weights = has('weights') ? input('weights') : undefined;
  const type = weights?.type === 'float32' ? 'float32' : 'int32';
  if (isBinary) return cast(b, reduce(b, 'ReduceMax', cast(b, isIn, 'int32'), [axis], false), type);
  const ones = cast(b, isIn, type);
  const isWeighted = weights !== undefined && sizeOf(weights.shape) > 0;
  const summed = isWeighted ? binary(b, 'Mul', ones, reshape(b, weights, [...x.shape, 1])) : ones;
  return reduce(b, 'ReduceSum', summed, [axis], false);
}
// One histogram, whatever the shape.
define('Bincount', call => counted(call, false, true));
define('DenseBincount', call => counted(call, call.attribute('binaryOutput') === true));

/** How many of the sorted numbers of the row are below each value (`left`), or not above it (`right`). */
define('SearchSorted', ({b, input, text: read}) => {
  const [sequence, values] = [input('sortedSequence'), input('values')];
  const [rows = 1, length = 1] = sequence.shape;
  const [, count = 1] = values.shape;
  const op = read('side') === 'left' ? 'Less' : 'LessOrEqual';
  const left = reshape(b, sequence, [rows, 1, length]);
  const isBelow = binary(b, op, left, reshape(b, values, [rows, count, 1]), 'bool');
  return reduce(b, 'ReduceSum', cast(b, isBelow, 'int32'), [2], false);
});

define('SparseToDense', ({b, input, numbers}) => {
  const values = input('sparseValues');
  const shape = numbers('outputShape');
  const type = values.type === 'float32' ? 'float32' : 'int32';
  const fallback = cast(b, input('defaultValue'), type);
  const given = input('sparseIndices');
  const count = given.shape.length > 0 ? (given.shape[0] ?? 1) : 1;
  const depth = given.shape.length > 1 ? (given.shape[1] ?? 1) : 1;
  const zeros = b.one('Expand', [reshape(b, fallback, []), b.list(shape)], {}, type, shape);
  if (sizeOf(given.shape) === 0) return cast(b, zeros, values.type);
  const indices = cast(b, reshape(b, nonNegative(b, cast(b, given, 'int32')), [count, depth]), 'int64');
  const updates = spread(b, cast(b, values, type), [count, ...shape.slice(depth)]);
  const dense = b.one('ScatterND', [zeros, indices, updates], {reduction: text('none')}, type, shape);
  return cast(b, dense, values.type);
});

const nonNegative = (b: Builder, x: Value): Value =>
  where(b, binary(b, 'Less', x, b.scalar('int32', 0), 'bool'), b.scalar('int32', 2 ** 31 - 1), x);

const spread = (b: Builder, x: Value, shape: readonly number[]): Value =>
  sizeOf(x.shape) === sizeOf(shape)
    ? reshape(b, x, shape)
    : b.one('Expand', [reshape(b, x, []), b.list(shape)], {}, x.type, shape);
