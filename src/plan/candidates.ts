// The candidates of a stage: rows of its single inputs and choosers, joined with its own cells. What cannot be joined is
// a mistake at the axis value or input that it is about.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Located, Span} from '../core/source.ts';
import type {Reference, StageSpec} from '../spec/spec.ts';
import type {Cell} from '../stage/define.ts';
import type {BoundStage} from './bind.ts';
import {groupBy, joinRows, type Producers, type Row, sharedAxes, unitedAxes, valuesKey} from './join.ts';
import {CELL_LIMIT, cellText} from './matrix.ts';
import type {Instance} from './plan.ts';
import {axisNames, type BoundCell} from './stage-parameters.ts';

type Report = (diagnostic: Diagnostic) => void;

export interface Candidate {
  readonly cell: Cell;
  /** One per single input, then one per chooser. */
  readonly picks: readonly Instance[];
  readonly own: BoundCell;
}

export function joinSingles(
  singles: readonly Located<Reference>[],
  producers: Producers,
  report: Report,
): {rows: readonly Row[]; axes: readonly string[]} | null {
  let rows: readonly Row[] = [{cell: {}, picks: []}];
  let axes: readonly string[] = [];
  for (const single of singles) {
    const {stage} = single.value;
    const producer = producers(stage);
    const next = joinRows(rows, axes, producer, CELL_LIMIT);
    if (typeof next === 'number') {
      report(tooMany(next, single.span));
      return null;
    }
    if (next.length === 0) {
      const shared = sharedAxes(axes, producer.axes);
      const other = singles.find(each => each !== single)?.value.stage;
      const message = `expected inputs that agree on ${shared.join(', ')}, got no instance of ${stage} that agrees with ${other}`;
      report(
        mistake('empty-join', message, single.span, {hint: 'inputs that share an axis are joined on it'}),
      );
      return null;
    }
    rows = next;
    axes = unitedAxes(axes, producer.axes);
  }
  return {rows, axes};
}

/** Axes that inputs do not share are multiplied: that is soon more than anybody wants to run. */
const tooMany = (count: number, span: Span): Diagnostic =>
  mistake('too-many-cells', `expected a stage of at most ${CELL_LIMIT} instances, got ${count}`, span, {
    hint: 'axes that the inputs do not share are multiplied: leave values out, or gather with {each: …}',
  });

/** A module's own axis is a parameter of it, or it is there to choose among the instances of an input. */
export function checkAxisUse(
  bound: BoundStage,
  ownAxes: readonly string[],
  producers: Producers,
  report: Report,
): void {
  const {module} = bound;
  if (!module) return;
  const known = Object.keys(module.declaration.params.shape);
  const unknown = ownAxes.filter(axis => !known.includes(axis));
  if (unknown.length === 0) return;
  const carried = new Set<string>();
  for (const from of takenBy(bound.spec))
    for (const axis of producers(from.value.stage).axes) carried.add(axis);
  for (const axis of unknown) {
    if (!carried.has(axis))
      report(axisWithoutUse(axisName(bound.spec, axis), module.uses, known, [...carried]));
  }
}

function* takenBy(spec: StageSpec): Generator<Located<Reference>> {
  for (const input of spec.inputs.values()) {
    if (input.kind === 'one') yield input.from;
    else for (const {from} of input.items) yield from;
  }
  yield* spec.choosers;
}

function axisName(spec: StageSpec, axis: string): Located<string> {
  const written = axisNames(spec).find(name => name.value === axis);
  return written ?? {value: axis, span: spec.matrix.kind === 'from' ? spec.matrix.from.span : spec.name.span};
}

/** An axis that is no parameter and chooses nothing. */
function axisWithoutUse(
  axis: Located<string>,
  uses: string,
  known: readonly string[],
  carried: readonly string[],
): Diagnostic {
  const near = closest(axis.value, [...known, ...carried]);
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : `its parameters are ${known.join(', ') || 'none'}; axes of its inputs are ${carried.join(', ') || 'none'}`;
  const message = `expected a parameter of the stage module ${uses} or an axis of an input, got '${axis.value}'`;
  return mistake('unknown-axis', message, axis.span, {hint});
}

export function joinCells(
  spec: StageSpec,
  joined: {rows: readonly Row[]; axes: readonly string[]},
  cells: readonly BoundCell[],
  ownAxes: readonly string[],
  report: Report,
): readonly Candidate[] {
  const shared = sharedAxes(ownAxes, joined.axes);
  const groups = groupBy(cells, ({cell}) => valuesKey(cell, shared));
  const met = new Set<string>();
  const count = joined.rows.reduce(
    (sum, row) => sum + (groups.get(valuesKey(row.cell, shared))?.length ?? 0),
    0,
  );
  if (count > CELL_LIMIT) {
    report(tooMany(count, spec.name.span));
    return [];
  }
  const candidates = joined.rows.flatMap(row => {
    const key = valuesKey(row.cell, shared);
    met.add(key);
    return (groups.get(key) ?? []).map(own => ({cell: {...row.cell, ...own.cell}, picks: row.picks, own}));
  });
  for (const [key, [own]] of groups) {
    if (!met.has(key) && own)
      reportUnmet(
        spec,
        own,
        shared,
        joined.rows.map(({cell}) => cell),
        report,
      );
  }
  return candidates;
}

/** A cell for which an input has nothing: blames the value that no instance has, or else the combination. */
function reportUnmet(
  spec: StageSpec,
  own: BoundCell,
  shared: readonly string[],
  available: readonly Cell[],
  report: Report,
): void {
  const lacking = shared.find(axis => !available.some(cell => cell[axis] === own.cell[axis]));
  const axis = lacking ?? shared[0] ?? '';
  const wanted = cellText(pick(own.cell, lacking === undefined ? shared : [lacking]));
  const values = [...new Set(available.map(cell => String(cell[axis])))];
  const hint =
    lacking === undefined
      ? 'exclude this cell, or add it to the input'
      : `there, ${axis} is one of ${values.join(', ')}`;
  const message = `expected cells that the inputs have, got ${wanted}`;
  report(mistake('empty-join', message, placeOfValue(spec, own, axis), {hint}));
}

export function placeOfValue(spec: StageSpec, own: BoundCell, axis: string): Span {
  const node = own.nodes.get(axis);
  return node?.span ?? (spec.matrix.kind === 'from' ? spec.matrix.from.span : spec.name.span);
}

export const pick = (cell: Cell, axes: readonly string[]): Cell =>
  Object.fromEntries(Object.entries(cell).filter(([axis]) => axes.includes(axis)));
