// Complex numbers: two graph values, one for each part. Ops that move data move each part; a few compute; the Fourier
// transforms are products with the matrix of the transform, which needs no operator of its own on any device.

import type {Builder} from '../ir/builder.ts';
import {binary, cast, expand, full, matMul, unary} from '../ir/ops.ts';
import {broadcastShape} from '../ir/shape.ts';
import type {Value} from '../ir/value.ts';
import {type Call, define} from './registry.ts';

export interface Complex {
  readonly re: Value;
  readonly im: Value;
}

/** Kernels that do to each part what they do to real numbers. */
export const partwise: ReadonlySet<string> = new Set([
  ...[
    'Add',
    'AddN',
    'BatchToSpaceND',
    'Concat',
    'ExpandDims',
    'GatherNd',
    'GatherV2',
    'Identity',
    'Neg',
    'Pack',
    'PadV2',
  ],
  ...[
    'Reshape',
    'Reverse',
    'Slice',
    'SpaceToBatchND',
    'SplitV',
    'StridedSlice',
    'Sub',
    'Sum',
    'Tile',
    'Transpose',
  ],
  ...['Unpack', 'ZerosLike'],
]);

/** A call of which some inputs are complex; `parts` gives those that are real an imaginary part of zero. */
export interface ComplexCall extends Pick<Call, 'b' | 'raw' | 'attribute' | 'fail'> {
  parts(key: string): Complex;
}

export const realOnly = (b: Builder, x: Value): Complex => {
  const re = cast(b, x, 'float32');
  return {re, im: full(b, 'float32', re.shape, 0)};
};

/** Σ x·e^(∓2πi·jk/n) over the last of two axes. */
function transformed(b: Builder, {re, im}: Complex, isInverse: boolean): Complex {
  const n = re.shape.at(-1) ?? 1;
  const table = (part: (angle: number) => number): Value =>
    b.constant(
      'float32',
      [n, n],
      // The product modulo n keeps the digits of the angle.
      Float32Array.from({length: n * n}, (_, i) =>
        part((2 * Math.PI * ((Math.floor(i / n) * (i % n)) % n)) / n),
      ),
    );
  const [cos, sin] = [table(Math.cos), table(Math.sin)];
  const by = (x: Value, matrix: Value): Value => matMul(b, x, matrix, false, false);
  const [first, second] = isInverse ? (['Sub', 'Add'] as const) : (['Add', 'Sub'] as const);
  const sums = {
    re: binary(b, first, by(re, cos), by(im, sin)),
    im: binary(b, second, by(im, cos), by(re, sin)),
  };
  if (!isInverse) return sums;
  const scale = b.scalar('float32', 1 / n);
  return {re: binary(b, 'Mul', sums.re, scale), im: binary(b, 'Mul', sums.im, scale)};
}

/** The hypotenuse, without the overflow of squares. */
function magnitude(b: Builder, {re, im}: Complex): Value {
  const [x, y] = [unary(b, 'Abs', re), unary(b, 'Abs', im)];
  const [large, small] = [binary(b, 'Max', x, y), binary(b, 'Min', x, y)];
  const ratio = binary(b, 'Div', small, binary(b, 'Max', large, b.scalar('float32', 1e-37)));
  const one = b.scalar('float32', 1);
  return binary(b, 'Mul', large, unary(b, 'Sqrt', binary(b, 'Add', one, binary(b, 'Mul', ratio, ratio))));
}

/** Kernels that know both parts. */
export const complexKernels: Readonly<Record<string, (call: ComplexCall) => Value | Complex>> = {
  Complex: ({b, raw}) => ({re: cast(b, raw('real'), 'float32'), im: cast(b, raw('imag'), 'float32')}),
  Real: ({parts}) => parts('input').re,
  Imag: ({parts}) => parts('input').im,
  ComplexAbs: ({b, parts}) => magnitude(b, parts('x')),
  FFT: ({b, parts}) => transformed(b, parts('input'), false),
  IFFT: ({b, parts}) => transformed(b, parts('input'), true),
  Cast: ({parts, attribute, fail}) =>
    attribute('dtype') === 'complex64' || attribute('dtype') === 'float32'
      ? attribute('dtype') === 'complex64'
        ? parts('x')
        : parts('x').re
      : fail(`expected complex numbers to become float32, not ${String(attribute('dtype'))}`),
  OnesLike: ({b, parts}) => {
    const {shape} = parts('x').re;
    return {re: full(b, 'float32', shape, 1), im: full(b, 'float32', shape, 0)};
  },
  Multiply: ({b, parts}) => {
    const [x, y] = [parts('a'), parts('b')];
    const by = (left: Value, right: Value): Value => binary(b, 'Mul', left, right);
    const re = binary(b, 'Sub', by(x.re, y.re), by(x.im, y.im));
    const im = binary(b, 'Add', by(x.re, y.im), by(x.im, y.re));
    const shape = broadcastShape(re.shape, im.shape);
    return {re: expand(b, re, shape), im: expand(b, im, shape)};
  },
};

// Their names are known to TF.js, whose inputs then say that they are complex.
for (const name of ['Complex', 'Real', 'Imag', 'ComplexAbs', 'FFT', 'IFFT'])
  define(name, ({fail}) => fail('expected complex numbers, got real ones'));
