// The operators that need more than a name: each infers its result and takes the short way where the result is
// the same, bit for bit. (x + 0 stays: it turns -0 into 0. x * 0 stays: it keeps NaN.)

import {foldCast, foldPair, foldSingle, foldTranspose} from './arithmetic.ts';
import type {Builder} from './builder.ts';
import {broadcastShape, iota, isIdentityPermutation, normalAxes, permuted, reducedShape} from './shape.ts';
import {
  type Attributes,
  constantOf,
  type ElementType,
  inputAt,
  int,
  ints,
  producer,
  type Shape,
  sameShape,
  sizeOf,
  type Value,
} from './value.ts';

const elementCode: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
};
/** ONNX's number for an element type. */
export const onnxType = (type: ElementType): number => elementCode[type];

/** The value before it was broadcast: enough wherever an operator broadcasts by itself. */
const bare = (value: Value): Value => {
  const node = producer(value, 'Expand');
  return node === undefined ? value : inputAt(node, 0);
};

/** The number that all elements of a constant are. */
export function uniform(value: Value): number | undefined {
  const source = bare(value);
  const data = constantOf(source);
  return data !== undefined && data.length === 1 ? Number(data[0]) : undefined;
}

/** A constant with the same number everywhere, kept as one number. */
export function full(b: Builder, type: ElementType, shape: Shape, value: number): Value {
  const data =
    type === 'float32'
      ? Float32Array.of(value)
      : type === 'int32'
        ? Int32Array.of(value)
        : type === 'int64'
          ? BigInt64Array.of(BigInt(value))
          : Uint8Array.of(value);
  return expand(b, b.constant(type, [], data), shape);
}

export function expand(b: Builder, value: Value, shape: Shape): Value {
  if (sameShape(value.shape, shape)) return value;
  const source = bare(value);
  if (sizeOf(source.shape) === sizeOf(shape)) return reshape(b, source, shape);
  return b.one('Expand', [source, b.list(shape)], {}, source.type, shape);
}

export function unary(
  b: Builder,
  op: string,
  value: Value,
  attributes: Attributes = {},
  type: ElementType = value.type,
): Value {
  const source = bare(value);
  const folded = foldSingle(op, source);
  if (folded !== undefined) return expand(b, b.constant('float32', source.shape, folded), value.shape);
  if (op === 'Neg') {
    const inner = producer(source, 'Neg');
    if (inner !== undefined) return expand(b, inputAt(inner, 0), value.shape);
  }
  return expand(b, b.one(op, [source], attributes, type, source.shape), value.shape);
}

/** Both sides have one type, and the result has it too unless `type` says otherwise. */
export function binary(b: Builder, op: string, left: Value, right: Value, type?: ElementType): Value {
  const shape = broadcastShape(left.shape, right.shape);
  const [x, y] = [bare(left), bare(right)];
  const inner = broadcastShape(x.shape, y.shape);
  const [ux, uy] = [uniform(x), uniform(y)];
  if ((op === 'Mul' || op === 'Div') && uy === 1) return expand(b, x, shape);
  if (op === 'Mul' && ux === 1) return expand(b, y, shape);
  if (op === 'Sub' && Object.is(uy, 0)) return expand(b, x, shape);
  const folded = type === undefined ? foldPair(op, x, y) : undefined;
  if (folded !== undefined) return expand(b, b.constant(x.type, inner, folded), shape);
  return expand(b, b.one(op, [x, y], {}, type ?? x.type, inner), shape);
}

/** `condition ? yes : no`, broadcast. */
export function where(b: Builder, condition: Value, yes: Value, no: Value): Value {
  const shape = broadcastShape(broadcastShape(condition.shape, yes.shape), no.shape);
  const [c, x, y] = [bare(condition), bare(yes), bare(no)];
  const inner = broadcastShape(broadcastShape(c.shape, x.shape), y.shape);
  return expand(b, b.one('Where', [c, x, y], {}, x.type, inner), shape);
}

