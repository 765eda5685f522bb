// Blobs on this disk: `blobs/ab/cdef…`, read-only, named by the SHA-256 of their bytes, which is computed here.
// A name appears by rename when its bytes are complete. Each blob carries an old mtime that says how sure its bytes are
// (`blob-stamp.ts`), so that an edit in place (through a hard link, say) shows in a stat, and a power cut as well.

import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  futimesSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {type Digest, digestBytes, isDigest} from '../../core/digest.ts';
import {byCodeUnit} from '../../core/json.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {
  namesIn,
  openWithFolder,
  removeFile,
  removeOrphans,
  removeStaleSiblings,
  renameIntoFolder,
  temporaryName,
} from '../../host/atomic-file.ts';
import {makeFolder} from '../../host/folder.ts';
import {readRegularFile} from '../../host/store-file.ts';
import {hasCode, isSystemError} from '../../host/system-error.ts';
import {ioError, type StoreError} from '../store-error.ts';
import {isSure, isUnsureSinceBoot, isUntouched, sureStamp, unsureStamp} from './blob-stamp.ts';
import {hashFile, isSameState, kindOf, streamedFrom, streamOpenFile} from './file-hash.ts';

/** A file that has been taken in. */
export interface Shelved {
  readonly digest: Digest;
  readonly size: number;
}

export interface ShelfEntry extends Shelved {
  /** When its place or its links last changed, in milliseconds since the epoch. */
  readonly changedAt: number;
}

/** Folders of a store in which files are replaced, each staged beside itself. */
const STAGED_IN = ['', 'runs', 'last', 'code', 'python', 'plans', 'published', 'detached'];

export class BlobShelf {
  readonly root: string;
  readonly #temporary: string;

  /** `root`: the store's folder, `cache/`. */
  constructor(root: string) {
    this.root = root;
    this.#temporary = join(root, 'tmp');
  }

  /**
   * Removes what processes that are gone had begun to write, here and beside the other files of the store. What cannot be
   * removed is left to the next run.
   */
  discardUnfinished(now: number): void {
    try {
      removeOrphans(this.#temporary, now);
      for (const name of STAGED_IN) removeStaleSiblings(join(this.root, name), this.root);
    } catch {
      // It is in nobody's way.
    }
  }

  /** Where a blob is or would be. */
  pathOf(digest: Digest): string {
    return join(this.root, 'blobs', digest.slice(0, 2), digest.slice(2));
  }

  put(bytes: string | Uint8Array): Result<Shelved, StoreError> {
    const digest = digestBytes(bytes);
    const size = typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.byteLength;
    if (this.findLoss(digest, size) === undefined) return ok({digest, size});
    try {
      this.#shelve(this.#writeTemporary(bytes), digest);
      return ok({digest, size});
    } catch (error) {
      return err(ioError(error, this.pathOf(digest)));
    }
  }

  /**
   * Takes a regular file in; symbolic links are not followed. `take` moves it where it is a plain file of ours on
   * the same device without other names; whatever else is copied while it is hashed.
   */
  async putFile(path: string, how: 'take' | 'copy'): Promise<Result<Shelved, StoreError>> {
    try {
      const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        return await this.#putOpenFile(file, path, how);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      if (hasCode(error, 'ELOOP')) {
        return err({
          reason: 'refused',
          path,
          message: 'expected a file, got a symbolic link; write a copy instead',
        });
      }
      if (hasCode(error, 'ENXIO')) {
        return err({reason: 'refused', path, message: 'expected a file, got a socket or a device'});
      }
      return err(ioError(error, path));
    }
  }

  /** Bytes of a blob, checked against its name; a damaged one is set aside. */
  read(digest: Digest): Result<Buffer, StoreError> {
    try {
      const read = readRegularFile(this.pathOf(digest));
      if (read.is === 'absent') return err({reason: 'missing-blob', digest});
      if (read.is === 'file' && digestBytes(read.bytes) === digest) return ok(read.bytes);
      return err(this.setAside(digest));
    } catch (error) {
      return err(hasCode(error, 'EIO') ? this.setAside(digest) : ioError(error, this.pathOf(digest)));
    }
  }

  /** One stat: gone, of another size, or touched since it was admitted? Only a touched blob is read. */
  findLoss(digest: Digest, size: number | undefined): StoreError | undefined {
    const path = this.pathOf(digest);
    let state: Stats | undefined;
    try {
      state = lstatSync(path, {throwIfNoEntry: false});
    } catch (error) {
      return ioError(error, path);
    }
    if (state === undefined) return {reason: 'missing-blob', digest};
    if (!state.isFile()) return this.setAside(digest);
    if (isUntouched(state.mtimeMs) && (size === undefined || state.size === size)) return undefined;
    return this.recheck(digest);
  }

  /**
   * Compares the bytes with the name: sets them aside if they differ, else marks the blob as untouched again. What a power
   * cut left of a blob that was not on the disk is nobody's work and no damage: it is gone.
   */
  recheck(digest: Digest): StoreError | undefined {
    const path = this.pathOf(digest);
    try {
      const state = lstatSync(path);
      const isOfEarlierBoot = state.isFile() && isUnsureSinceBoot(state.mtimeMs);
      if (!state.isFile() || hashFile(path) !== digest) {
        if (!isOfEarlierBoot) return this.setAside(digest);
        removeFile(path);
        return {reason: 'missing-blob', digest};
      }
      // What was read after a boot came from the disk.
      mark(path, isOfEarlierBoot || isSure(state.mtimeMs) ? sureStamp : unsureStamp());
      return undefined;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return {reason: 'missing-blob', digest};
      return hasCode(error, 'EIO') ? this.setAside(digest) : ioError(error, path);
    }
  }

