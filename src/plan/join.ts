// Cells of a consumer from the instances of its producers. A stage has the axes that any of its instances has;
// two stages are joined on the axes that both have, and a missing value agrees with a missing value only.

import {byCodeUnit} from '../core/json.ts';
import type {Cell, Scalar} from '../stage/define.ts';
import type {Instance} from './plan.ts';

/** The values of each axis in the order in which they are written, excluded ones too. */
export type AxisValues = ReadonlyMap<string, readonly Scalar[]>;

/** The instances of one stage, found by their values on any set of axes. */
export class StageInstances {
  readonly instances: readonly Instance[];
  readonly axes: readonly string[];
  readonly values: AxisValues;
  readonly #indexes = new Map<string, Map<string, Instance[]>>();
  #places: ReadonlyMap<Instance, number> | undefined;

  constructor(instances: readonly Instance[], axes: readonly string[], values: AxisValues) {
    this.instances = instances;
    this.axes = axes;
    this.values = values;
  }

  /**
   * In the order of a gather: by the axes in the order of their names, and by the values of each as they are written.
   * So the order in which a matrix names its axes changes nothing.
   */
  inOrder(instances: readonly Instance[]): readonly Instance[] {
    if (instances.length < 2) return instances;
    this.#places ??= placesOf(this.instances, this.axes, this.values);
    const place = (instance: Instance): number => this.#places?.get(instance) ?? 0;
    return [...instances].sort((a, b) => place(a) - place(b));
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

function placesOf(
  instances: readonly Instance[],
  axes: readonly string[],
  values: AxisValues,
): ReadonlyMap<Instance, number> {
  const ranks = [...axes].sort(byCodeUnit).map(axis => {
    const rank = new Map((values.get(axis) ?? []).map((value, index) => [value, index]));
    return (cell: Cell): number => (Object.hasOwn(cell, axis) ? (rank.get(cell[axis] ?? null) ?? -1) : -1);
  });
  const keyed = instances.map(instance => ({instance, key: ranks.map(rank => rank(instance.cell))}));
  keyed.sort((a, b) => {
    const at = a.key.findIndex((rank, index) => rank !== b.key[index]);
    return (a.key[at] ?? 0) - (b.key[at] ?? 0);
  });
  return new Map(keyed.map(({instance}, index) => [instance, index]));
}

/** The values of several sets of axes together, each once. */
export function unitedValues(all: Iterable<AxisValues>): AxisValues {
  const united = new Map<string, Set<Scalar>>();
  for (const values of all) {
    for (const [axis, some] of values) {
      const known = united.get(axis) ?? new Set();
      for (const value of some) known.add(value);
      united.set(axis, known);
    }
  }
  return new Map([...united].map(([axis, values]) => [axis, [...values]]));
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

/** Adds one more single producer to every row; the result is empty where nothing agrees. A count where it is too many. */
export function joinRows(
  rows: readonly Row[],
  axes: readonly string[],
  producer: StageInstances,
  most: number,
): readonly Row[] | number {
  const shared = sharedAxes(axes, producer.axes);
  const count = rows.reduce((sum, row) => sum + producer.matching(shared, row.cell).length, 0);
  if (count > most) return count;
  return rows.flatMap(row =>
    producer
      .matching(shared, row.cell)
      .map(instance => ({cell: {...row.cell, ...instance.cell}, picks: [...row.picks, instance]})),
  );
}

/** The instances of a stage that was expanded. */
export type Producers = (stage: string) => StageInstances;
