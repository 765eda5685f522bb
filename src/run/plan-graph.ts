// The plan as a graph: who needs whom. Linear to build; nothing of it changes afterwards.

import type {Instance, InstanceId, Plan} from '../plan/plan.ts';
import {producersOf} from '../plan/plan-graph.ts';

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
    const found = new Set<InstanceId>();
    const rest = [...ids];
    for (let id = rest.pop(); id !== undefined; id = rest.pop()) {
      if (found.has(id)) continue;
      found.add(id);
      rest.push(...this.producers(id));
    }
    return found;
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
