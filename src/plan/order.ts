// Orders a graph so that everything comes after what it depends on, and finds its loops.

export interface Order<T> {
  /** Dependencies first; otherwise as given. What is left out lies on a loop. */
  readonly sorted: readonly T[];
  /**
   * Loops that share no node, at least one where there are any. Each is a path that starts and ends with the same
   * node: a → b → a, where a depends on b.
   */
  readonly loops: readonly (readonly T[])[];
}

/** Linear in nodes and edges. Stable: a list that is in order comes back as it is. Dependencies must be among the nodes. */
export function orderByDependency<T>(nodes: Iterable<T>, dependenciesOf: (node: T) => Iterable<T>): Order<T> {
  const sorted: T[] = [];
  const loops: T[][] = [];
  const inLoop = new Set<T>();
  const state = new Map<T, 'open' | 'done'>();
  for (const root of nodes) {
    if (state.has(root)) continue;
    // An explicit stack: chains may be longer than what recursion allows.
    const stack: {node: T; rest: Iterator<T>}[] = [];
    const open = (node: T): void => {
      state.set(node, 'open');
      stack.push({node, rest: dependenciesOf(node)[Symbol.iterator]()});
    };
    open(root);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const next = top.rest.next();
      if (next.done) {
        state.set(top.node, 'done');
        if (!inLoop.has(top.node)) sorted.push(top.node);
        stack.pop();
        continue;
      }
      const seen = state.get(next.value);
      if (seen === undefined) open(next.value);
      else if (seen === 'open') {
        const from = stack.findIndex(frame => frame.node === next.value);
        const loop = stack.slice(from).map(frame => frame.node);
        if (!loop.some(node => inLoop.has(node))) loops.push([...loop, next.value]);
        for (const node of loop) inLoop.add(node);
      }
    }
  }
  return {sorted, loops};
}