export function cast(b: Builder, value: Value, to: ElementType): Value {
  if (value.type === to) return value;
  const source = bare(value);
  const folded = foldCast(source, to);
  const result =
    folded === undefined
      ? b.one('Cast', [source], {to: int(onnxType(to))}, to, source.shape)
      : b.constant(to, source.shape, folded);
  return expand(b, result, value.shape);
}

/** As JavaScript makes whole numbers of 32 bits: NaN and infinities are 0, what is too large goes round. */
export function wrapped(b: Builder, value: Value): Value {
  if (value.type !== 'float32') return cast(b, value, 'int32');
  const number = (x: number): Value => b.scalar('float32', x);
  const isBelow = (x: Value, limit: number): Value => binary(b, 'Less', x, number(limit), 'bool');
  const size = unary(b, 'Abs', value);
  // All of this is exact: numbers of that size have no digits to lose.
  const turns = unary(b, 'Floor', binary(b, 'Mul', value, number(2 ** -32)));
  const rest = binary(b, 'Sub', value, binary(b, 'Mul', turns, number(2 ** 32)));
  const turned = where(b, isBelow(rest, 2 ** 31), rest, binary(b, 'Sub', rest, number(2 ** 32)));
  const large = where(b, isBelow(size, Number.POSITIVE_INFINITY), turned, number(0));
  return cast(b, where(b, isBelow(size, 2 ** 31), value, large), 'int32');
}

export function reshape(b: Builder, value: Value, shape: Shape): Value {
  if (sameShape(value.shape, shape)) return value;
  const expanded = producer(value, 'Expand');
  if (expanded !== undefined && sizeOf(inputAt(expanded, 0).shape) === 1)
    return expand(b, reshape(b, inputAt(expanded, 0), []), shape);
  const inner = producer(value, 'Reshape');
  if (inner !== undefined) return reshape(b, inputAt(inner, 0), shape);
  const data = constantOf(value);
  if (data !== undefined) return b.constant(value.type, shape, data);
  return b.one('Reshape', [value, b.list(shape)], {}, value.type, shape);
}

export function transpose(b: Builder, value: Value, permutation: readonly number[]): Value {
  if (isIdentityPermutation(permutation)) return value;
  const shape = permuted(value.shape, permutation);
  const moved = permutation.filter(p => value.shape[p] !== 1);
  if (moved.every((p, i) => i === 0 || p > (moved[i - 1] ?? -1))) return reshape(b, value, shape);
  const inner = producer(value, 'Transpose');
  const perm = inner?.attributes.perm;
  if (inner !== undefined && perm?.kind === 'ints')
    return transpose(b, inputAt(inner, 0), permuted(perm.value, permutation));
  const folded = foldTranspose(value, permutation);
  if (folded !== undefined) return b.constant(value.type, shape, folded);
  return b.one('Transpose', [value], {perm: ints(permutation)}, value.type, shape);
}

export type Reduction = 'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ReduceMin' | 'ReduceProd';

export function reduce(
  b: Builder,
  op: Reduction,
  value: Value,
  axes: readonly number[],
  keepDims: boolean,
): Value {
  const normal = normalAxes(axes, value.shape.length);
  const shape = reducedShape(value.shape, normal, keepDims);
  if (normal.every(axis => value.shape[axis] === 1)) return reshape(b, value, shape);
  const attributes = {keepdims: int(keepDims ? 1 : 0)};
  return b.one(op, [value, b.list(normal)], attributes, value.type, shape);
}

