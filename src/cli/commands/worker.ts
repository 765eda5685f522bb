// `pipe worker URL`: takes jobs from a queue in Redis and runs them on this machine, until it is told to leave. Bytes
// come from and go to the store that it shares with whoever sent them; it needs nothing else of them.

import {setMaxListeners} from 'node:events';
import {availableParallelism, homedir, hostname, totalmem} from 'node:os';
import {join, resolve} from 'node:path';
import {createInterface, type Interface} from 'node:readline';
import {type Fingerprint, platformText} from '../../action/action.ts';
import {digestBytes} from '../../core/digest.ts';
import type {LocalExecutor} from '../../exec/local-executor.ts';
import type {PilotMessage} from '../../exec/pilot.ts';
import {ProcessExecutor} from '../../exec/process-executor.ts';
import type {ReadJob} from '../../exec/queue/queue-job.ts';
import {QueueWorker} from '../../exec/queue/queue-worker.ts';
import {RedisLink} from '../../exec/queue/redis-link.ts';
import type {WorkerMeans} from '../../exec/queue/shape.ts';
import {ownPlatform} from '../../host/platform.ts';
import {parseSize} from '../../spec/quantity.ts';
import {localExecutorOf} from '../executors.ts';
import {EXIT, type ExitCode, refuse} from '../exit.ts';
import {KeptCheckpoint} from '../kept-checkpoints.ts';
import {pilotAction, secretsFrom} from '../piloting.ts';
import {requireQueuePackages} from '../queue.ts';
import {isRedisUrl, withoutPassword} from '../queue-config.ts';
import type {Invocation, Options, Shell} from '../shell.ts';
import {machineOf, openWorkspace, type Workspace} from '../workspace.ts';

/** How long a worker may be silent before its jobs go to others, where nothing is said. Seconds. */
const LEASE = 30;
/** Between TERM and KILL of a stage, when the worker leaves. Milliseconds. */
const GRACE_MS = 2_000;

export async function worker(shell: Shell, invocation: Invocation): Promise<ExitCode> {
  const {args, options} = invocation;
  const {outside} = shell;
  const isTied = args[0] === '-';
  // What starts it by ssh says the address on its input, and is gone when that ends.
  const lines = isTied ? createInterface(process.stdin) : undefined;
  const url = lines === undefined ? (args[0] ?? '') : await firstOf(lines);
  if (!isRedisUrl(url))
    refuse('bad-url', `expected the address of a Redis server, got '${url}'`, 'such as redis://lab:6379');
  if (options.ssh !== undefined) {
    const {workersBySsh} = await import('../worker-ssh.ts');
    return workersBySsh(shell, url, options.ssh.split(','), options);
  }
  requireQueuePackages(shell);
  const say = (text: string): void => outside.stderr.screen.write(`${text}\n`);
  const place = withoutPassword(url);
  const link = await RedisLink.open(
    url,
    message => say(`! ${place} does not answer: ${message}; waiting for it`),
    () => say(`listening at ${place}`),
  );
  const leaving = new AbortController();
  setMaxListeners(0, leaving.signal);
  const release = outside.onInterrupt(() => leaving.abort());
  const means = meansOf(shell, options);
  say(introduction(means));
  const stores = new WorkerStores(shell, options);
  const queue = new QueueWorker({
    link,
    means,
    host: hostname(),
    pid: process.pid,
    leaseMs: (options.lease ?? LEASE) * 1000,
    now: outside.clock.now,
    notice: text => say(`! ${text}`),
    run: (fingerprint, job, waitedMs, tell, signal) =>
      stores.run(link, fingerprint, job, waitedMs, tell, signal),
  });
  lines?.once('close', () => leaving.abort());
  try {
    await queue.work(leaving.signal);
    return EXIT.ok;
  } finally {
    release();
    await stores.close();
    link.close();
    lines?.close();
  }
}

const firstOf = (lines: Interface): Promise<string> =>
  new Promise(resolve => {
    lines.once('line', resolve);
    lines.once('close', () => resolve(''));
  });

