// From the arguments of a command to a plan: chooses the pipeline, reads it, loads declarations, plans; or takes the
// plan of an earlier run while nothing that it was made from has changed.

import {readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {Diagnostic} from '../core/diagnostic.ts';
import {byCodeUnit} from '../core/json.ts';
import {ok, type Result} from '../core/result.ts';
import {writeAtomically} from '../host/atomic-file.ts';
import {readStoreFile} from '../host/store-file.ts';
import {isSystemError} from '../host/system-error.ts';
import type {Plan} from '../plan/plan.ts';
import {NO_FILES, type PlanFiles} from '../plan/plan-files.ts';
import type {PipelineSpec} from '../spec/spec.ts';
import {UserMistakes} from './exit.ts';
import type {Planned, Planner} from './pipeline-planner.ts';
import {diskTrees, type KeptPlan, PlanCache, type PlanQuestion} from './plan-cache.ts';
import {type Chosen, choosePipeline} from './project.ts';
import type {Options, Shell} from './shell.ts';
import {openWorkspace, type Workspace} from './workspace.ts';

export interface Pipeline {
  readonly workspace: Workspace;
  readonly chosen: Chosen;
  readonly plan: Plan;
  readonly warnings: readonly Diagnostic[];
  /** Plans anew with files that stages made. */
  readonly replan: (files: PlanFiles) => Promise<Planned>;
  /** The pipeline as it is written, for places: loaded only when it is asked for. */
  readonly spec: () => Promise<PipelineSpec>;
}

/** What else is wrong with a pipeline that cannot be planned, so that everything is told at once. */
export type AlsoWrong = (
  spec: PipelineSpec,
  workspace: Workspace,
  pools: readonly string[],
) => Promise<readonly Diagnostic[]>;

/** Opens the pipeline that the arguments mean and plans it. Throws `UserMistakes` with all that is wrong with it. */
export async function openPipeline(
  shell: Shell,
  args: readonly string[],
  options: Options,
  alsoWrong?: AlsoWrong,
): Promise<Pipeline> {
  const chosen = choosePipeline(args, shell.outside.cwd, lastPipeline);
  if (chosen.because !== null && !options.json) {
    shell.outside.stderr.screen.write(`${chosen.file}: ${chosen.because}\n`);
  }
  const {executor} = options;
  const workspace = await openWorkspace(shell, chosen.project, executor === undefined ? {} : {executor});
  return planChosen(shell, workspace, chosen, options, alsoWrong);
}

export async function planChosen(
  shell: Shell,
  workspace: Workspace,
  chosen: Chosen,
  options: Options,
  alsoWrong: AlsoWrong = async () => [],
): Promise<Pipeline> {
  const folders = {project: workspace.project, packageRoot: shell.packageRoot};
  const cache = new PlanCache(workspace.store, folders, workspace.code, buildOf(shell.version));
  const question: PlanQuestion = {
    file: chosen.file,
    profile: options.profile ?? null,
    set: options.set ?? [],
    pools: [...workspace.config.executors.byName.keys()].sort(byCodeUnit),
  };
  const text = readFileSync(chosen.path, 'utf8');
  let planner: Promise<Planner> | undefined;
  const loadPlanner = (): Promise<Planner> =>
    (planner ??= (async () => {
      const {openPlanner} = await import('./pipeline-planner.ts');
      return openPlanner({text, question, workspace, folders, trees: diskTrees(workspace.store)});
    })());
  const planWith = async (files: PlanFiles): Promise<Result<KeptPlan, readonly Diagnostic[]>> => {
    const known = await cache.find(question, text, files);
    if (known !== undefined) return ok(known);
    const planner = await loadPlanner();
    const planned = await planner.plan(files);
    if (!planned.ok) return planned;
    const made = {plan: planned.value, warnings: files.size === 0 ? planner.warnings() : []};
    await cache.keep(question, text, files, planner.observed(), made);
    return ok(made);
  };
  const planned = await planWith(NO_FILES);
  if (!planned.ok) {
    const {spec} = await loadPlanner();
    throw new UserMistakes([...planned.error, ...(await alsoWrong(spec, workspace, question.pools))]);
  }
  const {plan, warnings} = planned.value;
  return {
    workspace,
    chosen,
    plan,
    warnings,
    async replan(files) {
      const again = await planWith(files);
      return again.ok ? ok(again.value.plan) : again;
    },
    spec: async () => (await loadPlanner()).spec,
  };
}

/**
 * Names this build of `pipe`, so that a plan is never older than the planner. Chunks are named by their content, so
 * whatever changes shows in the file that names them. From the sources there is no such file.
 */
function buildOf(version: string): string | null {
  const file = fileURLToPath(import.meta.url);
  if (file.endsWith('.ts')) return null;
  const {mtimeMs, size} = statSync(join(file, '..', 'cli.js'), {throwIfNoEntry: false}) ?? {
    mtimeMs: 0,
    size: 0,
  };
  return `${version} ${mtimeMs} ${size}`;
}

const lastFile = (project: string): string => join(project, 'cache', 'plans', 'last-pipeline');

/** The pipeline that was run last in a project, relative to it. */
export function lastPipeline(project: string): string | null {
  const path = lastFile(project);
  const file = readStoreFile(path)?.toString('utf8').trim();
  return file === undefined || file === '' ? null : file;
}

export function rememberPipeline({chosen, workspace}: Pipeline): void {
  if (lastPipeline(workspace.project) === chosen.file) return;
  try {
    writeAtomically(lastFile(workspace.project), `${chosen.file}\n`);
  } catch (error) {
    // The next run has to name it: no reason to end this one.
    if (!isSystemError(error)) throw error;
  }
}
