// One bound stage → its instances: rows of its single inputs and choosers, joined with its own cells, gathers
// resolved, parameters checked. Mistakes are placed at the axis value or input that they are about.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Located, Span} from '../core/source.ts';
import type {InputItem, Reference, StageSpec} from '../spec/spec.ts';
import type {Cell} from '../stage/define.ts';
import type {BoundStage} from './bind.ts';
import {type ChooserFiles, chooseParameters} from './chosen-parameters.ts';
import {
  type AxisValues,
  groupBy,
  joinRows,
  type Row,
  StageInstances,
  sharedAxes,
  unitedAxes,
  unitedValues,
  valuesKey,
} from './join.ts';
import {axesOf, cellText} from './matrix.ts';
import {
  type Chooser,
  type InputEdge,
  type Instance,
  type InstanceId,
  instanceId,
  type Producer,
} from './plan.ts';
import {publishFolder, publishPath} from './publish.ts';
import {axisNames, type BoundCell, once} from './stage-parameters.ts';

type Report = (diagnostic: Diagnostic) => void;
type Producers = (stage: string) => StageInstances;

interface Candidate {
  readonly cell: Cell;
  /** One per single input, then one per chooser. */
  readonly picks: readonly Instance[];
  readonly own: BoundCell;
}

/** `null` when something was reported. Every producer must have been expanded. */
export function expandStage(
  bound: BoundStage,
  cells: readonly BoundCell[],
  choosers: readonly ChooserFiles[],
  producers: Producers,
  profile: string | null,
  reportOutside: Report,
): StageInstances | null {
  let isSound = true;
  const report = once(diagnostic => {
    isSound = false;
    reportOutside(diagnostic);
  });
  const {spec} = bound;
  const inputs = [...spec.inputs.values()].flatMap(input => (input.kind === 'one' ? [input.from] : []));
  const singles = [...inputs, ...spec.choosers];
  const joined = joinSingles(singles, producers, report);
  if (!joined) return null;
  const ownAxes = axesOf(cells.map(({cell}) => cell));
  checkAxisUse(bound, ownAxes, producers, report);
  const candidates = joinCells(spec, joined, cells, ownAxes, report);
  const axes = unitedAxes(joined.axes, ownAxes);
  const instances: Instance[] = [];
  const fixed = fixedParts(bound, profile);
  for (const candidate of candidates) {
    const edges = edgesOf(spec, candidate, axes, producers, report);
    const chosen = choicesFor(bound, candidate, choosers, inputs.length, report);
    const after = comesAfter(spec, candidate, axes, producers);
    if (edges && chosen) instances.push(instanceOf(fixed, candidate, edges, after, chosen));
  }
  const above = singles.map(({value}) => producers(value.stage).values);
  return isSound
    ? new StageInstances(instances, axes, unitedValues([...above, ownValues(spec, cells)]))
    : null;
}

/** The values of a stage's own axes as they are written, in the pipeline or in a file. */
const ownValues = ({matrix}: StageSpec, cells: readonly BoundCell[]): AxisValues =>
  unitedValues(
    matrix.kind === 'products'
      ? matrix.products.map(
          ({axes}) => new Map(axes.map(({name, values}) => [name.value, values.map(({value}) => value)])),
        )
      : cells.map(({cell}) => new Map(Object.entries(cell).map(([axis, value]) => [axis, [value]]))),
  );

