// What of a plan has a result whose bytes were dropped: who lacks them, and who waits until they are made again.

import type {Instance, InstanceId} from '../plan/plan.ts';
import {producersIn} from '../plan/plan-graph.ts';

/** Producers whose dropped outputs an instance takes. */
export function lackedBy(
  {inputs}: Instance,
  droppedOf: (id: InstanceId) => readonly string[],
): readonly InstanceId[] {
  const lacked = new Set<InstanceId>();
  for (const edge of Object.values(inputs)) {
    for (const {id, output} of producersIn(edge)) {
      const dropped = droppedOf(id);
      if (output === null ? dropped.length > 0 : dropped.includes(output)) lacked.add(id);
    }
  }
  return [...lacked];
}

export class DroppedResults {
  /** Until they are made again. */
  readonly #dropped = new Map<InstanceId, readonly string[]>();
  /** Those that are being made again, with what waits for them. */
  readonly #waiting = new Map<InstanceId, Set<InstanceId>>();

  note(id: InstanceId, outputs: readonly string[]): void {
    this.#dropped.set(id, outputs);
  }

  has(id: InstanceId): boolean {
    return this.#dropped.has(id);
  }

  /** True from the moment when something needs its bytes. */
  isWanted(id: InstanceId): boolean {
    return this.#waiting.has(id);
  }

  /** Producers whose bytes have to be made again before `instance` can run; `first` are those that nobody waited for. */
  await(instance: Instance): {readonly all: readonly InstanceId[]; readonly first: readonly InstanceId[]} {
    const all = lackedBy(instance, id => this.#dropped.get(id) ?? []);
    const first = all.filter(id => !this.#waiting.has(id));
    for (const id of all) {
      const waiting = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiting.add(instance.id));
    }
    return {all, first};
  }

  /** It is settled: answers what waited for its bytes; `undefined` for what nobody did. */
  settle(id: InstanceId): ReadonlySet<InstanceId> | undefined {
    this.#dropped.delete(id);
    return this.#waiting.get(id);
  }
}
