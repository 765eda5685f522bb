// The meaning of `matrix` and `in`, as plainly as it can be said: every combination is tried, and those that
// contradict themselves are thrown away. Slow, and without indexes, so that it can be held against the planner.

import type {Cell, Scalar} from '../../src/stage/define.ts';

export interface ModelProduct {
  readonly axes: Readonly<Record<string, readonly Scalar[]>>;
  readonly exclude: readonly Cell[];
}
export type ModelInput =
  | {readonly kind: 'one'; readonly from: string}
  | {readonly kind: 'each'; readonly from: string}
  | {
      readonly kind: 'list';
      readonly items: readonly {readonly kind: 'one' | 'each'; readonly from: string}[];
    };
export interface ModelStage {
  readonly name: string;
  /** `null` for a stage without a matrix. */
  readonly products: readonly ModelProduct[] | null;
  readonly inputs: readonly ModelInput[];
  /** Stages that choose parameters: for axes, they are single inputs. */
  readonly choosers: readonly string[];
}

export interface ModelInstance {
  readonly cell: Cell;
  /** Positions of producers among the instances of their stages, by input. */
  readonly inputs: readonly (readonly {readonly from: string; readonly index: number}[])[];
  readonly choosers: readonly {readonly from: string; readonly index: number}[];
}
interface Expanded {
  readonly instances: readonly ModelInstance[];
  readonly axes: ReadonlySet<string>;
  /** Of each axis, its values as they are written, in this stage and in those above. */
  readonly written: ReadonlyMap<string, readonly Scalar[]>;
}
export interface Expansion {
  readonly stages: ReadonlyMap<string, readonly ModelInstance[]>;
  /** Codes of the mistakes that must be reported: none where every stage is expanded. */
  readonly mistakes: ReadonlySet<string>;
}

/** `stages` come after their producers. */
export function expand(stages: readonly ModelStage[]): Expansion {
  const done = new Map<string, Expanded>();
  const mistakes = new Set<string>();
  for (const stage of stages) {
    const before = new Set<string>();
    const cells = stage.products ? union(stage.products, before) : [{}];
    for (const code of before) mistakes.add(code);
    const isReady = namesOf(stage).every(name => done.has(name));
    if (before.size > 0 || !isReady) continue;
    const here = new Set<string>();
    const expanded = instancesOf(stage, cells, done, here);
    for (const code of here) mistakes.add(code);
    if (here.size === 0) done.set(stage.name, expanded);
  }
  return {stages: new Map([...done].map(([name, {instances}]) => [name, instances])), mistakes};
}

const namesOf = ({inputs, choosers}: ModelStage): string[] => [
  ...inputs.flatMap(input => (input.kind === 'list' ? input.items.map(({from}) => from) : [input.from])),
  ...choosers,
];

function union(products: readonly ModelProduct[], mistakes: Set<string>): Cell[] {
  const cells: Cell[] = [];
  for (const {axes, exclude} of products) {
    let all: Cell[] = [{}];
    for (const [axis, values] of Object.entries(axes)) {
      all = all.flatMap(cell => values.map(value => ({...cell, [axis]: value})));
    }
    const kept = all.filter(
      cell => !exclude.some(part => Object.keys(part).every(axis => cell[axis] === part[axis])),
    );
    if (kept.length === 0) mistakes.add('empty-matrix');
    for (const cell of kept) {
      if (cells.some(other => isSame(other, cell))) mistakes.add('duplicate-cell');
      else cells.push(cell);
    }
  }
  return cells;
}

const isSame = (a: Cell, b: Cell): boolean =>
  [...Object.keys(a), ...Object.keys(b)].every(axis => a[axis] === b[axis]);

/** One participant of a combination: a cell, and the axes on which it has a say. */
interface Part {
  readonly cell: Cell;
  readonly axes: ReadonlySet<string>;
}

/** An axis that two have, they have with the same value, or neither has one. */
const agree = (a: Part, b: Part): boolean =>
  [...a.axes].every(axis => !b.axes.has(axis) || a.cell[axis] === b.cell[axis]);

function instancesOf(
  stage: ModelStage,
  cells: readonly Cell[],
  done: ReadonlyMap<string, Expanded>,
  mistakes: Set<string>,
): Expanded {
  const expandedOf = (name: string): Expanded =>
    done.get(name) ?? {instances: [], axes: new Set(), written: new Map()};
  const ownAxes = new Set(cells.flatMap(cell => Object.keys(cell)));
  const inputs = stage.inputs.flatMap(input => (input.kind === 'one' ? [input.from] : []));
  const singles = [...inputs, ...stage.choosers];
  const axes = new Set([...singles.flatMap(name => [...expandedOf(name).axes]), ...ownAxes]);
  let rows: {parts: readonly Part[]; picks: readonly number[]}[] = [{parts: [], picks: []}];
  for (const name of singles) {
    const producer = expandedOf(name);
    rows = rows.flatMap(({parts, picks}) =>
      producer.instances.flatMap(({cell}, index) => {
        const part = {cell, axes: producer.axes};
        return parts.every(other => agree(other, part))
          ? [{parts: [...parts, part], picks: [...picks, index]}]
          : [];
      }),
    );
  }
  const fits = (row: (typeof rows)[number], own: Cell): boolean =>
    row.parts.every(part => agree(part, {cell: own, axes: ownAxes}));
  if (rows.length === 0 || cells.some(own => !rows.some(row => fits(row, own)))) mistakes.add('empty-join');
  const instances = rows.flatMap(row =>
    cells
      .filter(own => fits(row, own))
      .map((own): ModelInstance => {
        const cell: Cell = Object.assign({}, ...row.parts.map(part => part.cell), own);
        const gather = (from: string): number[] => {
          const producer = expandedOf(from);
          const isMet = (other: Cell): boolean => agree({cell, axes}, {cell: other, axes: producer.axes});
          const met = producer.instances.flatMap((other, index) => (isMet(other.cell) ? [index] : []));
          return met.sort((a, b) =>
            inOrder(producer, producer.instances[a]?.cell, producer.instances[b]?.cell),
          );
        };
        let single = 0;
        const taken = stage.inputs.map(input => {
          if (input.kind === 'one') return [{from: input.from, index: row.picks[single++] ?? -1}];
          const items = input.kind === 'list' ? input.items : [input];
          return items.flatMap(item => {
            const found = gather(item.from);
            if (found.length === 0) mistakes.add('empty-gather');
            if (item.kind === 'one' && found.length > 1) mistakes.add('wrong-arity');
            return found.map(index => ({from: item.from, index}));
          });
        });
        const choosers = stage.choosers.map(from => ({from, index: row.picks[single++] ?? -1}));
        return {cell, inputs: taken, choosers};
      }),
  );
  const above = singles.map(name => expandedOf(name).written);
  const own = (stage.products ?? []).map(({axes: values}) => new Map(Object.entries(values)));
  const written = new Map<string, Scalar[]>();
  for (const values of [...above, ...own]) {
    for (const [axis, some] of values) {
      const known = written.get(axis) ?? [];
      written.set(axis, [...known, ...some.filter(value => !known.includes(value))]);
    }
  }
  return {instances, axes, written};
}

/** Axes by name; of each, a cell without a value comes first, then the values as they are written. */
function inOrder({axes, written}: Expanded, a: Cell = {}, b: Cell = {}): number {
  for (const axis of [...axes].sort()) {
    const rank = (cell: Cell): number =>
      axis in cell ? (written.get(axis) ?? []).indexOf(cell[axis] ?? null) : -1;
    if (rank(a) !== rank(b)) return rank(a) - rank(b);
  }
  return 0;
}
