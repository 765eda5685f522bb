// The stores of a worker: each shared store that jobs name, with a local one beside it that keeps what was fetched; and how
// one job is run between them.

import {homedir} from 'node:os';
import {join, resolve} from 'node:path';
import type {Artifact, Fingerprint} from '../action/action.ts';
import {type Digest, digestBytes} from '../core/digest.ts';
import type {LocalExecutor} from '../exec/local-executor.ts';
import type {PilotMessage} from '../exec/pilot.ts';
import {ProcessExecutor} from '../exec/process-executor.ts';
import type {ReadJob} from '../exec/queue/queue-job.ts';
import type {RedisLink} from '../exec/queue/redis-link.ts';
import {decodeAction} from '../store/index/row-schema.ts';
import {WorkerCache} from '../store/worker-cache.ts';
import {localExecutorOf} from './executors.ts';
import {artifactsOf} from './fleet.ts';
import {KeptCheckpoint} from './kept-checkpoints.ts';
import {type PilotJob, pilotAction, secretsFrom} from './piloting.ts';
import type {Options, Shell} from './shell.ts';
import {machineOf, openWorkspace, type Workspace} from './workspace.ts';

/** Between TERM and KILL of a stage, when the worker leaves. Milliseconds. */
const GRACE_MS = 2_000;

export class WorkerStores {
  readonly #shell: Shell;
  readonly #options: Options;
  readonly #open = new Map<string, Promise<OpenStore>>();
  /** Ids that are free: all that runs here takes them out of one list. */
  readonly #gpus: number[];
  readonly #maxBytes: number | null;

  /** `maxBytes`: what each may keep; `null` for all. */
  constructor(shell: Shell, options: Options, maxBytes: number | null) {
    this.#shell = shell;
    this.#options = options;
    this.#gpus = [...(options.gpus ?? machineOf(shell, undefined).gpus)];
    this.#maxBytes = maxBytes;
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
      const {workspace, executor, cache} = await this.#of(address, job.executor);
      const kept = new KeptCheckpoint(workspace, link.commands, fingerprint);
      if (orders.keepsCheckpoint) await kept.bring();
      const stopKeeping = orders.keepsCheckpoint ? kept.keep() : undefined;
      const sent = {
        fingerprint,
        orders,
        variables: {...secretsFrom(this.#shell.outside.env, orders), ...job.env},
        waitedMs,
      };
      const last = await cache.during(
        () => pilotAction(workspace, executor, sent, tell, signal),
        () => usedBy(workspace, sent),
      );
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
    const cache = new WorkerCache({...workspace, maxBytes: this.#maxBytes});
    return {workspace, executor, cache};
  }
}

/** Everything that a job read and gave. */
async function usedBy(
  {blobs, cache}: Workspace,
  {fingerprint, orders}: PilotJob,
): Promise<readonly Artifact[]> {
  const bytes = blobs.read(fingerprint);
  const action = bytes.ok ? decodeAction(bytes.value.toString('utf8')) : undefined;
  if (action === undefined) return [];
  const file = (digest: Digest): Artifact => ({kind: 'file', digest, size: 0});
  const results = await cache.resultsOf(fingerprint);
  return [
    file(fingerprint),
    ...artifactsOf({...orders, action}),
    ...(results.ok ? results.value.flatMap(({outputs, log}) => [...Object.values(outputs), file(log)]) : []),
  ];
}

interface OpenStore {
  readonly workspace: Workspace;
  readonly executor: LocalExecutor;
  readonly cache: WorkerCache;
}

const defaultFolder = ({XDG_CACHE_HOME}: Readonly<Record<string, string | undefined>>): string =>
  join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'pipe-worker');
