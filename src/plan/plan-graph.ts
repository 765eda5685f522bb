// The instances of a plan as a graph: what is above one, what is below it, and how long the longest way down is.

import type {InputEdge, Instance, InstanceId, Plan, Producer} from './plan.ts';

/** The ids of all that an instance waits for, each once: its inputs in their order, then what chooses parameters. */
export function producersOf({inputs, choosers}: Instance): readonly InstanceId[] {
  const ids = new Set<InstanceId>();
  for (const edge of Object.values(inputs)) for (const {id} of producersIn(edge)) ids.add(id);
  for (const {from} of choosers) ids.add(from.id);
  return [...ids];
}

/** The producers of one input, in order. */
export const producersIn = (edge: InputEdge): readonly Producer[] =>
  edge.kind === 'one' ? [edge.from] : edge.from;

export interface PlanGraph {
  readonly byId: ReadonlyMap<InstanceId, Instance>;
  readonly producers: ReadonlyMap<InstanceId, readonly InstanceId[]>;
  /** In plan order. */
  readonly consumers: ReadonlyMap<InstanceId, readonly InstanceId[]>;
}

export function graphOf(plan: Plan): PlanGraph {
  const byId = new Map(plan.instances.map(instance => [instance.id, instance]));
  const producers = new Map(plan.instances.map(instance => [instance.id, producersOf(instance)]));
  const consumers = new Map<InstanceId, InstanceId[]>(plan.instances.map(({id}) => [id, []]));
  for (const [id, above] of producers) for (const producer of above) consumers.get(producer)?.push(id);
  return {byId, producers, consumers};
}

/** `start` and all that it needs, directly or not. */
export const withAncestors = (graph: PlanGraph, start: Iterable<InstanceId>): ReadonlySet<InstanceId> =>
  closure(graph.producers, start);

/** `start` and all that needs it, directly or not. */
export const withDescendants = (graph: PlanGraph, start: Iterable<InstanceId>): ReadonlySet<InstanceId> =>
  closure(graph.consumers, start);

function closure(
  next: ReadonlyMap<InstanceId, readonly InstanceId[]>,
  start: Iterable<InstanceId>,
): ReadonlySet<InstanceId> {
  const found = new Set(start);
  // A set may grow while it is walked: what is added is walked as well.
  for (const id of found) for (const other of next.get(id) ?? []) found.add(other);
  return found;
}

/**
 * For each instance the duration of the longest path from its start to the end of the plan, itself included:
 * the priority of a scheduler that wants to be done early. Durations are of any one unit, 0 or more.
 */
export function criticalPaths(
  plan: Plan,
  durationOf: (instance: Instance) => number,
  graph: PlanGraph = graphOf(plan),
): ReadonlyMap<InstanceId, number> {
  const weights = new Map<InstanceId, number>();
  // Plan order is topological, so consumers are known before their producers when it is walked backwards.
  for (const instance of [...plan.instances].reverse()) {
    let below = 0;
    for (const id of graph.consumers.get(instance.id) ?? []) below = Math.max(below, weights.get(id) ?? 0);
    weights.set(instance.id, below + durationOf(instance));
  }
  return weights;
}
