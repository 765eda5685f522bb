// The runner of a pipeline, put together from the workspace, and what a command line selects of its plan.

import {explainChanges} from '../action/explain.ts';
import {closest} from '../core/closest.ts';
import type {Diagnostic} from '../core/diagnostic.ts';
import type {Digest} from '../core/digest.ts';
import {ok} from '../core/result.ts';
import type {ExecutorRouter} from '../exec/router.ts';
import type {InstanceId, Plan} from '../plan/plan.ts';
import {matchSelector, selectInstances} from '../plan/selection.ts';
import {DEFAULT_LARGE_COPY} from '../run/file-keeper.ts';
import type {Machine, Replan, Surroundings} from '../run/request.ts';
import {Runner} from '../run/runner.ts';
import type {Stores} from '../run/stores.ts';
import {dropOutputs} from '../store/temporary.ts';
import type {Config} from './config.ts';
import {localJobsOf} from './executor-config.ts';
import {destinationOf, openExecutors} from './executors.ts';
import {UserMistakes} from './exit.ts';
import {openPipeline, type Pipeline} from './pipeline.ts';
import {listPipelines, shortPipelineName} from './project.ts';
import {unplannedRequirements} from './requirements.ts';
import type {Options, Shell} from './shell.ts';
import {machineOf} from './workspace.ts';

/** For whoever is about to run: a pipeline that cannot be planned is also held against this machine. */
export async function openPipelineToRun(
  shell: Shell,
  args: readonly string[],
  options: Options,
): Promise<Pipeline> {
  return openPipeline(shell, args, options, async (spec, workspace, pools) => {
    const executors = await openExecutors(shell, workspace, null, machineOf(shell, options.jobs), options);
    const known = [...workspace.ledger.known(spec.name)];
    const hasRun = (stage: string): boolean => known.some(id => id === stage || id.startsWith(`${stage}[`));
    const missing = unplannedRequirements(spec, pools, {executors, env: shell.outside.env}, hasRun);
    await executors.close();
    return missing;
  });
}

export interface OpenRunner {
  readonly runner: Runner;
  readonly machine: Machine;
  readonly executors: ExecutorRouter;
  /** Ends the workers and closes the store. */
  close(): Promise<void>;
}

/** Cheap: workers are started when they are needed. */
export async function openRunner(shell: Shell, pipeline: Pipeline, options: Options): Promise<OpenRunner> {
  const {workspace} = pipeline;
  const surroundings = surroundingsOf(shell, pipeline, options);
  const {machine} = surroundings;
  const executors = await openExecutors(shell, workspace, pipeline.plan, machine, options);
  const runner = new Runner({stores: storesOf(pipeline), executors, surroundings});
  return {
    runner,
    machine,
    executors,
    async close() {
      await executors.close();
      await workspace.results.close();
    },
  };
}

/** All of the store that a run of this pipeline uses, and that whoever looks back at it reads. */
export function storesOf({workspace, plan}: Pipeline): Stores {
  return {
    blobs: workspace.blobs,
    files: workspace.files,
    cache: workspace.results,
    values: workspace.values,
    claims: workspace.claims,
    checkpoints: workspace.checkpoints,
    gate: workspace.gate,
    code: workspace.code,
    explain: (before, after) =>
      explainChanges(before, after, {
        manifestOf: code => workspace.code.manifestOf(code),
        filesOf: artifact => {
          const files = workspace.blobs.filesOf(artifact);
          return files.ok
            ? new Map(files.value.map(({path, digest}): [string, Digest] => [path, digest]))
            : undefined;
        },
      }),
    lastStateOf: id => workspace.ledger.last(plan.pipeline, id),
    dropOutputs: outputs => dropOutputs({...workspace, code: workspace.code.shelf}, outputs),
  };
}

export function surroundingsOf(shell: Shell, {workspace}: Pipeline, options: Options): Surroundings {
  const {outside} = shell;
  const machine = machineOf(shell, options.jobs ?? jobsOf(workspace.config) ?? undefined);
  return {
    project: workspace.project,
    cache: workspace.store,
    machine,
    destinationOf: destinationOf(workspace.config, options, machine),
    largeCopy: workspace.config.largeCopy ?? DEFAULT_LARGE_COPY,
    env: outside.env,
    now: outside.clock.now,
    random: outside.random,
  };
}

const jobsOf = ({executors, jobs}: Config): number | null => localJobsOf(executors) ?? jobs;

/** What a run is about. */
export interface RunScope {
  readonly selected: ReadonlySet<InstanceId>;
  readonly forced: ReadonlySet<InstanceId>;
  /** Those that targets name: what they made is to be there. */
  readonly wanted: ReadonlySet<InstanceId>;
  /** Plans and selects anew with the files that are there by then; `forced` and `wanted` grow with it. */
  readonly replan: Replan;
}

/** What targets, `--only`, `--from`, `--until` and `--force` mean. Throws `UserMistakes` for what selects nothing. */
export function chooseInstances(pipeline: Pipeline, options: Options): RunScope {
  const targets = pipeline.chosen.rest;
  const forced = new Set<InstanceId>();
  const wanted = new Set<InstanceId>();
  const select = (plan: Plan): ReadonlySet<InstanceId> => {
    const {only, from, until} = options;
    const selection = selectInstances(plan, {
      targets,
      ...(only && {only}),
      ...(from && {from}),
      ...(until && {until}),
    });
    if (!selection.ok) throw new UserMistakes(selection.error.map(each => orPipeline(each, pipeline)));
    const {ids} = selection.value;
    const meant = targets.flatMap(target => matched(plan, target));
    for (const id of meant) if (ids.has(id)) wanted.add(id);
    if (options.force) {
      const named = targets.length === 0 ? ids : meant;
      for (const id of named) if (ids.has(id)) forced.add(id);
    }
    return ids;
  };
  const selected = select(pipeline.plan);
  const replan: Replan = async files => {
    const planned = await pipeline.replan(files);
    if (!planned.ok) return planned;
    return ok({plan: planned.value, selected: select(planned.value)});
  };
  return {selected, forced, wanted, replan};
}

/** Where no pipeline was named, what is no stage may be meant as a pipeline. */
function orPipeline(diagnostic: Diagnostic, {chosen, workspace}: Pipeline): Diagnostic {
  const said = diagnostic.span?.file.text;
  if (chosen.because === null || diagnostic.code !== 'unknown-stage' || said === undefined) return diagnostic;
  const names = listPipelines(workspace.project).map(shortPipelineName);
  const near = closest(said, names);
  return near === undefined ? diagnostic : {...diagnostic, hint: `did you mean the pipeline ${near}?`};
}

function matched(plan: Plan, target: string): readonly InstanceId[] {
  const found = matchSelector(plan, target);
  return found.ok ? found.value : [];
}
