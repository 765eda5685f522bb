// Checkpoints beyond one machine: what a stage keeps for its next try goes to the shared store from time to time, so
// that the next try may be on another machine. Best effort: a checkpoint that cannot be sent costs the work since the last.

import {renameSync, statSync} from 'node:fs';
import {join} from 'node:path';
import type {Redis} from 'ioredis';
import * as z from 'zod';
import type {Fingerprint} from '../action/action.ts';
import {type Digest, isDigest} from '../core/digest.ts';
import {KEYS} from '../exec/queue/redis-link.ts';
import {namesIn, removeTree, temporaryName} from '../host/atomic-file.ts';
import {makeFolder} from '../host/folder.ts';
import type {Workspace} from './workspace.ts';

/** Between two looks at what a stage has kept. Milliseconds. */
const SEND_MS = 20_000;
const KEPT_SECONDS = 7 * 86_400;

const reference = z.object({
  kind: z.literal('folder'),
  digest: z.custom<Digest>(value => typeof value === 'string' && isDigest(value)),
  size: z.number(),
});

export class KeptCheckpoint {
  readonly #workspace: Workspace;
  readonly #redis: Redis;
  readonly #fingerprint: Fingerprint;
  #last = '';

  constructor(workspace: Workspace, redis: Redis, fingerprint: Fingerprint) {
    this.#workspace = workspace;
    this.#redis = redis;
    this.#fingerprint = fingerprint;
  }

  /** Puts what the last try sent where this one looks, unless this machine has something of its own. */
  async bring(): Promise<void> {
    const {blobs, checkpoints, store} = this.#workspace;
    const text = await this.#redis.get(KEYS.checkpointOf(this.#fingerprint));
    const folder = checkpoints.open(this.#fingerprint);
    if (text === null || !folder.ok || namesIn(folder.value).length > 0) return;
    const read = reference.safeParse(JSON.parse(text));
    if (!read.success || !(await blobs.bring(read.data)).ok) return;
    // In one step: a part of it would count as what the stage had kept.
    const staged = join(store, 'tmp', temporaryName());
    try {
      if ((await blobs.restore(read.data, staged, 'copy')).ok) renameSync(staged, folder.value);
    } finally {
      removeTree(staged);
    }
  }

  /** Sends from time to time, until the answer is called; it sends once more. */
  keep(): () => Promise<void> {
    let sending = Promise.resolve();
    const send = (): void => {
      sending = sending.then(() => this.#send()).catch(() => undefined);
    };
    const timer = setInterval(send, SEND_MS);
    return async () => {
      clearInterval(timer);
      send();
      await sending;
    };
  }

  /** Nobody goes on from it any more. */
  async drop(): Promise<void> {
    await this.#redis.del(KEYS.checkpointOf(this.#fingerprint));
  }

  /** A copy of a folder that was the same before and after is whole; another is left for the next time. */
  async #send(): Promise<void> {
    const {blobs, checkpoints, tier, store} = this.#workspace;
    const folder = checkpoints.open(this.#fingerprint);
    if (!folder.ok || tier === null) return;
    const before = stateOf(folder.value);
    if (before === '' || before === this.#last) return;
    const copy = join(store, 'tmp', temporaryName());
    makeFolder(join(store, 'tmp'));
    const {cp} = await import('node:fs/promises');
    try {
      await cp(folder.value, copy, {recursive: true, preserveTimestamps: true});
      if (stateOf(folder.value) !== before) return;
      const admitted = await blobs.admit(copy, 'folder', 'take');
      if (!admitted.ok || !(await tier.sendArtifacts([admitted.value])).ok) return;
      const text = JSON.stringify(admitted.value);
      await this.#redis.set(KEYS.checkpointOf(this.#fingerprint), text, 'EX', KEPT_SECONDS);
      this.#last = before;
    } finally {
      removeTree(copy);
    }
  }
}

/** Every file with its size and time; empty where there is none. */
function stateOf(folder: string, below = ''): string {
  return namesIn(join(folder, below))
    .sort()
    .map(name => {
      const path = join(below, name);
      const state = statSync(join(folder, path), {throwIfNoEntry: false});
      if (state === undefined) return `${path} gone`;
      return state.isDirectory() ? stateOf(folder, path) : `${path} ${state.size} ${state.mtimeMs}`;
    })
    .filter(text => text !== '')
    .join('\n');
}
