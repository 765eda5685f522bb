// What is out there for a project, also after the coordinator that sent it is gone: jobs that wait in post offices or
// run in pilots, operations on build farms, coordinators in the background: read from what each executor keeps on disk; and
// jobs in queues, for which their server is asked.

import {execFile} from 'node:child_process';
import {promisify} from 'node:util';
import {assertNever} from '../core/result.ts';
import type {Post} from '../exec/fleet/post.ts';
import {pilotJobName} from '../exec/fleet/slurm.ts';
import {untilAborted} from '../exec/queue/abort.ts';
import {queuedBy} from '../exec/queue/queued.ts';
import {RedisLink} from '../exec/queue/redis-link.ts';
import {endCoordinator, listCoordinators} from './detached.ts';
import type {NamedExecutor} from './executor-config.ts';
import {postOf} from './fleet.ts';
import {hasQueuePackages, senderOf} from './queue.ts';
import {type QueueConfig, withoutPassword} from './queue-config.ts';
import {buildServerOf, operationsOf} from './remote.ts';
import type {RemoteConfig} from './remote-config.ts';
import type {Shell} from './shell.ts';
import type {SlurmConfig} from './slurm-config.ts';
import type {Workspace} from './workspace.ts';

export type JobState = 'waiting' | 'running' | 'silent' | 'over' | 'unknown';

export interface OutsideJob {
  readonly executor: string;
  /** As its executor calls it: a pilot, an operation, a process. */
  readonly job: string;
  /** The instance, or the command line of a coordinator. */
  readonly what: string;
  readonly state: JobState;
  /** The host that runs it; empty where nobody does, or nobody says. */
  readonly host: string;
  /** When it was sent: milliseconds since the epoch. */
  readonly since: number;
}

export interface FoundJob extends OutsideJob {
  /** A wish: whoever has it ends it in its own time. */
  readonly cancel: () => Promise<void>;
}

const run = promisify(execFile);
/** How long a server may take to answer. Milliseconds. */
const ANSWER_MS = 5_000;

export async function findJobs(shell: Shell, workspace: Workspace): Promise<readonly FoundJob[]> {
  const found: FoundJob[] = listCoordinators(workspace.store).map(coordinator => ({
    executor: 'coordinator',
    job: String(coordinator.pid),
    what: coordinator.argv.join(' '),
    state: coordinator.isAlive === 'unknown' ? 'unknown' : coordinator.isAlive ? 'running' : 'over',
    host: '',
    since: coordinator.since,
    cancel: async () => endCoordinator(coordinator),
  }));
  for (const [name, named] of workspace.config.executors.byName) {
    // Another name of the same executor.
    if (named.name !== name) continue;
    found.push(...(await jobsOf(shell, workspace, named)));
  }
  return found;
}

async function jobsOf(
  shell: Shell,
  workspace: Workspace,
  {name, config}: NamedExecutor,
): Promise<readonly FoundJob[]> {
  switch (config.kind) {
    case 'local':
      return [];
    case 'queue':
      return queuedJobs(shell, workspace, {name, config});
    case 'slurm':
      return postedJobs(name, postOf(workspace, {name, config}), config.silence * 1000);
    case 'remote':
      return operationsOn(shell, workspace, {name, config});
    default:
      return assertNever(config);
  }
}

/** `silentMs`: a pilot that shows no sign of life for so long is not believed to run. */
function postedJobs(executor: string, post: Post, silentMs: number): readonly FoundJob[] {
  const signs = new Map(post.pilots().map(sign => [sign.pilot, sign]));
  return post.jobs().map(({fingerprint, shape, orders, postedAt, pilot}) => {
    const sign = pilot === null ? undefined : signs.get(pilot);
    const isLively = sign !== undefined && sign.silentMs < silentMs;
    return {
      executor,
      job: pilot ?? '',
      what: orders.label,
      state: pilot === null ? 'waiting' : isLively ? 'running' : 'silent',
      host: sign?.host ?? '',
      since: postedAt,
      cancel: async () => {
        if (!post.withdraw(fingerprint, shape)) post.stop(fingerprint);
      },
    };
  });
}

async function queuedJobs(
  shell: Shell,
  workspace: Workspace,
  {name, config}: NamedExecutor<QueueConfig>,
): Promise<readonly FoundJob[]> {
  if (!hasQueuePackages(shell)) return [];
  const {now} = shell.outside.clock;
  const asked = await atServer(config.url, link => queuedBy(senderOf(workspace), link, now));
  if (asked === undefined) {
    const what = `${withoutPassword(config.url)} does not answer`;
    return [
      {executor: name, job: '', what, state: 'unknown', host: '', since: now(), cancel: async () => {}},
    ];
  }
  return asked.map(({label, worker, host, postedAt, cancel}) => ({
    executor: name,
    job: worker,
    what: label,
    state: worker === '' ? 'waiting' : host === '' ? 'silent' : 'running',
    host,
    since: postedAt,
    async cancel() {
      await atServer(config.url, cancel);
    },
  }));
}

/** `undefined` where the server does not answer in time. */
async function atServer<T>(url: string, ask: (link: RedisLink) => Promise<T>): Promise<T | undefined> {
  const link = await RedisLink.open(
    url,
    () => undefined,
    () => undefined,
  );
  try {
    return await untilAborted(ask(link), AbortSignal.timeout(ANSWER_MS));
  } finally {
    link.close();
  }
}

async function operationsOn(
  shell: Shell,
  workspace: Workspace,
  {name, config}: NamedExecutor<RemoteConfig>,
): Promise<readonly FoundJob[]> {
  const operations = operationsOf(workspace, name);
  const known = operations.list();
  if (known.length === 0) return [];
  const server = buildServerOf(shell, config);
  try {
    return await Promise.all(
      known.map(async ({operation, label, since}): Promise<FoundJob> => {
        const goesOn = await server.isGoingOn(operation);
        return {
          executor: name,
          job: operation,
          what: label,
          state: goesOn === undefined ? 'unknown' : goesOn ? 'running' : 'over',
          host: '',
          since,
          async cancel() {
            const asked = buildServerOf(shell, config);
            await asked.cancel(operation);
            asked.close();
          },
        };
      }),
    );
  } finally {
    server.close();
  }
}

/** Ends the pilots of every Slurm executor: nothing is left for them. Answers what Slurm says where it does not. */
export async function endPilots(workspace: Workspace): Promise<string | undefined> {
  const {executors} = workspace.config;
  const slurms = [...executors.byName.values()].filter(
    (named): named is NamedExecutor<SlurmConfig> => named.config.kind === 'slurm',
  );
  for (const named of slurms) {
    const post = postOf(workspace, named);
    if (!post.isOpen) continue;
    try {
      await run('scancel', ['--quiet', `--name=${pilotJobName(post.folder)}`]);
    } catch (error) {
      return error instanceof Error ? (error.message.split('\n').at(-1) ?? '') : String(error);
    }
  }
  return undefined;
}
