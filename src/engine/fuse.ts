// Sums that a Gemm can make by itself: a bias, or what it is added to, becomes its third operand, and a constant factor
// of that operand its `beta`. Each saves passes over memory as large as the weights.

import type {Builder} from './ir/builder.ts';
import {countUses, rewrite} from './ir/rewrite.ts';
import {constantOf, float, type Graph, inputAt, producer, sameShape, type Value} from './ir/value.ts';

/** Whether ONNX's Gemm takes the value as its third operand for a result of this shape. */
const isAddend = (value: Value, shape: readonly number[]): boolean =>
  value.shape.length <= 2 &&
  value.shape.every((d, i) => d === 1 || d === shape[i - value.shape.length + shape.length]);

/** `value` as factor · operand, where the factor is a constant scalar; `undefined` for everything else. */
function scaledOperand(value: Value): {readonly operand: Value; readonly factor: number} | undefined {
  const product = producer(value, 'Mul');
  if (product === undefined) return undefined;
  for (const [index, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const [operand, constant] = [inputAt(product, index), inputAt(product, other)];
    const factor = constantOf(constant);
    if (factor === undefined || factor.length !== 1 || !sameShape(operand.shape, value.shape)) continue;
    return {operand, factor: Number(factor[0])};
  }
  return undefined;
}

/**
 * Add(Gemm(a, b), c) → Gemm(a, b, c), where the product has no other reader; with c = factor · d, such as momentum ·
 * velocity or decay · weights, → Gemm(a, b, d) with the factor as `beta`.
 */
export function fuseProducts(b: Builder, graph: Graph): Graph {
  const uses = countUses(graph);
  return rewrite(b, graph, (node, inputs) => {
    if (node.op !== 'Add') return undefined;
    const {shape} = node.outputs[0] ?? {shape: []};
    for (const [index, other] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const product = producer(inputs[index] ?? inputAt(node, index), 'Gemm');
      const addend = inputs[other];
      if (product === undefined || addend === undefined || product.inputs.length !== 2) continue;
      if (uses.get(inputAt(node, index)) !== 1 || !isAddend(addend, shape)) continue;
      if (!sameShape(product.outputs[0]?.shape ?? [], shape)) continue;
      const scaled = scaledOperand(addend);
      return scaled === undefined
        ? b.node('Gemm', [...product.inputs, addend], product.attributes, node.outputs)
        : b.node(
            'Gemm',
            [...product.inputs, scaled.operand],
            {...product.attributes, beta: float(scaled.factor)},
            node.outputs,
          );
    }
    return undefined;
  });
}
