// Checkpoints: one folder per action, which survives kills, is handed back to the next try and dropped on success.
// It is no part of any key; nothing below the stage ever sees it. Below it each process has a folder of its own, so that
// a stage whose runner was only thought dead never writes where another one does by now.

import {constants, cpSync, renameSync, statSync} from 'node:fs';
import {join} from 'node:path';
import type {Fingerprint} from '../../action/action.ts';
import {isDigest} from '../../core/digest.ts';
import {byCodeUnit} from '../../core/json.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {
  namesIn,
  removeAtOnce,
  removeFile,
  removeOrphans,
  removeTree,
  temporaryName,
  writeAtomically,
} from '../../host/atomic-file.ts';
import {makeFolder} from '../../host/folder.ts';
import {identityIn, identityLabel, isNeighbour, ownIdentity} from '../../host/process-identity.ts';
import {readStoreFile} from '../../host/store-file.ts';
import {ioError, type StoreError} from '../store-error.ts';

/** Beside the folders of processes. */
const ORIGIN = 'origin';

export class Checkpoints {
  readonly #store: string;
  readonly #folder: string;

  /** `store`: the store's folder. */
  constructor(store: string) {
    this.#store = store;
    this.#folder = join(store, 'checkpoints');
  }

  /**
   * The folder for an action, with whatever its last try left. Only the holder of the action's claim may ask, when
   * nothing runs any more of what an earlier holder started here.
   */
  open(fingerprint: Fingerprint): Result<string, StoreError> {
    const folder = join(this.#folder, fingerprint);
    const own = join(folder, identityLabel(ownIdentity()));
    try {
      makeFolder(folder);
      const last = newestIn(folder);
      if (last === undefined) makeFolder(own);
      else if (join(folder, last) !== own) this.#inherit(folder, last, own);
      return ok(own);
    } catch (error) {
      return err(ioError(error, own));
    }
  }

  /**
   * Puts what `bring` makes at a path into a folder in which no try has left anything, whole or not at all; `origin`: the
   * action that it is the state of. Answers whether the checkpoint of this action began with that, in whatever try. Where it
   * cannot be brought, the work begins from the start.
   */
  async fill(
    fingerprint: Fingerprint,
    own: string,
    origin: Fingerprint,
    bring: (to: string) => Promise<boolean>,
  ): Promise<Result<boolean, StoreError>> {
    const path = join(this.#folder, fingerprint, ORIGIN);
    let staged: string | undefined;
    try {
      if (namesIn(own).length > 0) return ok(readStoreFile(path)?.toString('latin1') === origin);
      staged = this.#newTemporary();
      if (!(await bring(staged))) {
        removeFile(path);
        return ok(false);
      }
      // Before the state: one without a name would count as the stage's own.
      writeAtomically(path, origin, 'fleeting', this.#newTemporary());
      renameSync(staged, own);
      return ok(true);
    } catch (error) {
      return err(ioError(error, path));
    } finally {
      if (staged !== undefined) removeTree(staged);
    }
  }

  /** The action has succeeded: what it kept for the next try is in nobody's interest any more, and never there in part. */
  drop(fingerprint: Fingerprint): void {
    removeAtOnce(join(this.#folder, fingerprint), join(this.#store, 'tmp'));
  }

  /** Every checkpoint with the time (milliseconds since the epoch) at which something was last put into it. */
  list(): ReadonlyArray<{readonly fingerprint: Fingerprint; readonly changedAt: number}> {
    return namesIn(this.#folder)
      .filter(isDigest)
      .map(name => ({fingerprint: name as Fingerprint, changedAt: changedAt(join(this.#folder, name))}));
  }

  /** Takes over what an earlier try left: as it is, or a copy where its stage may be running in another container. */
  #inherit(folder: string, last: string, own: string): void {
    removeTree(own);
    const identity = identityIn(last);
    if (identity === undefined || isNeighbour(identity)) {
      renameSync(join(folder, last), own);
      return;
    }
    const copy = this.#newTemporary();
    cpSync(join(folder, last), copy, {
      recursive: true,
      preserveTimestamps: true,
      mode: constants.COPYFILE_FICLONE,
    });
    renameSync(copy, own);
  }

  /** A path on the same file system. Pilots have stores for checkpoints alone, where no run sweeps. */
  #newTemporary(): string {
    const folder = join(this.#store, 'tmp');
    makeFolder(folder);
    removeOrphans(folder, Date.now());
    return join(folder, temporaryName());
  }
}

function newestIn(folder: string): string | undefined {
  const own = namesIn(folder).filter(name => identityIn(name) !== undefined);
  const times = new Map(own.map(name => [name, changedAt(join(folder, name))]));
  return [...times].sort((a, b) => b[1] - a[1] || byCodeUnit(a[0], b[0]))[0]?.[0];
}

function changedAt(path: string): number {
  const state = statSync(path, {throwIfNoEntry: false});
  if (state === undefined) return 0;
  if (!state.isDirectory()) return state.mtimeMs;
  return Math.max(state.mtimeMs, ...namesIn(path).map(name => changedAt(join(path, name))));
}
