// Digests of files in the work tree without reading them again: (device, inode, size, mtime, ctime) → digest.
// A file is read when its state is new, and what was read is believed only if nothing moved meanwhile.
// Synchronous throughout: 10,000 synchronous stats take a third of the time of promised ones.

import {type BigIntStats, closeSync, constants, fstatSync, openSync, statSync} from 'node:fs';
import type {TrackedFile, TrackedFiles} from '../../action/action.ts';
import type {Digest} from '../../core/digest.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {Journal} from '../../host/journal.ts';
import type {FileProblem, FileStates} from '../store.ts';
import {ioError, type StoreError} from '../store-error.ts';
import {hashOpenFile} from './file-hash.ts';
import {listFiles} from './tracked-files.ts';

/**
 * The racy rule (git-scm.com/docs/racy-git): times come from a clock of a few milliseconds, so a file that was
 * touched within this many nanoseconds before it was read may change again without a new state. Such a state is
 * used once and not remembered. Coarse file systems (2 s on FAT) are the reason for the size of the number.
 */
const racyNs = 2_500_000_000n;
/** File systems with nanoseconds tick every 10 ms or faster. */
const fineRacyNs = 25_000_000n;

export class FileStateCache implements FileStates {
  readonly #journal: Journal;
  readonly #now: () => number;
  /** States used in this process, so that a compaction keeps those and drops the rest. */
  readonly #used = new Set<string>();
  readonly #kept: number;

  /** `path`: the journal; `now`: milliseconds since the epoch; `kept`: states kept however old. */
  constructor(path: string, now: () => number, kept = 200_000) {
    this.#journal = new Journal(path);
    this.#now = now;
    this.#kept = kept;
  }

  digestFile(path: string): Result<Digest, StoreError> {
    try {
      return this.#digest(path, statSync(path, {bigint: true}));
    } catch (error) {
      return err(ioError(error, path));
    }
  }

  #digest(path: string, state: BigIntStats): Result<Digest, StoreError> {
    try {
      if (!state.isFile()) return err({reason: 'refused', path, message: 'expected a file'});
      const key = keyOf(state);
      const known = this.#journal.get(key);
      if (known !== undefined) {
        this.#used.add(key);
        return ok(known as Digest);
      }
      return this.#hash(path);
    } catch (error) {
      return err(ioError(error, path));
    }
  }

  digestFiles(root: string, patterns: readonly string[]): Result<TrackedFiles, readonly FileProblem[]> {
    const listed = listFiles(root, patterns);
    if (!listed.ok) return listed;
    const files: Array<[string, TrackedFile]> = [];
    const problems: FileProblem[] = [];
    for (const [path, {pattern, state}] of listed.value) {
      const file = this.#track(`${root}/${path}`, state);
      if (file.ok) files.push([path, file.value]);
      else problems.push({pattern, error: file.error});
    }
    return problems.length > 0 ? err(problems) : ok(Object.fromEntries(files));
  }

  #track(path: string, seen: BigIntStats | undefined): Result<TrackedFile, StoreError> {
    // Such a name would be believed in no row, and could not be shown.
    if (/\p{Cc}|\p{Cf}/u.test(path)) {
      return err({
        reason: 'refused',
        path: JSON.stringify(path),
        message: 'expected a name without control characters',
      });
    }
    try {
      const state = seen ?? statSync(path, {bigint: true});
      const digest = this.#digest(path, state);
      return digest.ok ? ok({digest: digest.value, isExecutable: (state.mode & 0o100n) !== 0n}) : digest;
    } catch (error) {
      return err(ioError(error, path));
    }
  }

  remember(path: string, digest: Digest): void {
    const state = statSync(path, {bigint: true, throwIfNoEntry: false});
    if (state?.isFile()) this.#keep(state, digest);
  }

  save(): void {
    this.#journal.save();
    if (this.#journal.count > this.#kept) this.#journal.retain(key => this.#used.has(key));
  }

  /** stat → hash → stat, as a write between hashing and the only stat would be recorded as clean. */
  #hash(path: string): Result<Digest, StoreError> {
    // Not to hang on a named pipe that took the file's place since the stat.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      for (let tries = 0; tries < 3; tries++) {
        const before = fstatSync(file, {bigint: true});
        const digest = hashOpenFile(file);
        const after = fstatSync(file, {bigint: true});
        if (keyOf(before) !== keyOf(after)) continue;
        this.#keep(after, digest);
        return ok(digest);
      }
      return err({reason: 'changed', path});
    } finally {
      closeSync(file);
    }
  }

  #keep(state: BigIntStats, digest: Digest): void {
    const isFine = state.mtimeNs % 1_000_000_000n !== 0n || state.ctimeNs % 1_000_000_000n !== 0n;
    // A time in the future (a clock that went back) is racy until that moment has passed.
    const calmSince = BigInt(Math.trunc(this.#now())) * 1_000_000n - (isFine ? fineRacyNs : racyNs);
    if (state.mtimeNs > calmSince || state.ctimeNs > calmSince) return;
    const key = keyOf(state);
    this.#used.add(key);
    this.#journal.set(key, digest);
  }
}

const keyOf = (state: BigIntStats): string =>
  `${state.dev}:${state.ino}:${state.size}:${state.mtimeNs}:${state.ctimeNs}`;
