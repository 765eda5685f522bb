// Operators on small constants, so that the graph does not compute at every step what is known at compile time.
// float32 results are rounded once from exact or correctly rounded double results, as the hardware's are.

import {broadcastShape, stridesOf} from './shape.ts';
import {type Data, type ElementType, type Shape, sizeOf, type Value} from './value.ts';

type Pair = (a: number, b: number) => number;

const exact: Readonly<Record<string, Pair>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Max: (a, b) => Math.max(a, b),
  Min: (a, b) => Math.min(a, b),
};
const pairs: Readonly<Record<string, Pair>> = {...exact, Div: (a, b) => a / b};
const singles: Readonly<Record<string, (a: number) => number>> = {
  Neg: a => -a,
  Abs: a => Math.abs(a),
  Sqrt: a => Math.sqrt(a),
  Reciprocal: a => 1 / a,
};

/** Constants up to this many elements are folded. */
const LIMIT = 4096;

function numbers(value: Value): Float32Array | Int32Array | undefined {
  if (value.source.kind !== 'constant' || sizeOf(value.shape) > LIMIT) return undefined;
  const {data} = value.source;
  return data instanceof Float32Array || data instanceof Int32Array ? data : undefined;
}

const like = (type: ElementType, size: number): Float32Array | Int32Array =>
  type === 'float32' ? new Float32Array(size) : new Int32Array(size);

/** Result of a binary operator on two constants of one type; undefined when it must be left to run time. */
export function foldPair(op: string, a: Value, b: Value): Float32Array | Int32Array | undefined {
  const apply = (a.type === 'float32' ? pairs : exact)[op];
  const [x, y] = [numbers(a), numbers(b)];
  const shape = broadcastShape(a.shape, b.shape);
  if (apply === undefined || x === undefined || y === undefined || sizeOf(shape) > LIMIT) return undefined;
  const out = like(a.type, sizeOf(shape));
  const [sa, sb] = [stridesOf(a.shape, shape), stridesOf(b.shape, shape)];
  forEachIndex(shape, [sa, sb], (i, [ia = 0, ib = 0]) => {
    out[i] = apply(x[ia] ?? Number.NaN, y[ib] ?? Number.NaN);
  });
  return out;
}

/** Result of a unary operator on a constant; undefined when it must be left to run time. */
export function foldSingle(op: string, a: Value): Float32Array | undefined {
  const apply = singles[op];
  const x = numbers(a);
  return apply !== undefined && x instanceof Float32Array ? x.map(apply) : undefined;
}

/** A small constant converted to another type as ONNX's Cast does. */
export function foldCast(a: Value, to: ElementType): Data | undefined {
  if (a.source.kind !== 'constant' || sizeOf(a.shape) > LIMIT) return undefined;
  const values = Array.from(a.source.data, Number);
  switch (to) {
    case 'float32':
      return Float32Array.from(values);
    case 'int32':
      return values.every(v => Math.abs(v) < 2 ** 31) ? Int32Array.from(values) : undefined;
    case 'bool':
      return Uint8Array.from(values, v => (v !== 0 ? 1 : 0));
    case 'int64':
      return values.every(Number.isFinite)
        ? BigInt64Array.from(values, v => BigInt(Math.trunc(v)))
        : undefined;
    case 'uint8':
      return undefined;
  }
}

/** A small constant with its axes permuted. */
export function foldTranspose(a: Value, permutation: readonly number[]): Data | undefined {
  if (a.source.kind !== 'constant' || sizeOf(a.shape) > LIMIT) return undefined;
  return transposeData(a.source.data, a.shape, permutation);
}

/** Row-major data with the axes permuted: axis i of the result is axis `permutation[i]` of the data. */
export function transposeData<T extends Data>(data: T, shape: Shape, permutation: readonly number[]): T;
export function transposeData(data: Data, shape: Shape, permutation: readonly number[]): Data {
  const own = stridesOf(shape, shape);
  const outShape = permutation.map(p => shape[p] ?? 1);
  const strides = permutation.map(p => own[p] ?? 0);
  const out = data.slice();
  forEachIndex(outShape, [strides], (i, [from = 0]) => {
    const element = data[from];
    if (element !== undefined) out[i] = element;
  });
  return out;
}

/** Visits all positions of a shape in row-major order with the offsets that they have under several strides. */
function forEachIndex(
  shape: Shape,
  strides: readonly (readonly number[])[],
  visit: (index: number, offsets: readonly number[]) => void,
): void {
  const position = shape.map(() => 0);
  const offsets = strides.map(() => 0);
  const size = sizeOf(shape);
  for (let i = 0; i < size; i++) {
    visit(i, offsets);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const at = (position[axis] ?? 0) + 1;
      const isWrapped = at === shape[axis];
      strides.forEach((s, k) => {
        offsets[k] = (offsets[k] ?? 0) + (s[axis] ?? 0) * (isWrapped ? 1 - at : 1);
      });
      position[axis] = isWrapped ? 0 : at;
      if (!isWrapped) break;
    }
  }
}
