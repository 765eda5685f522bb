// Rebuilds a graph node by node, from inputs to outputs.

import type {Builder} from './builder.ts';
import {reach} from './reach.ts';
import type {Graph, Node, Value} from './value.ts';
import {sameShape} from './value.ts';

/** What takes the place of a node's outputs; `undefined` keeps the node, with its new inputs. */
export type Rule = (node: Node, inputs: readonly Value[]) => readonly Value[] | undefined;

/** The values that leave a step. */
export const outputsOf = (graph: Graph): Value[] => [
  ...graph.state.map(s => s.output),
  ...graph.metrics.map(m => m.value),
];

/** A graph in which every node was given to the rule. Replacements have the shapes and types of what they replace. */
export function rewrite(b: Builder, graph: Graph, rule: Rule): Graph {
  const replaced = new Map<Value, Value>();
  const now = (value: Value): Value => replaced.get(value) ?? value;
  const before = b.origin;
  for (const node of reach(outputsOf(graph)).nodes) {
    const inputs = node.inputs.map(now);
    b.origin = node.origin;
    const isSame = inputs.every((v, i) => v === node.inputs[i]);
    const kept = (): readonly Value[] =>
      isSame ? node.outputs : b.node(node.op, inputs, node.attributes, node.outputs);
    const results = rule(node, inputs) ?? kept();
    node.outputs.forEach((value, i) => {
      const result = results[i];
      if (result === undefined || !sameShape(result.shape, value.shape) || result.type !== value.type)
        throw new RangeError(`a rewrite of ${node.op} changed what it computes`);
      if (result !== value) replaced.set(value, result);
    });
  }
  b.origin = before;
  return {
    ...graph,
    state: graph.state.map(s => ({...s, output: now(s.output)})),
    metrics: graph.metrics.map(m => ({...m, value: now(m.value)})),
  };
}

/** How many nodes and outputs read each value. */
export function countUses(graph: Graph): ReadonlyMap<Value, number> {
  const uses = new Map<Value, number>();
  const count = (value: Value): void => void uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const node of reach(outputsOf(graph)).nodes) node.inputs.forEach(count);
  outputsOf(graph).forEach(count);
  return uses;
}