function joinSingles(
  singles: readonly Located<Reference>[],
  producers: Producers,
  report: Report,
): {rows: readonly Row[]; axes: readonly string[]} | null {
  let rows: readonly Row[] = [{cell: {}, picks: []}];
  let axes: readonly string[] = [];
  for (const single of singles) {
    const {stage} = single.value;
    const producer = producers(stage);
    const next = joinRows(rows, axes, producer);
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

/** A module's own axis is a parameter of it, or it is there to choose among the instances of an input. */
function checkAxisUse(
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

function joinCells(
  spec: StageSpec,
  joined: {rows: readonly Row[]; axes: readonly string[]},
  cells: readonly BoundCell[],
  ownAxes: readonly string[],
  report: Report,
): readonly Candidate[] {
  const shared = sharedAxes(ownAxes, joined.axes);
  const groups = groupBy(cells, ({cell}) => valuesKey(cell, shared));
  const met = new Set<string>();
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

function placeOfValue(spec: StageSpec, own: BoundCell, axis: string): Span {
  const node = own.nodes.get(axis);
  return node?.span ?? (spec.matrix.kind === 'from' ? spec.matrix.from.span : spec.name.span);
}

const pick = (cell: Cell, axes: readonly string[]): Cell =>
  Object.fromEntries(Object.entries(cell).filter(([axis]) => axes.includes(axis)));

function edgesOf(
  spec: StageSpec,
  candidate: Candidate,
  axes: readonly string[],
  producers: Producers,
  report: Report,
): Readonly<Record<string, InputEdge>> | null {
  const edges: [string, InputEdge][] = [];
  let single = 0;
  let isSound = true;
  for (const input of spec.inputs.values()) {
    if (input.kind === 'one') {
      const picked = candidate.picks[single++];
      if (picked)
        edges.push([input.name.value, {kind: 'one', from: producerOf(picked.id, input.from.value)}]);
      continue;
    }
    const from: Producer[] = [];
    for (const item of input.items) {
      const found = gather(spec, item, candidate, axes, producers(item.from.value.stage), report);
      isSound &&= found.length > 0;
      for (const {id} of found) from.push(producerOf(id, item.from.value));
    }
    edges.push([input.name.value, {kind: 'each', from}]);
  }
  return isSound ? Object.fromEntries(edges) : null;
}

const producerOf = (id: InstanceId, {output}: Reference): Producer => ({id, output});

/** Of each stage that comes first, the instances that agree with the candidate; none may agree. */
const comesAfter = (
  spec: StageSpec,
  {cell}: Candidate,
  axes: readonly string[],
  producers: Producers,
): readonly InstanceId[] =>
  spec.after.flatMap(({value}) => {
    const producer = producers(value.stage);
    return producer.matching(sharedAxes(axes, producer.axes), cell).map(({id}) => id);
  });

type ChosenParameters = Pick<Instance, 'params' | 'choosers'>;

/** The parameters of a candidate, with what its choosers gave so far. `first`: where their picks begin. */
function choicesFor(
  {spec, module}: BoundStage,
  {cell, picks, own}: Candidate,
  choosers: readonly ChooserFiles[],
  first: number,
  report: Report,
): ChosenParameters | null {
  if (choosers.length === 0) return {params: own.params, choosers: []};
  const made = choosers.flatMap((chooser, index) => {
    const id = picks[first + index]?.id;
    return id === undefined ? [] : [{chooser, id, choice: chooser.choices.get(id) ?? null}];
  });
  const params = chooseParameters(spec, module, own, cell, made, report);
  if (!params) return null;
  return {
    params,
    choosers: made.map(({chooser, id, choice}): Chooser => {
      const names = choice?.map(({name}) => name.value).filter(name => Object.hasOwn(params, name));
      return {from: {id, output: chooser.output}, gives: names ?? null};
    }),
  };
}

function gather(
  spec: StageSpec,
  item: InputItem,
  {cell, own}: Candidate,
  axes: readonly string[],
  producer: StageInstances,
  report: Report,
): readonly Instance[] {
  const {stage} = item.from.value;
  const shared = sharedAxes(axes, producer.axes);
  const found = producer.inOrder(producer.matching(shared, cell));
  if (found.length === 0) {
    const lacking = shared.find(axis => !producer.has(axis, cell));
    const blamed = lacking ?? shared.find(axis => own.nodes.has(axis));
    const span =
      blamed !== undefined && own.nodes.has(blamed) ? placeOfValue(spec, own, blamed) : item.from.span;
    const wanted = cellText(pick(cell, lacking === undefined ? shared : [lacking]));
    const values = [...new Set(producer.instances.map(instance => String(instance.cell[lacking ?? ''])))];
    const example = producer.instances[0]?.id;
    const hint =
      lacking === undefined
        ? `there is ${example}, for example`
        : `there, ${lacking} is one of ${values.join(', ')}`;
    const message = `expected instances of ${stage} to gather, got none with ${wanted}`;
    report(mistake('empty-gather', message, span, {hint}));
    return [];
  }
  if (item.kind === 'one' && found.length > 1) {
    const hint = `gather them: {each: ${stage}}`;
    const message = `expected one instance of ${stage} in a list, got ${found.length}`;
    report(mistake('wrong-arity', message, item.from.span, {hint}));
    return [];
  }
  return found;
}

/** What all instances of a stage share. */
const fixedParts = ({spec, module, work, outputs}: BoundStage, profile: string | null) => ({
  stage: spec.name.value,
  work,
  files: spec.files.map(({value}) => value),
  outputs,
  env: spec.env.map(({value}) => value),
  optionalEnv: spec.env.flatMap(({value, isOptional}) => (isOptional ? [value] : [])),
  resources: spec.resources,
  timeoutMs: spec.timeoutMs,
  retries: spec.retries,
  checkpoint: spec.checkpoint || module?.declaration.checkpoint === true,
  sandbox: spec.sandbox,
  isVolatile: spec.isVolatile,
  isFrozen: spec.isFrozen,
  salt: spec.salt,
  publish: spec.publish && publishFolder(spec.publish.value, profile),
});

function instanceOf(
  fixed: ReturnType<typeof fixedParts>,
  {cell}: Candidate,
  inputs: Readonly<Record<string, InputEdge>>,
  after: readonly InstanceId[],
  chosen: ChosenParameters,
): Instance {
  return {
    id: instanceId(fixed.stage, cell),
    cell,
    ...chosen,
    inputs,
    after,
    ...fixed,
    publish: fixed.publish === null ? null : publishPath(fixed.publish, cell),
  };
}