  /** Says of blobs that an fsync vouches for them. Throws errors of the system. */
  markSure(digests: Iterable<Digest>): void {
    for (const digest of digests) {
      const path = this.pathOf(digest);
      if (isUntouched(lstatSync(path).mtimeMs)) utimesSync(path, sureStamp, sureStamp);
    }
  }

  /** Moves a damaged blob out of the way, for people to look at. */
  setAside(digest: Digest): StoreError {
    const setAside = join(this.root, 'quarantine', `${digest}-${temporaryName()}`);
    try {
      makeFolder(dirname(setAside));
      renameSync(this.pathOf(digest), setAside);
      return {reason: 'damaged-blob', digest, setAside: relative(dirname(this.root), setAside)};
    } catch (error) {
      return hasCode(error, 'ENOENT') ? {reason: 'missing-blob', digest} : ioError(error, setAside);
    }
  }

  /** Every blob, sorted by digest. Throws errors of the system. */
  list(): readonly ShelfEntry[] {
    const entries: ShelfEntry[] = [];
    const blobs = join(this.root, 'blobs');
    for (const shard of namesIn(blobs).sort(byCodeUnit)) {
      for (const rest of namesIn(join(blobs, shard)).sort(byCodeUnit)) {
        const digest = shard + rest;
        const state = statSync(join(blobs, shard, rest), {throwIfNoEntry: false});
        if (isDigest(digest) && state !== undefined) {
          entries.push({digest, size: state.size, changedAt: state.ctimeMs});
        }
      }
    }
    return entries;
  }

  async #putOpenFile(file: number, path: string, how: 'take' | 'copy'): Promise<Result<Shelved, StoreError>> {
    let before = fstatSync(file);
    if (!before.isFile())
      return err({reason: 'refused', path, message: `expected a file, got ${kindOf(before)}`});
    if (how === 'take' && this.#isMovable(before)) {
      const digest =
        before.size < streamedFrom ? digestBytes(readFileSync(file)) : await streamOpenFile(file);
      if (!isSameState(before, fstatSync(file))) return err({reason: 'changed', path});
      if (this.#take(file, path, digest, before.size)) return ok({digest, size: before.size});
      // What was done to it so far was our doing.
      before = fstatSync(file);
    }
    const copied = await this.#copy(file, before.size);
    if (!isSameState(before, fstatSync(file))) {
      removeFile(copied.temporary);
      return err({reason: 'changed', path});
    }
    if (this.findLoss(copied.digest, before.size) === undefined) removeFile(copied.temporary);
    else this.#shelve(copied.temporary, copied.digest);
    return ok({digest: copied.digest, size: before.size});
  }

  #isMovable(state: Stats): boolean {
    makeFolder(this.#temporary);
    const ours = statSync(this.#temporary);
    // A file with another name could be edited through it later.
    return state.nlink === 1 && state.dev === ours.dev && state.uid === ours.uid;
  }

  /** Moves a file into its place; false where the system does not let us, so that it has to be copied. */
  #take(file: number, path: string, digest: Digest, size: number): boolean {
    try {
      if (this.findLoss(digest, size) === undefined) {
        removeFile(path);
        return true;
      }
      fchmodSync(file, 0o444);
      futimesSync(file, unsureStamp(), unsureStamp());
      this.#shelve(path, digest);
      return true;
    } catch (error) {
      if (hasCode(error, 'EXDEV', 'EACCES', 'EPERM')) return false;
      throw error;
    }
  }

  /** Copies an open file to a temporary one and hashes it on the way. */
  async #copy(file: number, size: number): Promise<{readonly temporary: string; readonly digest: Digest}> {
    if (size < streamedFrom) {
      const bytes = readFileSync(file);
      return {temporary: this.#writeTemporary(bytes), digest: digestBytes(bytes)};
    }
    const temporary = join(this.#temporary, temporaryName());
    const to = openWithFolder(temporary, 0o444);
    try {
      const digest = await streamOpenFile(file, piece => writeFileSync(to, piece));
      futimesSync(to, unsureStamp(), unsureStamp());
      return {temporary, digest};
    } catch (error) {
      removeFile(temporary);
      throw error;
    } finally {
      closeSync(to);
    }
  }

  /** A read-only temporary file; gone again if it cannot be written whole. */
  #writeTemporary(bytes: string | Uint8Array): string {
    const temporary = join(this.#temporary, temporaryName());
    const file = openWithFolder(temporary, 0o444);
    try {
      writeFileSync(file, bytes);
      futimesSync(file, unsureStamp(), unsureStamp());
    } catch (error) {
      removeFile(temporary);
      throw error;
    } finally {
      closeSync(file);
    }
    return temporary;
  }

  #shelve(temporary: string, digest: Digest): void {
    renameIntoFolder(temporary, this.pathOf(digest));
  }
}

/** Says that a blob is as it should be. Where that cannot be written (a store that can only be read), it is hashed again. */
function mark(path: string, stamp: number): void {
  try {
    chmodSync(path, 0o444);
    utimesSync(path, stamp, stamp);
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}
