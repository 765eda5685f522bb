// One stage's turn in the planning: its matrix, its choosers and its instances, once everything above it has been
// planned; or what it waits for.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {referencesOf, type StageSpec} from '../spec/spec.ts';
import type {BoundStage} from './bind.ts';
import {readCells} from './cells.ts';
import {type Choice, readChoice} from './choice.ts';
import type {ChooserFiles} from './chosen-parameters.ts';
import {expandStage} from './expand.ts';
import {fileOutput} from './file-reference.ts';
import type {StageInstances} from './join.ts';
import type {InstanceId, Producer} from './plan.ts';
import {type PlanFiles, producerName, sourceOf} from './plan-files.ts';
import {bindCells} from './stage-parameters.ts';

type Report = (diagnostic: Diagnostic) => void;

export type Planned =
  | {readonly status: 'planned'; readonly instances: StageInstances}
  /** Waits for the matrix files of these stages. */
  | {readonly status: 'held'; readonly by: ReadonlySet<string>}
  /** It has a mistake, or something above it has: no more is said of it. */
  | {readonly status: 'broken'};

export const BROKEN: Planned = {status: 'broken'};

export function planStage(
  stage: BoundStage,
  planned: ReadonlyMap<string, Planned>,
  files: PlanFiles,
  pending: {stage: string; from: Producer}[],
  profile: string | null,
  report: Report,
): Planned {
  const name = stage.spec.name.value;
  const held = new Set<string>();
  for (const {value} of referencesOf(stage.spec)) {
    const producer = planned.get(value.stage);
    if (!producer || producer.status === 'broken') return BROKEN;
    if (producer.status === 'held') for (const by of producer.by) held.add(by);
  }
  if (held.size > 0) return {status: 'held', by: held};
  const producers = (producer: string): StageInstances => instancesOf(planned, producer);
  const choosers = choosersOf(stage.spec, producers, files, report);
  if (!choosers) return BROKEN;
  let {cells} = stage;
  if (cells === null) {
    const from = matrixProducer(stage.spec, producers, report);
    if (!from) return BROKEN;
    if (!files.has(producerName(from))) {
      pending.push({stage: name, from});
      return {status: 'held', by: new Set([name])};
    }
    cells = cellsFrom(from, stage, files, report);
    if (!cells) return BROKEN;
  }
  const instances = expandStage(stage, cells, choosers, producers, profile, report);
  return instances ? {status: 'planned', instances} : BROKEN;
}

function instancesOf(planned: ReadonlyMap<string, Planned>, stage: string): StageInstances {
  const found = planned.get(stage);
  if (found?.status !== 'planned')
    throw new Error(`Internal error: ${stage} was not expanded before its consumer`);
  return found.instances;
}

const NO_OUTPUTS = {outputs: {}, temporary: []};

type Producers = (stage: string) => StageInstances;

/** The one output of one instance that holds the cells of a matrix. */
function matrixProducer({matrix}: StageSpec, producers: Producers, report: Report): Producer | null {
  if (matrix.kind !== 'from') return null;
  const {value: from, span} = matrix.from;
  const {instances} = producers(from.stage);
  const [only] = instances;
  if (!only || instances.length > 1) {
    const message = `expected a stage with one instance to make the cells, got ${from.stage} with ${instances.length}`;
    report(
      mistake('bad-matrix', message, span, {hint: 'gather its instances in a stage that writes one file'}),
    );
    return null;
  }
  const output = fileOutput(matrix.from, only, 'the cells', report);
  return output === null ? null : {id: only.id, output};
}

function cellsFrom(
  from: Producer,
  {spec, module}: BoundStage,
  files: PlanFiles,
  report: Report,
): BoundStage['cells'] {
  const name = producerName(from);
  const file = files.get(name);
  if (spec.matrix.kind !== 'from' || !file) return null;
  const read = readCells(sourceOf(name, file), spec.matrix.from.span);
  if (!read.ok) {
    read.error.forEach(report);
    return null;
  }
  let isSound = true;
  const cells = bindCells(spec, module, read.value, diagnostic => {
    isSound = false;
    report(diagnostic);
  });
  return isSound ? cells : null;
}

/** The choosers of a stage with all that their files say by now; `null` when something was reported. */
function choosersOf(
  {choosers}: StageSpec,
  producers: Producers,
  files: PlanFiles,
  report: Report,
): readonly ChooserFiles[] | null {
  let isSound = true;
  const found = choosers.flatMap((reference): ChooserFiles[] => {
    const {instances} = producers(reference.value.stage);
    const output = fileOutput(reference, instances[0] ?? NO_OUTPUTS, 'the parameters', report);
    if (output === null) {
      isSound = false;
      return [];
    }
    const choices = new Map<InstanceId, Choice>();
    for (const {id} of instances) {
      const name = producerName({id, output});
      const file = files.get(name);
      const choice = file && readChoice(sourceOf(name, file), reference.span);
      if (choice?.ok) choices.set(id, choice.value);
      else if (choice) {
        isSound = false;
        choice.error.forEach(report);
      }
    }
    return [{reference, output, choices}];
  });
  return isSound ? found : null;
}
