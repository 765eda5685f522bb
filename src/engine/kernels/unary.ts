// Kernels of one tensor, element by element.

import type {Builder} from '../ir/builder.ts';
import {binary, cast, expand, full, gather, unary, where, wrapped} from '../ir/ops.ts';
import {expm1, log1p, sigmoid} from '../ir/transcendental.ts';
import {float, logicalType, type Value} from '../ir/value.ts';
import {type Call, define, plain} from './registry.ts';

/** TF.js computes these on int32 as they are; everything else is float32 in ONNX. */
const float32 = (b: Builder, x: Value): Value => cast(b, x, 'float32');
const scalarLike = (b: Builder, x: Value, value: number): Value =>
  b.scalar(x.type === 'int32' ? 'int32' : 'float32', value);

/** Same name or another in ONNX, on float32. */
const direct: Readonly<Record<string, string>> = {
  Acos: 'Acos',
  Acosh: 'Acosh',
  Asin: 'Asin',
  Asinh: 'Asinh',
  Atan: 'Atan',
  Atanh: 'Atanh',
  Cos: 'Cos',
  Cosh: 'Cosh',
  Erf: 'Erf',
  Log: 'Log',
  Reciprocal: 'Reciprocal',
  Sin: 'Sin',
  Sinh: 'Sinh',
  Softplus: 'Softplus',
  Sqrt: 'Sqrt',
  Tan: 'Tan',
  Tanh: 'Tanh',
  Selu: 'Selu',
};
for (const [name, op] of Object.entries(direct))
  define(name, ({b, input}) => unary(b, op, float32(b, input('x'))));

/** Of whole numbers from a table, whose numbers are rounded once: beyond its ends all are 0 or infinite. */
define('Exp', ({b, input}) => {
  const x = input('x');
  if (x.type !== 'int32') return unary(b, 'Exp', float32(b, x));
  const [low, high] = [-104, 89];
  const table = b.constant(
    'float32',
    [high - low + 1],
    Float32Array.from({length: high - low + 1}, (_, i) => Math.exp(low + i)),
  );
  const clipped = binary(b, 'Max', binary(b, 'Min', x, b.scalar('int32', high)), b.scalar('int32', low));
  return gather(b, table, binary(b, 'Sub', clipped, b.scalar('int32', low)), 0);
});

/** Kept in int32 when the input is. */
for (const op of ['Abs', 'Neg']) define(op, ({b, input}) => unary(b, op, numeric(b, input('x'))));

/** Whole numbers are rounded already. */
for (const op of ['Ceil', 'Floor', 'Round'])
  define(op, ({b, input}) => {
    const x = numeric(b, input('x'));
    return x.type === 'int32' ? x : unary(b, op, x);
  });

/** The sign of NaN is 0. */
define('Sign', ({b, input}) => {
  const x = numeric(b, input('x'));
  const is = (op: string): Value =>
    cast(b, binary(b, op, x, scalarLike(b, x, 0), 'bool'), logicalType(x.type));
  return binary(b, 'Sub', is('Greater'), is('Less'));
});

const numeric = (b: Builder, x: Value): Value => (x.type === 'bool' ? cast(b, x, 'int32') : x);

define('Relu', ({b, input}) => {
  const x = numeric(b, input('x'));
  return x.type === 'float32' ? unary(b, 'Relu', x) : binary(b, 'Max', x, scalarLike(b, x, 0));
});
define('Relu6', ({b, input}) => clip(b, numeric(b, input('x')), 0, 6));
define('ClipByValue', ({b, input, number}) =>
  clip(b, numeric(b, input('x')), number('clipValueMin'), number('clipValueMax')),
);

function clip(b: Builder, x: Value, low: number, high: number): Value {
  const value = x.type === 'int32' ? [Math.ceil(low), Math.floor(high)] : [low, high];
  const [min = low, max = high] = value;
  return binary(b, 'Min', binary(b, 'Max', x, scalarLike(b, x, min)), scalarLike(b, x, max));
}