function meansOf(shell: Shell, options: Options): WorkerMeans {
  const {gpus} = machineOf(shell, options.jobs);
  const memory = options.memory === undefined ? totalmem() : parseSize(options.memory);
  if (memory === null) return refuse('bad-size', `expected a size such as 16GB, got '${options.memory}'`);
  return {
    version: shell.version,
    platform: ownPlatform(),
    labels: options.label ?? [],
    cpus: options.jobs ?? availableParallelism(),
    memory: Math.floor(memory / 2 ** 20),
    gpus: (options.gpus ?? gpus).length,
  };
}

/** What it takes, so that nobody has to guess why a job waits. */
function introduction({version, platform, labels, cpus, memory, gpus}: WorkerMeans): string {
  const tags = labels.length === 0 ? 'without a label' : `with no label or of ${labels.join(', ')}`;
  return `takes jobs of pipe ${version}, for ${platformText(platform)} or any platform, ${tags}; up to ${cpus} CPU slots, ${memory} MiB, ${gpus} GPUs at once`;
}

/** The stores that jobs name, each with a local one beside it that keeps what has been fetched. */
class WorkerStores {
  readonly #shell: Shell;
  readonly #options: Options;
  readonly #open = new Map<string, Promise<OpenStore>>();
  /** Ids that are free: all that runs here takes them out of one list. */
  readonly #gpus: number[];

  constructor(shell: Shell, options: Options) {
    this.#shell = shell;
    this.#options = options;
    this.#gpus = [...(options.gpus ?? machineOf(shell, undefined).gpus)];
  }

  async run(
    link: RedisLink,
    fingerprint: Fingerprint,
    job: ReadJob,
    waitedMs: number,
    tell: (message: PilotMessage) => void,
    signal: AbortSignal,
  ): Promise<PilotMessage> {
    const address = this.#options.store ?? this.#shell.outside.env.PIPE_STORE ?? job.store;
    const mirror = this.#options.mirror ?? null;
    const orders = {...job.orders, mirror: mirror === null ? null : resolve(this.#shell.outside.cwd, mirror)};
    try {
      const {workspace, executor} = await this.#of(address, job.executor);
      const kept = new KeptCheckpoint(workspace, link.commands, fingerprint);
      if (orders.keepsCheckpoint) await kept.bring();
      const stopKeeping = orders.keepsCheckpoint ? kept.keep() : undefined;
      const sent = {
        fingerprint,
        orders,
        variables: {...secretsFrom(this.#shell.outside.env, orders), ...job.env},
        waitedMs,
      };
      const last = await pilotAction(workspace, executor, sent, tell, signal);
      if (last.type === 'done') await kept.drop();
      else await stopKeeping?.();
      // A store that was down for a moment is asked again by the next job.
      if (last.type === 'lost') this.#forget(address);
      return last;
    } catch (error) {
      this.#forget(address);
      return {type: 'lost', message: error instanceof Error ? error.message : String(error)};
    }
  }

  async close(): Promise<void> {
    for (const opening of this.#open.values()) {
      const {workspace, executor} = await opening;
      await executor.close();
      await workspace.results.close();
    }
  }

  #forget(address: string): void {
    for (const key of this.#open.keys()) if (key.startsWith(`${address}\n`)) this.#open.delete(key);
  }

  #of(address: string, executor: string): Promise<OpenStore> {
    const key = `${address}\n${executor}`;
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const opening = this.#openStore(address, executor);
    this.#open.set(key, opening);
    return opening;
  }

  async #openStore(address: string, name: string): Promise<OpenStore> {
    const shell = this.#shell;
    const {outside} = shell;
    const folder = this.#options.folder ?? defaultFolder(outside.env);
    // Several workers of one machine may share what they fetched.
    const scratch = join(resolve(outside.cwd, folder), digestBytes(address).slice(0, 12));
    const workspace = await openWorkspace(shell, outside.cwd, {scratch, remote: address});
    const machine = machineOf(shell, this.#options.jobs);
    const processes = new ProcessExecutor({env: outside.env, cwd: workspace.project, graceMs: GRACE_MS});
    const executor = localExecutorOf(workspace, processes, machine, outside.clock.now, name, this.#gpus);
    // What a worker that was killed has left running here.
    await executor.sweep();
    return {workspace, executor};
  }
}

interface OpenStore {
  readonly workspace: Workspace;
  readonly executor: LocalExecutor;
}

const defaultFolder = ({XDG_CACHE_HOME}: Readonly<Record<string, string | undefined>>): string =>
  join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'pipe-worker');
