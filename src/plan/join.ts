// Cells of a consumer from the instances of its producers. A stage has the axes that any of its instances has;
// two stages are joined on the axes that both have, and a missing value agrees with a missing value only.

import type {Cell} from '../stage/define.ts';
import type {Instance} from './plan.ts';

/** The instances of one stage, found by their values on any set of axes. */
export class StageInstances {
  readonly instances: readonly Instance[];
  readonly axes: readonly string[];
  readonly #indexes = new Map<string, Map<string, Instance[]>>();

  constructor(instances: readonly Instance[], axes: readonly string[]) {
    this.instances = instances;
    this.axes = axes;
  }

  /** In plan order; constant time for each set of axes after the first look. */
  matching(axes: readonly string[], cell: Cell): readonly Instance[] {
    const name = axes.join();
    let index = this.#indexes.get(name);
    if (!index) {
      index = groupBy(this.instances, instance => valuesKey(instance.cell, axes));
      this.#indexes.set(name, index);
    }
    return index.get(valuesKey(cell, axes)) ?? [];
  }

  has(axis: string, cell: Cell): boolean {
    return this.matching([axis], cell).length > 0;
  }
}

/** The values of a cell on some axes, as a key. */
export function valuesKey(cell: Cell, axes: readonly string[]): string {
  if (axes.length === 0) return '';
  return axes.map(axis => (Object.hasOwn(cell, axis) ? JSON.stringify(cell[axis]) : '')).join('\n');
}

export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

export const sharedAxes = (a: readonly string[], b: readonly string[]): readonly string[] =>
  a.length === 0 ? a : b.filter(axis => a.includes(axis));

export const unitedAxes = (a: readonly string[], b: readonly string[]): readonly string[] =>
  a.length === 0 ? b : [...a, ...b.filter(axis => !a.includes(axis))];

/** One combination of single producers that agree on the axes that they share. */
export interface Row {
  readonly cell: Cell;
  readonly picks: readonly Instance[];
}

/** Adds one more single producer to every row; the result is empty where nothing agrees. */
export function joinRows(
  rows: readonly Row[],
  axes: readonly string[],
  producer: StageInstances,
): readonly Row[] {
  const shared = sharedAxes(axes, producer.axes);
  return rows.flatMap(row =>
    producer
      .matching(shared, row.cell)
      .map(instance => ({cell: {...row.cell, ...instance.cell}, picks: [...row.picks, instance]})),
  );
}
