// PipelineSpec → Plan. Pure: everything that it needs is an argument, so it is called again with the files that stages
// made, cells and chosen parameters, when they are there. All mistakes of the file and of the plan come back at once.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {Span} from '../core/source.ts';
import {isGlob} from '../spec/path.ts';
import {type PipelineSpec, referencesOf, type StageSpec} from '../spec/spec.ts';
import {type BoundStage, bindStage} from './bind.ts';
import type {StageModules} from './catalogue.ts';
import {readCells} from './cells.ts';
import {type Choice, readChoice} from './choice.ts';
import type {ChooserFiles} from './chosen-parameters.ts';
import {checkVariablesRead} from './commands.ts';
import {expandStage} from './expand.ts';
import {fileOutput} from './file-reference.ts';
import type {StageInstances} from './join.ts';
import {orderByDependency} from './order.ts';
import type {Instance, InstanceId, PendingMatrix, Plan, Producer} from './plan.ts';
import {NO_FILES, type PlanFiles, producerName, sourceOf} from './plan-files.ts';
import type {ProjectFiles} from './project-files.ts';
import {checkPublishing} from './publish.ts';
import {bindCells} from './stage-parameters.ts';
import {studyOf} from './study.ts';

type Report = (diagnostic: Diagnostic) => void;

type Planned =
  | {readonly status: 'planned'; readonly instances: StageInstances}
  /** Waits for the matrix files of these stages. */
  | {readonly status: 'held'; readonly by: ReadonlySet<string>}
  /** It has a mistake, or something above it has: no more is said of it. */
  | {readonly status: 'broken'};

const BROKEN: Planned = {status: 'broken'};

/**
 * Expands every stage of a pipeline, with the `files` that are there already. `siblings` are the other pipelines of the
 * project, which publish as well. Diagnostics come in the order of the file, those of other places last.
 */
export function planPipeline(
  spec: PipelineSpec,
  modules: StageModules,
  project: ProjectFiles,
  files: PlanFiles = NO_FILES,
  siblings: readonly PipelineSpec[] = [],
): Result<Plan, readonly Diagnostic[]> {
  const mistakes: Diagnostic[] = [...spec.mistakes, ...modules.mistakes];
  const unreadable = new Set(spec.mistakes.map(({span}) => placeKey(span)));
  const report: Report = diagnostic => {
    const place = placeKey(diagnostic.span);
    if (place === null || !unreadable.has(place)) mistakes.push(diagnostic);
  };
  const bound = new Map<string, BoundStage | null>();
  for (const [name, stage] of spec.stages) {
    bound.set(name, bindStage(stage, {stages: spec.stages, modules}, report));
    checkVariablesRead(stage, spec.params, report);
  }
  checkFiles(spec.stages.values(), project, report);
  checkPublishing(spec, siblings, report);

  const order = orderByDependency(spec.stages.keys(), name => producersOf(spec, name));
  for (const loop of order.loops) report(cycle(loop, spec));

  const planned = new Map<string, Planned>();
  const pending: {stage: string; from: Producer}[] = [];
  for (const name of order.sorted) {
    const stage = bound.get(name);
    planned.set(name, stage ? planStage(stage, planned, files, pending, spec.profile, report) : BROKEN);
  }
  const instances = order.sorted.flatMap(name => {
    const stage = planned.get(name);
    return stage?.status === 'planned' ? stage.instances.instances : [];
  });
  checkIds(instances, spec, report);
  if (mistakes.length > 0) return err(inFileOrder(mistakes, spec));
  return ok({
    pipeline: spec.name,
    about: spec.about,
    file: spec.file.path,
    profile: spec.profile,
    params: spec.params,
    study: studyOf(spec),
    instances,
    pending: pending.map(
      ({stage, from}): PendingMatrix => ({stage, from, holdsBack: heldBy(stage, order.sorted, planned)}),
    ),
  });
}

/** Of a value that could not be read, no more is said: what stands at its place is an echo. */
const placeKey = (span: Span | undefined): string | null =>
  span ? `${span.file.path}:${span.start}:${span.end}` : null;

function producersOf(spec: PipelineSpec, name: string): readonly string[] {
  const stage = spec.stages.get(name);
  if (!stage) return [];
  const producers: string[] = [];
  for (const {value} of referencesOf(stage)) if (spec.stages.has(value.stage)) producers.push(value.stage);
  return producers;
}

function cycle(loop: readonly string[], spec: PipelineSpec): Diagnostic {
  const places = loop.slice(0, -1).flatMap((name, index) => {
    const stage = spec.stages.get(name);
    const to = loop[index + 1];
    const reference = stage && [...referencesOf(stage)].find(({value}) => value.stage === to);
    return reference ? [{message: `${name} needs ${to} here`, span: reference.span}] : [];
  });
  const [first, ...notes] = places;
  const hint = 'a stage cannot need its own result: remove one of these inputs';
  return mistake('cycle', `expected stages without a loop, got ${loop.join(' → ')}`, first?.span, {
    hint,
    notes,
  });
}

function planStage(
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
  const output = fileOutput(matrix.from, only.outputs, 'the cells', report);
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
    const output = fileOutput(reference, instances[0]?.outputs ?? {}, 'the parameters', report);
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

const heldBy = (
  matrix: string,
  sorted: readonly string[],
  planned: ReadonlyMap<string, Planned>,
): readonly string[] =>
  sorted.filter(name => {
    const stage = planned.get(name);
    return stage?.status === 'held' && stage.by.has(matrix);
  });

function checkFiles(stages: Iterable<StageSpec>, project: ProjectFiles, report: Report): void {
  const known = new Map<string, boolean>();
  const isThere = (path: string): boolean => {
    const found = known.get(path) ?? (isGlob(path) ? project.matches(path) : project.exists(path));
    known.set(path, found);
    return found;
  };
  for (const stage of stages) {
    const code = stage.work?.kind === 'shell' ? stage.work.code : [];
    for (const {value, span} of [...stage.files, ...code]) {
      if (value.startsWith('!') || isThere(value)) continue;
      const hint = 'paths are relative to the project; what a stage makes comes in under `in`';
      const lacks = isGlob(value) ? 'which matches nothing' : 'which is not there';
      const message = `expected files or folders of the project, got '${value}', ${lacks}`;
      report(mistake('missing-file', message, span, {hint}));
    }
  }
}

/** Ids are unique unless values contain what separates them. */
function checkIds(instances: readonly Instance[], spec: PipelineSpec, report: Report): void {
  const seen = new Set<InstanceId>();
  const blamed = new Set<string>();
  for (const {id, stage} of instances) {
    if (seen.has(id) && !blamed.has(stage)) {
      blamed.add(stage);
      const span = spec.stages.get(stage)?.name.span;
      const hint = 'two cells have the same values, or read alike: leave one of them out';
      report(mistake('duplicate-instance', `expected each instance once, got ${id} twice`, span, {hint}));
    }
    seen.add(id);
  }
}

/** Mistakes as the reader meets them, from top to bottom; sorting is stable. */
function inFileOrder(mistakes: readonly Diagnostic[], spec: PipelineSpec): readonly Diagnostic[] {
  const position = ({span}: Diagnostic): number =>
    span?.file === spec.file ? span.start : Number.POSITIVE_INFINITY;
  return [...mistakes].sort((a, b) => (position(a) < position(b) ? -1 : position(a) > position(b) ? 1 : 0));
}
