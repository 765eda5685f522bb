// Functions for which ONNX Runtime has no operator, or one that loses digits where it matters.

import type {Builder} from './builder.ts';
import {binary, unary, where} from './ops.ts';
import type {Value} from './value.ts';

/**
 * 1 / (1 + e^-x) to the last digits, however small it is. ONNX Runtime's own is 0 from x = -18 on, so that its logarithm
 * is -∞ and the gradient of that NaN.
 */
export function sigmoid(b: Builder, x: Value): Value {
  const number = (value: number): Value => b.scalar('float32', value);
  const power = unary(b, 'Exp', binary(b, 'Min', x, number(0)));
  const small = unary(b, 'Exp', unary(b, 'Neg', unary(b, 'Abs', x)));
  return binary(b, 'Div', power, binary(b, 'Add', small, number(1)));
}

/** e^x - 1 = tanh(x / 2) · (e^x + 1), which subtracts nothing from something near it. */
export function expm1(b: Builder, x: Value): Value {
  const number = (value: number): Value => b.scalar('float32', value);
  const half = unary(b, 'Tanh', binary(b, 'Mul', x, number(0.5)));
  return binary(b, 'Mul', half, binary(b, 'Add', unary(b, 'Exp', x), number(1)));
}

/** log(1 + x): the logarithm of the rounded sum, corrected by what the rounding did to x (Kahan). */
export function log1p(b: Builder, x: Value): Value {
  const number = (value: number): Value => b.scalar('float32', value);
  const sum = binary(b, 'Add', x, number(1));
  const rounded = binary(b, 'Sub', sum, number(1));
  const log = unary(b, 'Log', sum);
  const isLost = binary(b, 'Equal', rounded, number(0), 'bool');
  const isExact = binary(b, 'Equal', rounded, x, 'bool');
  const safe = where(b, isLost, number(1), rounded);
  const corrected = binary(b, 'Mul', log, binary(b, 'Div', x, safe));
  return where(b, isExact, log, where(b, isLost, x, corrected));
}
