// What a set of values is computed from.

import type {Node, Value} from './value.ts';

/**
 * All nodes and constants that the outputs reach, in an order in which each comes after what it reads; the constants of loops
 * with them, their nodes without. */
export function reach(outputs: readonly Value[]): {
  readonly nodes: readonly Node[];
  readonly constants: readonly Value[];
} {
  const seen = new Set<Value>();
  const nodes = new Map<Node, number>();
  const constants: Value[] = [];
  const pending = [...outputs];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (seen.has(value)) continue;
    seen.add(value);
    if (value.source.kind === 'constant') constants.push(value);
    if (value.source.kind === 'node' && !nodes.has(value.source.node)) {
      const {node} = value.source;
      nodes.set(node, node.outputs[0]?.id ?? 0);
      pending.push(...node.inputs);
      for (const attribute of Object.values(node.attributes))
        if (attribute.kind === 'graph') pending.push(...reach(attribute.outputs).constants);
    }
  }
  const ordered = [...nodes].sort(([, a], [, b]) => a - b).map(([node]) => node);
  return {nodes: ordered, constants: constants.sort((a, b) => a.id - b.id)};
}
