// Kernels of two tensors that broadcast, element by element, and selection.

import type {Builder} from '../ir/builder.ts';
import {binary, cast, expand, reshape, unary, where, wrapped} from '../ir/ops.ts';
import {broadcastShape} from '../ir/shape.ts';
import {int, type Value} from '../ir/value.ts';
import {type Call, define} from './registry.ts';

/** Both inputs in one numeric type, as TF.js upcasts them. */
function numericPair({b, input}: Call): [Value, Value] {
  const [x, y] = [input('a'), input('b')];
  const type = x.type === 'float32' || y.type === 'float32' ? 'float32' : 'int32';
  return [cast(b, x, type), cast(b, y, type)];
}

const arithmetic: Readonly<Record<string, string>> = {
  Add: 'Add',
  Sub: 'Sub',
  Multiply: 'Mul',
  Maximum: 'Max',
  Minimum: 'Min',
};
for (const [name, op] of Object.entries(arithmetic))
  define(name, call => binary(call.b, op, ...numericPair(call)));

define('RealDiv', ({b, input}) =>
  binary(b, 'Div', cast(b, input('a'), 'float32'), cast(b, input('b'), 'float32')),
);
define('AddN', ({b, all}) => all().reduce((sum, x) => binary(b, 'Add', sum, x)));

define('Pow', call => {
  const [x, y] = numericPair(call);
  return binary(call.b, 'Pow', x, y);
});
define('SquaredDifference', call => {
  const difference = binary(call.b, 'Sub', ...numericPair(call));
  return binary(call.b, 'Mul', difference, difference);
});

const zero = (b: Builder, x: Value): Value => b.scalar(x.type === 'int32' ? 'int32' : 'float32', 0);
const isNegative = (b: Builder, x: Value): Value => binary(b, 'Less', x, zero(b, x), 'bool');

/** Towards minus infinity, also for int32, whose division truncates in ONNX. */
function floorDivide(b: Builder, x: Value, y: Value): Value {
  const quotient = binary(b, 'Div', x, y);
  if (x.type === 'float32') return unary(b, 'Floor', quotient);
  const rest = binary(b, 'Sub', x, binary(b, 'Mul', quotient, y));
  const isInexact = unary(b, 'Not', binary(b, 'Equal', rest, zero(b, x), 'bool'));
  const signsDiffer = binary(b, 'Xor', isNegative(b, rest), isNegative(b, y));
  return binary(b, 'Sub', quotient, cast(b, binary(b, 'And', isInexact, signsDiffer), 'int32'));
}
// TF.js gives whole numbers, whatever the operands are.
define('FloorDiv', call => wrapped(call.b, floorDivide(call.b, ...numericPair(call))));
/** Of the divisor's sign. Quotients of floats have too few digits to subtract their multiples. */
define('Mod', call => {
  const {b} = call;
  const [x, y] = numericPair(call);
  if (x.type === 'int32') return binary(b, 'Sub', x, binary(b, 'Mul', floorDivide(b, x, y), y));
  const shape = broadcastShape(x.shape, y.shape);
  const remainder = (left: Value): Value =>
    b.one('Mod', [left, expand(b, y, shape)], {fmod: int(1)}, 'float32', shape);
  const first = remainder(expand(b, x, shape));
  const isSame = binary(b, 'Equal', isNegative(b, x), isNegative(b, y), 'bool');
  return where(b, isSame, first, remainder(binary(b, 'Add', first, y)));
});
define('Atan2', call => {
  const {b, input} = call;
  const [y, x] = [cast(b, input('a'), 'float32'), cast(b, input('b'), 'float32')];
  const number = (value: number): Value => b.scalar('float32', value);
  const [width, height] = [unary(b, 'Abs', x), unary(b, 'Abs', y)];
  const isEqual = binary(b, 'Equal', width, height, 'bool');
  // Of two zeros, and of two infinities, there is no quotient.
  const known = where(b, isZero(b, y), number(0), number(1));
  const quotient = where(b, isEqual, known, binary(b, 'Div', height, width));
  const raw = unary(b, 'Atan', quotient);
  const angle = where(b, hasSign(b, x), binary(b, 'Sub', number(Math.PI), raw), raw);
  return where(b, hasSign(b, y), unary(b, 'Neg', angle), angle);
});
const isZero = (b: Builder, x: Value): Value => binary(b, 'Equal', x, zero(b, x), 'bool');

/** Also of zeros, whose sign their reciprocal shows. */
function hasSign(b: Builder, x: Value): Value {
  const sign = where(b, isZero(b, x), unary(b, 'Reciprocal', x), x);
  return isNegative(b, sign);
}

const comparisons: Readonly<Record<string, string>> = {
  Equal: 'Equal',
  Greater: 'Greater',
  GreaterEqual: 'GreaterOrEqual',
  Less: 'Less',
  LessEqual: 'LessOrEqual',
};
for (const [name, op] of Object.entries(comparisons))
  define(name, call => binary(call.b, op, ...numericPair(call), 'bool'));
define('NotEqual', call => unary(call.b, 'Not', binary(call.b, 'Equal', ...numericPair(call), 'bool')));

const logical: Readonly<Record<string, string>> = {LogicalAnd: 'And', LogicalOr: 'Or', LogicalXor: 'Xor'};
for (const [name, op] of Object.entries(logical))
  define(name, ({b, input}) => binary(b, op, cast(b, input('a'), 'bool'), cast(b, input('b'), 'bool')));
define('BitwiseAnd', ({b, input}) => binary(b, 'BitwiseAnd', input('a'), input('b')));

define('Select', ({b, input}) => {
  const [t, e] = [input('t'), input('e')];
  const condition = cast(b, input('condition'), 'bool');
  // A condition of rank 1 chooses whole rows.
  const isOfRows = condition.shape.length === 1 && t.shape.length > 1;
  const rows = [condition.shape[0] ?? 1, ...t.shape.slice(1).map(() => 1)];
  const c = isOfRows ? reshape(b, condition, rows) : condition;
  const result = where(b, c, ...selectable(b, t, e));
  return t.type === 'bool' && e.type === 'bool' ? cast(b, result, 'bool') : result;
});

/** ONNX Runtime has no Where on bool. */
function selectable(b: Builder, t: Value, e: Value): [Value, Value] {
  if (t.type === 'float32' || e.type === 'float32') return [cast(b, t, 'float32'), cast(b, e, 'float32')];
  return [cast(b, t, 'int32'), cast(b, e, 'int32')];
}
