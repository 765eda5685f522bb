// Checkpoints: one folder per action, which survives kills, is handed back to the next try and dropped on success.
// It is no part of any key; nothing below the stage ever sees it.

import {mkdirSync, statSync} from 'node:fs';
import {join} from 'node:path';
import type {Fingerprint} from '../../action/action.ts';
import {isDigest} from '../../core/digest.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {namesIn, removeTree} from '../../host/atomic-file.ts';
import {ioError, type StoreError} from '../store-error.ts';

export class Checkpoints {
  readonly #folder: string;

  /** `store`: the store's folder. */
  constructor(store: string) {
    this.#folder = join(store, 'checkpoints');
  }

  /** The folder for an action, with whatever its last try left there. Only the holder of the action's claim may ask. */
  open(fingerprint: Fingerprint): Result<string, StoreError> {
    const path = join(this.#folder, fingerprint);
    try {
      mkdirSync(path, {recursive: true});
      return ok(path);
    } catch (error) {
      return err(ioError(error, path));
    }
  }

  /** The action has succeeded: what it kept for the next try is in nobody's interest any more. */
  drop(fingerprint: Fingerprint): void {
    removeTree(join(this.#folder, fingerprint));
  }

  /** Every checkpoint with the time (milliseconds since the epoch) at which something was last put into it. */
  list(): ReadonlyArray<{readonly fingerprint: Fingerprint; readonly changedAt: number}> {
    return namesIn(this.#folder)
      .filter(isDigest)
      .map(name => ({fingerprint: name as Fingerprint, changedAt: newest(join(this.#folder, name))}));
  }
}

function newest(path: string): number {
  const state = statSync(path, {throwIfNoEntry: false});
  if (state === undefined) return 0;
  if (!state.isDirectory()) return state.mtimeMs;
  return Math.max(state.mtimeMs, ...namesIn(path).map(name => newest(join(path, name))));
}
