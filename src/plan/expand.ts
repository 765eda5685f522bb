// One bound stage → its instances: rows of its single inputs and choosers, joined with its own cells, gathers
// resolved, parameters checked. Mistakes are placed at the axis value or input that they are about.

import type {Diagnostic} from '../core/diagnostic.ts';
import type {StageSpec} from '../spec/spec.ts';
import type {BoundStage} from './bind.ts';
import {type Candidate, checkAxisUse, joinCells, joinSingles} from './candidates.ts';
import {type ChooserFiles, chooseParameters} from './chosen-parameters.ts';
import {comesAfter, edgesOf} from './edges.ts';
import {filesNamed} from './file-parameters.ts';
import {type AxisValues, type Producers, StageInstances, unitedAxes, unitedValues} from './join.ts';
import {axesOf} from './matrix.ts';
import {type Chooser, type InputEdge, type Instance, type InstanceId, instanceId} from './plan.ts';
import {publishFolder, publishPath} from './publish.ts';
import {axisNames, type BoundCell, once} from './stage-parameters.ts';

type Report = (diagnostic: Diagnostic) => void;

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
  // As they are written: a cell that lacks a parameter because its axis has a wrong name is not among the cells.
  const written = new Set([...ownAxes, ...axisNames(spec).map(({value}) => value)]);
  checkAxisUse(bound, [...written], producers, report);
  const candidates = joinCells(spec, joined, cells, ownAxes, report);
  const axes = unitedAxes(joined.axes, ownAxes);
  const instances: Instance[] = [];
  const fixed = fixedParts(bound, profile);
  for (const candidate of candidates) {
    const edges = edgesOf(spec, candidate, axes, producers, report);
    const chosen = choicesFor(bound, candidate, choosers, inputs.length, report);
    const after = comesAfter(spec, candidate, axes, producers);
    if (edges && chosen) instances.push(instanceOf(bound, fixed, candidate, edges, after, chosen));
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

/** What all instances of a stage share. */
const fixedParts = ({spec, module, work, outputs, temporary}: BoundStage, profile: string | null) => ({
  stage: spec.name.value,
  work,
  files: spec.files.map(({value}) => value),
  outputs,
  env: spec.env.map(({value, isOptional, isSecret}) => ({name: value, isOptional, isSecret})),
  resources: {...spec.resources, pool: spec.resources.pool?.value ?? null},
  timeoutMs: spec.timeoutMs,
  retries: spec.retries,
  checkpoint: spec.checkpoint || module?.declaration.checkpoint === true,
  sandbox: spec.sandbox,
  isVolatile: spec.isVolatile,
  isFrozen: spec.isFrozen,
  salt: spec.salt,
  temporary,
  publish: spec.publish && publishFolder(spec.publish.value, profile),
});

function instanceOf(
  {module}: BoundStage,
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
    files: [...fixed.files, ...filesNamed(module, chosen.params)],
    publish: fixed.publish === null ? null : publishPath(fixed.publish, cell),
  };
}
