// An executor that has nothing of this process: for each action it starts `pipe exec` as an executor on another machine
// would, in an empty folder, with the store and the fingerprint and the orders. What it is told comes as lines.

import {type ChildProcess, spawn} from 'node:child_process';
import {mkdtempSync, realpathSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {actionText} from '../../src/action/action.ts';
import type {Assignment, Capabilities, Ending, ExecutionListener, Executor} from '../../src/exec/executor.ts';
import {ordersOf, type PilotMessage, parsePilotMessage} from '../../src/exec/pilot.ts';
import type {ActionCache, BlobStore} from '../../src/store/store.ts';
import {cli} from './cli-project.ts';

type LastWord = Exclude<PilotMessage, {type: 'log' | 'progress' | 'free' | 'placed'}>;

export class LoopbackExecutor implements Executor {
  readonly #store: string;
  readonly #blobs: BlobStore;
  readonly #cache: ActionCache;
  /** Empty: whatever a pilot needs of a project has to be in the action. */
  readonly #folder = realpathSync(mkdtempSync(join(tmpdir(), 'pipe-pilot-')));
  readonly #pilots = new Set<ChildProcess>();

  constructor(store: string, blobs: BlobStore, cache: ActionCache) {
    this.#store = store;
    this.#blobs = blobs;
    this.#cache = cache;
  }

  capabilities(): Capabilities {
    return {name: 'loopback', cpus: 4, memory: 0, gpus: 0, isElastic: true, cannot: []};
  }

  room(): undefined {
    return undefined;
  }

  async execute(assignment: Assignment, listener: ExecutionListener, signal: AbortSignal): Promise<Ending> {
    if (signal.aborted) return {status: 'cancelled'};
    const put = this.#blobs.putBytes(actionText(assignment.action));
    if (!put.ok) throw new Error(JSON.stringify(put.error));
    const orders = JSON.stringify(ordersOf(assignment));
    const args = [cli, 'exec', assignment.fingerprint, '--store', this.#store, '--orders', orders];
    const {PATH = ''} = process.env;
    const child = spawn(process.execPath, args, {
      cwd: this.#folder,
      env: {PATH, ...assignment.env},
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#pilots.add(child);
    const stop = (): void => void child.kill('SIGTERM');
    signal.addEventListener('abort', stop, {once: true});
    let last: LastWord | undefined;
    createInterface(child.stdout).on('line', line => {
      const message = parsePilotMessage(line);
      if (message === undefined) return;
      if (message.type === 'log') listener.onLog(message.stream, message.text);
      else if (message.type === 'progress') listener.onProgress(message.progress);
      else if (message.type === 'free') listener.onFree();
      else if (message.type === 'placed') listener.onPlaced(message.host);
      else last = message;
    });
    await new Promise(resolve => child.once('close', resolve));
    signal.removeEventListener('abort', stop);
    this.#pilots.delete(child);
    return this.#endingOf(assignment, last);
  }

  /** The record beats the word: a pilot that was killed after it had recorded has done its work. */
  async #endingOf(assignment: Assignment, last: LastWord | undefined): Promise<Ending> {
    switch (last?.type) {
      case 'failed': {
        const {failure, logTail, log, advice} = last;
        return {status: 'failed', failure, logTail, log, advice};
      }
      case 'cancelled':
        return {status: 'cancelled'};
      case 'lost':
        return {status: 'lost', message: last.message};
      case 'done':
      case undefined: {
        const lookup = await this.#cache.lookup(assignment.fingerprint, undefined, assignment.action);
        if (!lookup.ok || lookup.value.status !== 'hit')
          return {status: 'lost', message: 'its pilot is gone'};
        return {status: 'done', result: lookup.value.result, notices: last?.notices ?? []};
      }
    }
  }

  /** Kills every pilot, as a node that fails does. */
  killPilots(): void {
    for (const pilot of this.#pilots) pilot.kill('SIGKILL');
  }

  async attach(): Promise<undefined> {
    return undefined;
  }

  async sweep(): Promise<void> {}

  async rest(): Promise<void> {}

  async close(): Promise<void> {
    rmSync(this.#folder, {recursive: true, force: true});
  }
}
