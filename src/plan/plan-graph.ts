// The instances of a plan as a graph: what is above one, what is below it, and how long the longest way down is.
// Linear to build; nothing of it changes afterwards.

import type {InputEdge, Instance, InstanceId, Plan, Producer} from './plan.ts';

/**
 * The ids of all that an instance waits for, each once: its inputs in their order, what chooses parameters, and what
 * only comes first.
 */
export function producersOf({inputs, choosers, after}: Instance): readonly InstanceId[] {
  const ids = new Set<InstanceId>();
  for (const edge of Object.values(inputs)) for (const {id} of producersIn(edge)) ids.add(id);
  for (const {from} of choosers) ids.add(from.id);
  for (const id of after) ids.add(id);
  return [...ids];
}

/** The producers of one input, in order. */
export const producersIn = (edge: InputEdge): readonly Producer[] =>
  edge.kind === 'one' ? [edge.from] : edge.from;

export class PlanGraph {
  readonly plan: Plan;
  readonly #nodes = new Map<InstanceId, Node>();

  constructor(plan: Plan) {
    this.plan = plan;
    for (const [order, instance] of plan.instances.entries()) {
      const producers = producersOf(instance);
      this.#nodes.set(instance.id, {instance, order, producers, consumers: []});
      for (const producer of producers) this.#node(producer).consumers.push(instance.id);
    }
  }

  has(id: InstanceId): boolean {
    return this.#nodes.has(id);
  }

  instance(id: InstanceId): Instance {
    return this.#node(id).instance;
  }

  /** The place of an instance in the plan. */
  order(id: InstanceId): number {
    return this.#node(id).order;
  }

  producers(id: InstanceId): readonly InstanceId[] {
    return this.#node(id).producers;
  }

  consumers(id: InstanceId): readonly InstanceId[] {
    return this.#node(id).consumers;
  }

  /** The given instances and everything that they need, directly or not. */
  withProducers(ids: Iterable<InstanceId>): Set<InstanceId> {
    return closure(ids, id => this.producers(id));
  }

  /** The given instances and everything that needs them, directly or not. */
  withConsumers(ids: Iterable<InstanceId>): Set<InstanceId> {
    return closure(ids, id => this.consumers(id));
  }

  /**
   * For each instance the time from its start to the end of the longest chain of consumers, given how long each
   * takes: the critical path that it is on.
   */
  criticalPaths(durationOf: (id: InstanceId) => number): Map<InstanceId, number> {
    const paths = new Map<InstanceId, number>();
    for (const {id} of this.plan.instances.toReversed()) {
      let longest = 0;
      for (const consumer of this.consumers(id)) longest = Math.max(longest, paths.get(consumer) ?? 0);
      paths.set(id, longest + durationOf(id));
    }
    return paths;
  }

  #node(id: InstanceId): Node {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`Internal error: ${id} is not in the plan before what needs it`);
    return node;
  }
}

interface Node {
  readonly instance: Instance;
  readonly order: number;
  readonly producers: readonly InstanceId[];
  readonly consumers: InstanceId[];
}

function closure(
  start: Iterable<InstanceId>,
  next: (id: InstanceId) => Iterable<InstanceId>,
): Set<InstanceId> {
  const found = new Set(start);
  // A set may grow while it is walked: what is added is walked as well.
  for (const id of found) for (const other of next(id)) found.add(other);
  return found;
}
