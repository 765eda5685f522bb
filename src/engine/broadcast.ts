// Operands that ONNX Runtime would broadcast in short runs. It walks two tensors element by element where both
// end in an axis of length 1, and in pieces as long as the last axis that they share: normalising grey images took as long
// as a product of matrices. The same numbers come out, in runs that a vector unit takes.

import type {Builder} from './ir/builder.ts';
import {reshape} from './ir/ops.ts';
import {rewrite} from './ir/rewrite.ts';
import {constantOf, type Data, type Graph, type Node, type Shape, sizeOf, type Value} from './ir/value.ts';

const elementwise = new Set(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Pow']);

/** Runs of so many elements are long. */
const LONG = 64;
/** A run that is made for the purpose is at most so long. */
const LIMIT = 4096;

export function lengthenRuns(b: Builder, graph: Graph): Graph {
  return rewrite(b, graph, (node, inputs) => {
    const [x, y] = inputs;
    const [out] = node.outputs;
    if (!elementwise.has(node.op) || x === undefined || y === undefined || out === undefined)
      return undefined;
    const result =
      sizeOf(x.shape) >= sizeOf(y.shape)
        ? lengthened(b, node, x, y, (x, y) => [x, y])
        : lengthened(b, node, y, x, (y, x) => [x, y]);
    return result && [reshape(b, result, out.shape)];
  });
}

/** The operation on a larger and a smaller operand, which `inOrder` puts back in their places. */
function lengthened(
  b: Builder,
  {op, attributes}: Node,
  large: Value,
  small: Value,
  inOrder: (large: Value, small: Value) => readonly Value[],
): Value | undefined {
  const own = small.shape.slice(small.shape.findIndex(d => d !== 1));
  const size = sizeOf(small.shape);
  if (size === 1) {
    // One number is broadcast in one run, but where the other's last axis is as short.
    const flat = [sizeOf(large.shape)];
    if (large.shape.at(-1) !== 1 || flat[0] === 1) return undefined;
    return b.one(op, inOrder(reshape(b, large, flat), reshape(b, small, [])), attributes, large.type, flat);
  }
  const data = constantOf(small);
  const inner = large.shape.slice(large.shape.length - own.length);
  const isTrailing = own.every((d, i) => d === inner[i]) && sizeOf(inner) === size;
  if (data === undefined || !isTrailing || size >= LONG || size === sizeOf(large.shape)) return undefined;
  const run = runOf(large.shape, size);
  if (run === undefined) return undefined;
  const rows = [sizeOf(large.shape) / run, run];
  const repeated = b.constant(small.type, [run], repeat(data, run / size));
  return b.one(op, inOrder(reshape(b, large, rows), repeated), attributes, large.type, rows);
}

/** The length of the shortest long run of whole trailing axes; `undefined` where none is longer than `size`. */
function runOf(shape: Shape, size: number): number | undefined {
  let run = 1;
  for (const length of shape.toReversed()) {
    if (run >= LONG || run * length > LIMIT) break;
    run *= length;
  }
  return run > size ? run : undefined;
}

function repeat(data: Data, times: number): Data {
  const longer = (length: number): Data => {
    if (data instanceof Float32Array) return new Float32Array(length);
    if (data instanceof Int32Array) return new Int32Array(length);
    return data instanceof Uint8Array ? new Uint8Array(length) : new BigInt64Array(length);
  };
  const out = longer(data.length * times);
  for (let i = 0; i < out.length; i++) {
    const element = data[i % data.length];
    if (element !== undefined) out[i] = element;
  }
  return out;
}
