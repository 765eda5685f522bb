// PipelineSpec → Plan. Pure: everything that it needs is an argument, so it is called again with the files that stages
// made, cells and chosen parameters, when they are there. All mistakes of the file and of the plan come back at once.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {Span} from '../core/source.ts';
import {isGlob} from '../spec/path.ts';
import {type PipelineSpec, referencesOf, type StageSpec} from '../spec/spec.ts';
import {type BoundStage, bindStage} from './bind.ts';
import type {StageModules} from './catalogue.ts';
import {checkVariablesRead} from './commands.ts';
import {checkFilesNamed} from './file-parameters.ts';
import {orderByDependency} from './order.ts';
import type {Instance, InstanceId, PendingMatrix, Plan, Producer} from './plan.ts';
import {NO_FILES, type PlanFiles} from './plan-files.ts';
import {BROKEN, type Planned, planStage} from './plan-stage.ts';
import type {ProjectFiles} from './project-files.ts';
import {checkPublishing} from './publish.ts';
import {once} from './stage-parameters.ts';
import {studyOf} from './study.ts';

type Report = (diagnostic: Diagnostic) => void;

/**
 * Expands every stage of a pipeline, with the `files` that are there already. `siblings` are the other pipelines of the
 * project, which publish as well; `pools` are the executors that there are. Diagnostics come in the order of the file,
 * those of other places last.
 */
export function planPipeline(
  spec: PipelineSpec,
  modules: StageModules,
  project: ProjectFiles,
  files: PlanFiles = NO_FILES,
  siblings: readonly PipelineSpec[] = [],
  pools: readonly string[] = [],
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
  checkPools(spec.stages.values(), pools, report);

  const order = orderByDependency(spec.stages.keys(), name => producersOf(spec, name));
  for (const loop of order.loops) report(cycle(loop, spec));

  const planned = new Map<string, Planned>();
  const pending: {stage: string; from: Producer}[] = [];
  for (const name of order.sorted) {
    const stage = bound.get(name);
    const made = stage ? planStage(stage, planned, files, pending, spec.profile, report) : BROKEN;
    planned.set(name, made);
    if (stage && made.status === 'planned')
      checkFilesNamed(stage.spec, stage.module, made.instances.instances, project, report);
  }
  const instances = order.sorted.flatMap(name => {
    const stage = planned.get(name);
    return stage?.status === 'planned' ? stage.instances.instances : [];
  });
  checkIds(instances, spec, report);
  if (mistakes.length > 0) return err(inFileOrder(distinct(mistakes), spec));
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

/** What stands behind a YAML anchor is read once for each alias, and told once. */
function distinct(mistakes: readonly Diagnostic[]): readonly Diagnostic[] {
  const told: Diagnostic[] = [];
  mistakes.forEach(once(diagnostic => void told.push(diagnostic)));
  return told;
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

function checkPools(stages: Iterable<StageSpec>, pools: readonly string[], report: Report): void {
  for (const {resources} of stages) {
    if (resources.pool === null || pools.includes(resources.pool.value)) continue;
    const {value, span} = resources.pool;
    const near = closest(value, pools);
    const hint =
      near === undefined
        ? `known are ${pools.join(', ')}; add it to pipe.config.yaml: executors: {${value}: {kind: …}}`
        : `did you mean ${near}?`;
    report(mistake('unknown-pool', `expected the name of an executor, got '${value}'`, span, {hint}));
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
