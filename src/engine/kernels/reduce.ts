// Kernels that reduce or scan along axes.

import type {Builder} from '../ir/builder.ts';
import {binary, cast, concat, expand, full, type Reduction, reduce, slice, unary, where} from '../ir/ops.ts';
import {iota, normalAxes} from '../ir/shape.ts';
import {int, type Value} from '../ir/value.ts';
import {type Call, define} from './registry.ts';

/** TF.js gives one axis, several, or none for all. */
function axesOf({attribute, fail}: Call, key: string, rank: number): number[] {
  const axis = attribute(key);
  if (axis === undefined || axis === null) return iota(rank);
  const list: readonly unknown[] = Array.isArray(axis) ? axis : [axis];
  const axes = list.filter(a => typeof a === 'number');
  if (axes.length !== list.length) fail(`expected ${key} to be axes, got ${JSON.stringify(axis)}`);
  const outside = axes.find(axis => !Number.isInteger(axis) || axis < -rank || axis >= rank);
  if (outside !== undefined && rank > 0) fail(`expected axes from ${-rank} to ${rank - 1}, got ${outside}`);
  return normalAxes(axes, rank);
}

const keepsDims = ({attribute}: Call): boolean => attribute('keepDims') === true;

function reduced(call: Call, op: Reduction, key: string, x: Value): Value {
  return reduce(call.b, op, x, axesOf(call, key, x.shape.length), keepsDims(call));
}

const numeric = (call: Call): Value => {
  const x = call.input('x');
  return x.type === 'bool' ? cast(call.b, x, 'int32') : x;
};

define('Sum', call => reduced(call, 'ReduceSum', 'axis', numeric(call)));
define('Prod', call => reduced(call, 'ReduceProd', 'axis', numeric(call)));
define('Mean', call => reduced(call, 'ReduceMean', 'axis', cast(call.b, call.input('x'), 'float32')));
/** A maximum is NaN where one of its elements is; ONNX Runtime's passes over it. */
function extreme(call: Call, op: 'ReduceMax' | 'ReduceMin'): Value {
  const {b} = call;
  const x = numeric(call);
  const key = call.attribute('axis') === undefined ? 'reductionIndices' : 'axis';
  const result = reduced(call, op, key, x);
  if (x.type !== 'float32') return result;
  const isNan = cast(b, unary(b, 'IsNaN', x, {}, 'bool'), 'int32');
  const hasNan = cast(b, reduced(call, 'ReduceMax', key, isNan), 'bool');
  return where(b, hasNan, b.scalar('float32', Number.NaN), result);
}
define('Max', call => extreme(call, 'ReduceMax'));
define('Min', call => extreme(call, 'ReduceMin'));
define('All', call =>
  cast(call.b, reduced(call, 'ReduceMin', 'axis', cast(call.b, call.input('x'), 'int32')), 'bool'),
);
define('Any', call =>
  cast(call.b, reduced(call, 'ReduceMax', 'axis', cast(call.b, call.input('x'), 'int32')), 'bool'),
);

for (const op of ['ArgMax', 'ArgMin'])
  define(op, call => {
    const {b} = call;
    const given = numeric(call);
    // NaN is never the largest nor the smallest.
    const least = b.scalar('float32', op === 'ArgMax' ? -Infinity : Infinity);
    const x = given.type === 'float32' ? where(b, unary(b, 'IsNaN', given, {}, 'bool'), least, given) : given;
    const [axis = 0] = axesOf(call, 'axis', x.shape.length);
    const shape = x.shape.filter((_, i) => i !== axis);
    const found = b.one(op, [x], {axis: int(axis), keepdims: int(0)}, 'int64', shape);
    return cast(b, found, 'int32');
  });

define('Cumsum', ({b, input, number, boolean}) => {
  const x = input('x');
  const flags = {exclusive: int(boolean('exclusive') ? 1 : 0), reverse: int(boolean('reverse') ? 1 : 0)};
  const axis = b.constant('int32', [], Int32Array.of(number('axis')));
  return b.one('CumSum', [x, axis], flags, x.type, x.shape);
});

/** The axis with ones put in at one end and as many elements dropped at the other. */
function shifted(b: Builder, x: Value, axis: number, by: number, isReverse: boolean): Value {
  const length = x.shape[axis] ?? 1;
  const ones = full(
    b,
    x.type,
    x.shape.map((d, i) => (i === axis ? by : d)),
    1,
  );
  const begin = x.shape.map((_, i) => (i === axis && isReverse ? by : 0));
  const size = x.shape.map((d, i) => (i === axis ? length - by : d));
  const kept = slice(
    b,
    x,
    begin,
    begin.map((from, i) => from + (size[i] ?? 0)),
  );
  return concat(b, isReverse ? [kept, ones] : [ones, kept], axis);
}

// ONNX has no running product: each round doubles how far the products reach (Hillis and Steele's scan).
define('Cumprod', ({b, input, number, boolean}) => {
  const x = input('x');
  const [axis = 0] = normalAxes([number('axis')], x.shape.length);
  const length = x.shape[axis] ?? 1;
  const isReverse = boolean('reverse');
  const isExclusive = boolean('exclusive');
  let y = !isExclusive ? x : length === 1 ? full(b, x.type, x.shape, 1) : shifted(b, x, axis, 1, isReverse);
  for (let by = 1; by < length; by *= 2) y = binary(b, 'Mul', y, shifted(b, y, axis, by, isReverse));
  return y;
});

define('TopK', ({b, input, number}) => {
  const x = input('x');
  const k = number('k');
  const shape = [...x.shape.slice(0, -1), k];
  const flags = {axis: int(-1), largest: int(1), sorted: int(1)};
  const order =
    x.type === 'float32' ? where(b, unary(b, 'IsNaN', x, {}, 'bool'), b.scalar('float32', Infinity), x) : x;
  const [values, indices] = b.node('TopK', [order, b.list([k])], flags, [
    {type: x.type, shape},
    {type: 'int64', shape},
  ]);
  if (values === undefined || indices === undefined) throw new RangeError('TopK has two outputs');
  const whole = cast(b, indices, 'int32');
  if (x.type !== 'float32') return [values, whole];
  // NaN is among the largest, as nothing is known to be larger; ONNX Runtime loses others beside it.
  return [b.one('GatherElements', [x, indices], {axis: int(-1)}, x.type, shape), whole];
});

define('Softmax', ({b, input}) => {
  const logits = cast(b, input('logits'), 'float32');
  return b.one('Softmax', [logits], {axis: int(-1)}, 'float32', logits.shape);
});
define('LogSoftmax', ({b, input}) => {
  const logits = cast(b, input('logits'), 'float32');
  return b.one('LogSoftmax', [logits], {axis: int(-1)}, 'float32', logits.shape);
});

/** (x - mean) / sqrt(variance + epsilon) * scale + offset, in one multiplication and one addition. */
define('FusedBatchNorm', ({b, input, has, number}) => {
  const [x, mean, variance] = [input('x'), input('mean'), input('variance')];
  const spread = binary(b, 'Add', variance, b.scalar('float32', number('varianceEpsilon')));
  const inverse = unary(b, 'Reciprocal', unary(b, 'Sqrt', spread));
  const scale = has('scale') ? binary(b, 'Mul', inverse, input('scale')) : inverse;
  const centre = binary(b, 'Mul', mean, scale);
  const shift = has('offset') ? binary(b, 'Sub', input('offset'), centre) : unary(b, 'Neg', centre);
  return expand(b, binary(b, 'Add', binary(b, 'Mul', x, scale), shift), x.shape);
});
