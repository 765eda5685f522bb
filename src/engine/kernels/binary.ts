// Kernels of two tensors that broadcast, element by element, and selection.

import type {Builder} from '../ir/builder.ts';
import {binary, cast, reshape, unary, where} from '../ir/ops.ts';
import type {Value} from '../ir/value.ts';
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
define('FloorDiv', call => cast(call.b, floorDivide(call.b, ...numericPair(call)), 'int32'));
define('Mod', call => {
  const [x, y] = numericPair(call);
  return binary(call.b, 'Sub', x, binary(call.b, 'Mul', floorDivide(call.b, x, y), y));
});
define('Atan2', call => {
  const {b, input} = call;
  const [y, x] = [cast(b, input('a'), 'float32'), cast(b, input('b'), 'float32')];
  const number = (value: number): Value => b.scalar('float32', value);
  const raw = unary(b, 'Atan', binary(b, 'Div', y, x));
  const turn = where(b, isNegative(b, y), number(-Math.PI), number(Math.PI));
  const left = where(b, isNegative(b, x), binary(b, 'Add', raw, turn), raw);
  const isOrigin = binary(b, 'And', isZero(b, x), isZero(b, y));
  return where(b, isOrigin, number(0), left);
});
const isZero = (b: Builder, x: Value): Value => binary(b, 'Equal', x, zero(b, x), 'bool');

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