define('Elu', ({b, input}) => unary(b, 'Elu', float32(b, input('x'))));
define('EluGrad', ({b, input}) => {
  const [dy, y] = [input('dy'), input('y')];
  const one = b.scalar('float32', 1);
  const isPositive = binary(b, 'GreaterOrEqual', y, b.scalar('float32', 0), 'bool');
  return binary(b, 'Mul', dy, where(b, isPositive, one, binary(b, 'Add', y, one)));
});
define('LeakyRelu', ({b, input, number}) =>
  unary(b, 'LeakyRelu', float32(b, input('x')), {alpha: float(number('alpha'))}),
);
define('Prelu', ({b, input}) => {
  const [x, alpha] = [float32(b, input('x')), float32(b, input('alpha'))];
  const isPositive = binary(b, 'GreaterOrEqual', x, b.scalar('float32', 0), 'bool');
  return where(b, isPositive, x, binary(b, 'Mul', x, alpha));
});
define('Rsqrt', ({b, input}) => unary(b, 'Reciprocal', unary(b, 'Sqrt', float32(b, input('x')))));
define('Square', ({b, input}) => {
  const x = numeric(b, input('x'));
  return binary(b, 'Mul', x, x);
});
define('Sigmoid', ({b, input}) => sigmoid(b, float32(b, input('x'))));
define('Expm1', ({b, input}) => expm1(b, float32(b, input('x'))));
define('Log1p', ({b, input}) => log1p(b, float32(b, input('x'))));
/** 1 where x > 0, alpha elsewhere, NaN where x is NaN. */
define('Step', ({b, input, attribute}) => {
  const x = numeric(b, input('x'));
  const given = attribute('alpha');
  const alpha = typeof given === 'number' ? given : 0;
  const isPositive = binary(b, 'Greater', x, scalarLike(b, x, 0), 'bool');
  const step =
    alpha === 0
      ? cast(b, isPositive, logicalType(x.type))
      : where(b, isPositive, scalarLike(b, x, 1), scalarLike(b, x, alpha));
  return x.type === 'int32' ? step : where(b, unary(b, 'IsNaN', x, {}, 'bool'), x, step);
});

define('LogicalNot', ({b, input}) => unary(b, 'Not', cast(b, input('x'), 'bool')));
define('IsNan', ({b, input}) => unary(b, 'IsNaN', float32(b, input('x')), {}, 'bool'));
define('IsInf', ({b, input}) => unary(b, 'IsInf', float32(b, input('x')), {}, 'bool'));
define('IsFinite', ({b, input}) => {
  const x = float32(b, input('x'));
  const isNot = binary(b, 'Or', unary(b, 'IsNaN', x, {}, 'bool'), unary(b, 'IsInf', x, {}, 'bool'));
  return unary(b, 'Not', isNot);
});

define('Identity', ({raw}) => raw('x'));
define('Cast', ({b, raw, text, fail}) => {
  const x = raw('x');
  const to = text('dtype');
  if (to === 'float32' || to === 'bool') return cast(b, x, to);
  // A uint8 or int64 value is int32 already, for the user.
  if (to === 'int32') return x.type === 'float32' || x.type === 'bool' ? wrapped(b, x) : x;
  return fail(`expected a cast to float32, int32 or bool, got ${to}`);
});

const filled =
  (value: number) =>
  ({b, raw}: Call): Value => {
    const x = raw('x');
    const {type} = plain(b, x);
    return full(b, type, x.shape, value);
  };
define('ZerosLike', filled(0));
define('OnesLike', filled(1));
define('Fill', ({b, numbers, attribute, fail}) => {
  const [value, dtype] = [attribute('value'), attribute('dtype')];
  if (typeof value !== 'number' && typeof value !== 'boolean') return fail('expected a number to fill with');
  const type = dtype === 'int32' || dtype === 'bool' ? dtype : 'float32';
  return full(b, type, numbers('shape'), Number(value));
});
define('BroadcastTo', ({b, input, numbers}) => expand(b, input('x'), numbers('shape')));

/** `start`, `start + step`, … as float32 or int32. */
const range = (b: Builder, start: number, step: number, count: number, dtype: unknown): Value => {
  const list = Array.from({length: count}, (_, i) => start + i * step);
  return dtype === 'int32'
    ? b.constant('int32', [count], Int32Array.from(list))
    : b.constant('float32', [count], Float32Array.from(list));
};
/** As TF.js counts: a step of 1 stands for -1 where the end is below the start. */
define('Range', ({b, number, attribute}) => {
  const [start, stop, step] = [number('start'), number('stop'), number('step')];
  const isEmpty = start === stop || (start < stop && step < 0) || (stop < start && step > 1);
  const count = isEmpty ? 0 : Math.abs(Math.ceil((stop - start) / step));
  return range(b, start, stop < start && step === 1 ? -1 : step, count, attribute('dtype'));
});
define('LinSpace', ({b, number}) => {
  const [start, stop, count] = [number('start'), number('stop'), number('num')];
  return range(b, start, count > 1 ? (stop - start) / (count - 1) : 0, count, 'float32');
});
