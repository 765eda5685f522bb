// Long sums in parts. ONNX Runtime adds float32 numbers one after another, and loses a digit with every few hundred
// thousand of them; sums of sums keep them, and read memory once as well.

import type {Builder} from './ir/builder.ts';
import {binary, reduce, reshape, slice} from './ir/ops.ts';
import {rewrite} from './ir/rewrite.ts';
import {sizeBetween} from './ir/shape.ts';
import {constantOf, type Graph, inputAt, type Node, type Value} from './ir/value.ts';

/** Sums of up to this many elements are left as they are: of what steps of training sum, most. */
const LIMIT = 2 ** 14;
/** What is left of a long sum when its parts are summed is cut again down to this many. */
const SHORT = 512;

/** The length of equal parts, near 128 where one divides. */
function partOf(length: number): number | undefined {
  for (let distance = 0; distance <= 64; distance++)
    for (const part of [128 + distance, 128 - distance]) if (length % part === 0) return part;
  return undefined;
}

export function splitSums(b: Builder, graph: Graph): Graph {
  return rewrite(b, graph, (node, inputs) => {
    const [x] = inputs;
    if ((node.op !== 'ReduceSum' && node.op !== 'ReduceMean') || x?.type !== 'float32') return undefined;
    const result = inParts(b, node.op, x, node);
    return result === undefined ? undefined : [result];
  });
}

function inParts(b: Builder, op: 'ReduceSum' | 'ReduceMean', x: Value, node: Node): Value | undefined {
  const axes = Array.from(constantOf(inputAt(node, 1)) ?? [], Number).filter(axis => x.shape[axis] !== 1);
  const [first, last] = [axes[0], axes.at(-1)];
  const [out] = node.outputs;
  if (first === undefined || last === undefined || out === undefined) return undefined;
  const length = sizeBetween(x.shape, first, last + 1);
  // Axes with others between them have no length in memory.
  const isOneRun = x.shape.slice(first, last + 1).every((d, i) => d === 1 || axes.includes(first + i));
  if (!isOneRun || length <= LIMIT) return undefined;
  const [before, after] = [sizeBetween(x.shape, 0, first), sizeBetween(x.shape, last + 1, x.shape.length)];
  const sum = sumInParts(b, reshape(b, x, [before, length, after]), [before, length, after], LIMIT);
  const mean = op === 'ReduceSum' ? sum : binary(b, 'Div', sum, b.scalar('float32', length));
  return reshape(b, mean, out.shape);
}

/** [before, length, after] → [before, 1, after]. */
function sumInParts(
  b: Builder,
  run: Value,
  [before, length, after]: readonly [number, number, number],
  limit: number,
): Value {
  if (length <= limit) return reduce(b, 'ReduceSum', run, [1], true);
  const part = partOf(length) ?? 128;
  const count = Math.floor(length / part);
  const whole = count * part;
  const piece = (start: number, end: number): Value => slice(b, run, [0, start, 0], [before, end, after]);
  const parts = reshape(b, piece(0, whole), [before, count, part, after]);
  const sums = reshape(b, reduce(b, 'ReduceSum', parts, [2], false), [before, count, after]);
  const total = sumInParts(b, sums, [before, count, after], SHORT);
  // Where no length divides it, what is left over is a sum of its own.
  if (whole === length) return total;
  return binary(b, 'Add', total, reduce(b, 'ReduceSum', piece(whole, length), [1], true));
}
