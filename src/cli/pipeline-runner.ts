// The runner of a pipeline, put together from the workspace, and what a command line selects of its plan.

import {explainChanges} from '../action/explain.ts';
import {closest} from '../core/closest.ts';
import type {Diagnostic} from '../core/diagnostic.ts';
import type {Digest} from '../core/digest.ts';
import {ok} from '../core/result.ts';
import type {Capabilities, Executor} from '../exec/executor.ts';
import {ProcessExecutor} from '../exec/process-executor.ts';
import type {InstanceId, Plan} from '../plan/plan.ts';
import {matchSelector, selectInstances} from '../plan/selection.ts';
import {DEFAULT_LARGE_COPY} from '../run/file-keeper.ts';
import type {Machine, Replan, Surroundings} from '../run/request.ts';
import {Runner} from '../run/runner.ts';
import type {Stores} from '../run/stores.ts';
import {localExecutorOf} from './executors.ts';
import {UserMistakes} from './exit.ts';
import {slurmExecutorOf} from './fleet.ts';
import type {Pipeline} from './pipeline.ts';
import {listPipelines, shortPipelineName} from './project.ts';
import type {Options, Shell} from './shell.ts';
import {machineOf, type Workspace} from './workspace.ts';

export interface OpenRunner {
  readonly runner: Runner;
  readonly machine: Machine;
  readonly capabilities: Capabilities;
  /** Ends the workers and closes the store. */
  close(): Promise<void>;
}

/** Cheap: workers are started when they are needed. */
export function openRunner(shell: Shell, pipeline: Pipeline, options: Options): OpenRunner {
  const {workspace} = pipeline;
  const surroundings = surroundingsOf(shell, pipeline, options);
  const {machine} = surroundings;
  const executor = executorOf(shell, workspace, machine);
  const runner = new Runner({stores: storesOf(pipeline), executor, surroundings});
  return {
    runner,
    machine,
    capabilities: executor.capabilities(),
    async close() {
      await executor.close();
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
  };
}

export function surroundingsOf(shell: Shell, {workspace}: Pipeline, options: Options): Surroundings {
  const {outside} = shell;
  return {
    project: workspace.project,
    cache: workspace.store,
    machine: machineOf(shell, options.jobs ?? workspace.config.jobs ?? undefined),
    largeCopy: workspace.config.largeCopy ?? DEFAULT_LARGE_COPY,
    env: outside.env,
    now: outside.clock.now,
    random: outside.random,
  };
}

/** What the settings say, with what it has to tell put between the lines of the display. */
function executorOf(shell: Shell, workspace: Workspace, machine: Machine): Executor {
  const {outside} = shell;
  const {config, project} = workspace;
  switch (config.executor) {
    case 'local': {
      const processes = new ProcessExecutor({env: outside.env, cwd: project});
      return localExecutorOf(workspace, processes, machine, outside.clock.now);
    }
    case 'slurm':
      return slurmExecutorOf(shell, workspace, config.slurm, text =>
        outside.stderr.screen.write(`! ${text}\n`),
      );
  }
}

/** What a run is about. */
export interface RunScope {
  readonly selected: ReadonlySet<InstanceId>;
  readonly forced: ReadonlySet<InstanceId>;
  /** Plans and selects anew with the files that are there by then; `forced` grows with it. */
  readonly replan: Replan;
}

/** What targets, `--only`, `--from`, `--until` and `--force` mean. Throws `UserMistakes` for what selects nothing. */
export function chooseInstances(pipeline: Pipeline, options: Options): RunScope {
  const targets = pipeline.chosen.rest;
  const forced = new Set<InstanceId>();
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
    if (options.force) {
      const named = targets.length === 0 ? [...ids] : targets.flatMap(target => matched(plan, target));
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
  return {selected, forced, replan};
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