/** `a` is [..., m, k] and `b` [..., k, n] before their transposition; leading axes broadcast. */
export function matMul(
  b: Builder,
  left: Value,
  right: Value,
  transposeLeft: boolean,
  transposeRight: boolean,
): Value {
  const swap = (v: Value): number[] => {
    const axes = iota(v.shape.length);
    return [...axes.slice(0, -2), axes.length - 1, axes.length - 2];
  };
  if (left.shape.length === 2 && right.shape.length === 2 && left.type === 'float32') {
    const m = left.shape[transposeLeft ? 1 : 0] ?? 1;
    const n = right.shape[transposeRight ? 0 : 1] ?? 1;
    const attributes = {transA: int(transposeLeft ? 1 : 0), transB: int(transposeRight ? 1 : 0)};
    return b.one('Gemm', [left, right], attributes, 'float32', [m, n]);
  }
  const x = transposeLeft ? transpose(b, left, swap(left)) : left;
  const y = transposeRight ? transpose(b, right, swap(right)) : right;
  const batch = broadcastShape(x.shape.slice(0, -2), y.shape.slice(0, -2));
  const shape = [...batch, x.shape.at(-2) ?? 1, y.shape.at(-1) ?? 1];
  return b.one('MatMul', [x, y], {}, x.type, shape);
}

/** Rows of `value` along an axis. Conversions move behind it, so that a data set is not converted whole. */
export function gather(b: Builder, value: Value, indices: Value, axis: number): Value {
  const shape = [...value.shape.slice(0, axis), ...indices.shape, ...value.shape.slice(axis + 1)];
  if (sizeOf(shape) < sizeOf(value.shape)) {
    const converted = producer(value, 'Cast');
    if (converted !== undefined) return cast(b, gather(b, inputAt(converted, 0), indices, axis), value.type);
    for (const op of ['Mul', 'Div', 'Add', 'Sub']) {
      const node = producer(value, op);
      const [x, y] = node?.inputs ?? [];
      if (x !== undefined && y !== undefined && sameShape(x.shape, value.shape) && sizeOf(y.shape) === 1)
        return binary(b, op, gather(b, x, indices, axis), reshape(b, y, []));
    }
  }
  return b.one('Gather', [value, indices], {axis: int(axis)}, value.type, shape);
}

/** `starts` and `ends` per axis; `steps` may be negative, with `ends` then below `starts` (-1 before the first). */
export function slice(
  b: Builder,
  value: Value,
  starts: readonly number[],
  ends: readonly number[],
  steps: readonly number[] = starts.map(() => 1),
): Value {
  const shape = starts.map((start, i) => Math.max(0, Math.ceil(((ends[i] ?? 0) - start) / (steps[i] ?? 1))));
  const axes = iota(starts.length).filter(
    i => starts[i] !== 0 || ends[i] !== value.shape[i] || steps[i] !== 1,
  );
  if (axes.length === 0) return value;
  const at = (list: readonly number[]): Value => b.list(axes.map(i => list[i] ?? 0));
  // ONNX counts a negative end from the back: what lies before the first element has a number of its own.
  const outEnds = ends.map((end, i) => ((steps[i] ?? 1) < 0 && end < 0 ? -(2 ** 31) : end));
  return b.one('Slice', [value, at(starts), at(outEnds), b.list(axes), at(steps)], {}, value.type, shape);
}

export function concat(b: Builder, values: readonly Value[], axis: number): Value {
  const [first] = values;
  if (first === undefined) throw new RangeError('concat of nothing');
  if (values.length === 1) return first;
  const along = values.reduce((sum, v) => sum + (v.shape[axis] ?? 0), 0);
  const shape = first.shape.map((d, i) => (i === axis ? along : d));
  return b.one('Concat', values, {axis: int(axis)}, first.type, shape);
}

/** Adds `before` and `after` elements of `value` on each axis. */
export function pad(
  b: Builder,
  value: Value,
  before: readonly number[],
  after: readonly number[],
  fill: Value,
): Value {
  if ([...before, ...after].every(n => n === 0)) return value;
  const shape = value.shape.map((d, i) => d + (before[i] ?? 0) + (after[i] ?? 0));
  return b.one('Pad', [value, b.list([...before, ...after]), fill], {}, value.type, shape);
}
