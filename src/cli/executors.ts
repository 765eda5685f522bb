// Executors, put together from the workspace: the only place that knows which parts each of them needs.

import {join} from 'node:path';
import {assertNever} from '../core/result.ts';
import {Auditor, findStrace} from '../exec/audit/auditor.ts';
import type {Executor} from '../exec/executor.ts';
import type {Squeue} from '../exec/fleet/squeue.ts';
import {LocalExecutor, type LocalMachine} from '../exec/local-executor.ts';
import {ProcessExecutor} from '../exec/process-executor.ts';
import {ExecutorRouter} from '../exec/router.ts';
import type {Plan} from '../plan/plan.ts';
import {contentStoreOf} from '../run/content.ts';
import type {Machine, Surroundings} from '../run/request.ts';
import {InputFiles} from '../store/blobs/input-files.ts';
import type {Config} from './config.ts';
import {
  type ExecutorConfig,
  LOCAL,
  type NamedExecutor,
  NO_EXECUTORS,
  nearExecutor,
} from './executor-config.ts';
import {refuse} from './exit.ts';
import type {Options, Shell} from './shell.ts';
import type {Workspace} from './workspace.ts';

/** Cheap: processes are started when they are needed. `now`: milliseconds since the epoch. */
export function localExecutorOf(
  workspace: Workspace,
  processes: ProcessExecutor,
  machine: LocalMachine,
  now: () => number,
  name = LOCAL,
  freeGpus?: number[],
): LocalExecutor {
  const {project, store, shelf, blobs, checkpoints, code} = workspace;
  return new LocalExecutor({
    name,
    processes,
    content: contentStoreOf({blobs, inputs: new InputFiles(shelf, blobs), checkpoints}),
    code,
    machine,
    ...(freeGpus === undefined ? {} : {freeGpus}),
    project,
    sandboxes: join(store, 'sandboxes'),
    now,
  });
}

/** The executors of the settings, for a run of `plan`, `null` for one that there is not; each is opened when something goes to it. */
export async function openExecutors(
  shell: Shell,
  workspace: Workspace,
  plan: Plan | null,
  machine: LocalMachine,
  options: Options,
): Promise<ExecutorRouter> {
  const {config} = workspace;
  const resolve = (name: string): NamedExecutor => namedExecutor(config, name);
  const makers = await loadMakers(kindsFor(config, plan, options));
  const squeue = makers.slurm?.squeueOf(shell, workspace) ?? null;
  return new ExecutorRouter({
    local: LOCAL,
    otherwise: chosenExecutor(config, options),
    nameOf: pool => resolve(pool).name,
    open: name => openExecutor(shell, workspace, machine, {...makers, squeue}, resolve(name), options),
  });
}

type Kind = ExecutorConfig['kind'];

/** What makes executors of other machines: their modules, a third of all, are loaded where something may go there. */
interface Makers {
  readonly queue: typeof import('./queue.ts') | null;
  readonly remote: typeof import('./remote.ts') | null;
  readonly slurm: typeof import('./fleet.ts') | null;
}

async function loadMakers(kinds: ReadonlySet<Kind>): Promise<Makers> {
  return {
    queue: kinds.has('queue') ? await import('./queue.ts') : null,
    remote: kinds.has('remote') ? await import('./remote.ts') : null,
    slurm: kinds.has('slurm') ? await import('./fleet.ts') : null,
  };
}

/** Kinds that stages of the plan may go to, or stages that are still to be planned. */
function kindsFor(config: Config, plan: Plan | null, options: Options): ReadonlySet<Kind> {
  const {byName} = config.executors;
  if (plan === null) return new Set([...byName.values()].map(({config: {kind}}) => kind));
  const {instances, pending} = plan;
  const isNamed = ({name}: NamedExecutor): boolean => pending.length > 0 || !NO_EXECUTORS.byName.has(name);
  const pools = new Set(instances.map(({resources}) => resources.pool));
  const used = [chosenExecutor(config, options), ...pools].flatMap(pool => byName.get(pool ?? LOCAL) ?? []);
  return new Set([...used, ...[...byName.values()].filter(isNamed)].map(({config: {kind}}) => kind));
}

/** `kindsFor` says beforehand where anything may go. */
function loaded<Maker>(maker: Maker | null): Maker {
  if (maker === null) throw new Error('Internal error: this kind of executor was not expected');
  return maker;
}

/** Where stages go that name no pool: what was asked for, else what the profile or the settings say. */
export function chosenExecutor({executors}: Pick<Config, 'executors'>, {executor, profile}: Options): string {
  const ofProfile = profile === undefined ? undefined : executors.byProfile.get(profile);
  return executor ?? ofProfile ?? executors.otherwise;
}

/** Where stages of a wish run, as far as that stands in keys: a pure function of the settings and of this machine. */
export function destinationOf(
  {executors}: Config,
  options: Options,
  machine: Machine,
): Surroundings['destinationOf'] {
  const otherwise = chosenExecutor({executors}, options);
  return ({pool, isBound}) => {
    const config = executors.byName.get(pool ?? (isBound ? LOCAL : otherwise))?.config;
    if (config === undefined || config.kind === 'local')
      return {platform: machine.system, gpus: machine.gpus.length, device: null};
    return {platform: config.platform ?? machine.system, gpus: config.gpus, device: config.device};
  };
}

function namedExecutor({executors}: Config, name: string): NamedExecutor {
  return (
    executors.byName.get(name) ??
    refuse(
      'unknown-executor',
      `expected the name of an executor, got '${name}'`,
      nearExecutor(name, executors.byName.keys()),
    )
  );
}

function auditorOf({outside, packageRoot}: Shell, {project, store}: Workspace): Auditor {
  const found = findStrace(outside.env.PATH ?? '');
  if ('missing' in found)
    return refuse('cannot-audit', `expected to see what stages read, but ${found.missing}`);
  const ours = ['dist', 'src', 'python', 'node_modules', 'package.json'].map(name => join(packageRoot, name));
  const own = [...ours, process.execPath, '/bin/bash', '/usr/bin/bash', '/usr/bin/setpriv', found.strace];
  return new Auditor(found.strace, {project, store, own});
}

/** What it has to tell is put between the lines of the display. */
function openExecutor(
  shell: Shell,
  workspace: Workspace,
  machine: LocalMachine,
  makers: Makers & {readonly squeue: Squeue | null},
  {name, config}: NamedExecutor,
  options: Options,
): Executor {
  const {outside} = shell;
  const notice = (text: string): void => outside.stderr.screen.write(`! ${text}\n`);
  if (options.audit === true && config.kind !== 'local') {
    return refuse('cannot-audit', 'expected stages that run on this machine for --audit', '--executor local');
  }
  switch (config.kind) {
    case 'local': {
      const auditor = options.audit === true ? auditorOf(shell, workspace) : undefined;
      const processes = new ProcessExecutor({
        env: outside.env,
        cwd: workspace.project,
        ...(auditor && {auditor}),
      });
      const cpus = name === LOCAL ? machine.cpus : (config.jobs ?? machine.cpus);
      return localExecutorOf(workspace, processes, {...machine, cpus}, outside.clock.now, name);
    }
    case 'queue':
      return loaded(makers.queue).queueExecutorOf(shell, workspace, {name, config}, notice);
    case 'remote':
      return loaded(makers.remote).remoteExecutorOf(shell, workspace, {name, config});
    case 'slurm':
      return loaded(makers.slurm).slurmExecutorOf(
        shell,
        workspace,
        {name, config},
        loaded(makers.squeue),
        notice,
      );
    default:
      return assertNever(config);
  }
}
