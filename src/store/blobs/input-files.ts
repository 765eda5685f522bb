// The inputs of a task: blobs brought to a folder that a stage reads, each checked against its digest at that moment,
// and looked at again when the stage has ended. Small files are copies and large ones reflinks, so that whatever a
// stage does to them cannot reach the store; without reflinks a large file is a hard link, and every change of the
// blob that was not ours is found by its state.

import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  linkSync,
  lstatSync,
  openSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import {setImmediate} from 'node:timers/promises';
import type {Artifact, TrackedFile} from '../../action/action.ts';
import type {Digest} from '../../core/digest.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {makeFolder} from '../../host/folder.ts';
import {hasCode, isSystemError} from '../../host/system-error.ts';
import type {ArtifactFile, BlobStore} from '../store.ts';
import {ioError, type StoreError} from '../store-error.ts';
import type {BlobShelf} from './blob-shelf.ts';
import {hashFile, streamOpenFile} from './file-hash.ts';

/** Files up to this size (bytes) are copied: that takes no longer than finding out whether a link was touched. */
const copiedUpTo = 256 * 1024;
/** How long placing goes on before others get their turn. Milliseconds. */
const pauseEvery = 20;

/** A file that a task was given. */
export interface PlacedFile {
  /** Absolute. */
  readonly path: string;
  readonly digest: Digest;
  /** `link`: another name of the blob itself. */
  readonly how: 'copy' | 'link';
  /** How it looked when it was placed. */
  readonly state: string;
}

export class InputFiles {
  readonly #shelf: BlobShelf;
  readonly #blobs: BlobStore;
  /** State of each linked blob after the last change to it that was ours. */
  readonly #known = new Map<Digest, string>();
  /** Devices on which a reflink has failed: they will not learn it during this process. */
  readonly #withoutReflinks = new Set<number>();
  #pausedAt = 0;

  constructor(shelf: BlobShelf, blobs: BlobStore) {
    this.#shelf = shelf;
    this.#blobs = blobs;
  }

  /** Brings an artifact to `to`, where nothing is yet. What was placed goes into `placed`, also before a failure. */
  async place(artifact: Artifact, to: string, placed: PlacedFile[]): Promise<Result<void, StoreError>> {
    const files = this.#blobs.filesOf(artifact);
    if (!files.ok) return files;
    if (artifact.kind === 'folder') {
      makeFolder(to);
      const folders = this.#blobs.foldersOf(artifact);
      if (!folders.ok) return folders;
      for (const folder of folders.value) makeFolder(join(to, folder));
    }
    for (const file of files.value) {
      const done = await this.#placeBlob(file, join(to, file.path), placed);
      if (!done.ok) return done;
    }
    return ok(undefined);
  }

  /** Brings a file of the project to `to`, where nothing is yet. */
  async placeFile(file: TrackedFile, to: string, placed: PlacedFile[]): Promise<Result<void, StoreError>> {
    return this.#placeBlob(file, to, placed);
  }

  /** The first file that no longer holds what was placed; a blob that was damaged through it is set aside. */
  findTouched(placed: readonly PlacedFile[]): PlacedFile | undefined {
    let touched: PlacedFile | undefined;
    // All of them are looked at: each damaged blob has to be set aside.
    for (const file of placed) if (this.#isTouched(file)) touched ??= file;
    return touched;
  }

  /** Takes the links away, so that removing the folder later does not look like a change to the blobs. */
  release(placed: readonly PlacedFile[]): void {
    for (const {how, path, digest} of placed) {
      if (how === 'copy') continue;
      const blob = this.#shelf.pathOf(digest);
      const isKnown = stateOf(blob) === this.#known.get(digest);
      try {
        unlinkSync(path);
      } catch (error) {
        // It goes with its folder, and the blob is looked at before it is believed again.
        if (!isSystemError(error)) throw error;
        continue;
      }
      if (isKnown) this.#remember(digest, blob);
    }
  }

  async #placeBlob(
    file: Pick<ArtifactFile, 'digest' | 'isExecutable'>,
    to: string,
    placed: PlacedFile[],
  ): Promise<Result<void, StoreError>> {
    if (performance.now() - this.#pausedAt > pauseEvery) {
      await setImmediate();
      this.#pausedAt = performance.now();
    }
    const {digest, isExecutable} = file;
    const blob = this.#shelf.pathOf(digest);
    const mode = isExecutable ? 0o555 : 0o444;
    try {
      const size = statSync(blob, {throwIfNoEntry: false})?.size;
      if (size === undefined) return err({reason: 'missing-blob', digest});
      let how: PlacedFile['how'] = 'copy';
      if (size <= copiedUpTo) {
        const bytes = this.#shelf.read(digest);
        if (!bytes.ok) return bytes;
        makeFolderOf(to);
        writeFileSync(to, bytes.value, {mode, flag: 'wx'});
      } else {
        makeFolderOf(to);
        const loss = await this.#assure(digest, blob, size);
        if (loss !== undefined) return err(loss);
        how = this.#share(digest, blob, to, isExecutable);
      }
      placed.push({path: to, digest, how, state: stateOf(to) ?? ''});
      return ok(undefined);
    } catch (error) {
      return err(ioError(error, to));
    }
  }

  /** Reflink, else hard link, else a copy. An executable cannot be a link: names of one file share their mode. */
  #share(digest: Digest, blob: string, to: string, isExecutable: boolean): PlacedFile['how'] {
    const mode = isExecutable ? 0o555 : 0o444;
    const {dev} = statSync(dirname(to));
    if (!this.#withoutReflinks.has(dev)) {
      try {
        copyFileSync(blob, to, constants.COPYFILE_FICLONE_FORCE);
        chmodSync(to, mode);
        return 'copy';
      } catch (error) {
        if (hasCode(error, 'ENOENT', 'ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE')) throw error;
        this.#withoutReflinks.add(dev);
      }
    }
    if (!isExecutable) {
      try {
        const before = contentStateOf(blob);
        const isKnown = stateOf(blob) === this.#known.get(digest);
        linkSync(blob, to);
        // A stage that has the blob already may write to it at any moment: what is remembered is what was hashed.
        if (isKnown && contentStateOf(blob) === before) this.#remember(digest, blob);
        else this.#known.delete(digest);
        return 'link';
      } catch (error) {
        // Another device, too many links, or a file system without links.
        if (!hasCode(error, 'EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP', 'ENOSYS')) throw error;
      }
    }
    copyFileSync(blob, to, constants.COPYFILE_EXCL);
    chmodSync(to, mode);
    return 'copy';
  }

  /** Hashes a blob unless its state is one that was seen with the right bytes. */
  async #assure(digest: Digest, blob: string, size: number): Promise<StoreError | undefined> {
    const state = stateOf(blob);
    if (state !== undefined && state === this.#known.get(digest)) return undefined;
    const loss = this.#shelf.findLoss(digest, size);
    if (loss !== undefined) return loss;
    const file = openSync(blob, 'r');
    try {
      if ((await streamOpenFile(file)) !== digest) return this.#shelf.setAside(digest);
    } finally {
      closeSync(file);
    }
    if (stateOf(blob) === state && state !== undefined) this.#known.set(digest, state);
    return undefined;
  }

  #isTouched({path, digest, how, state}: PlacedFile): boolean {
    if (how === 'copy') {
      const now = stateOf(path);
      // What is gone from a task's own folder harms nobody.
      return now !== undefined && now !== state && digestOf(path) !== digest;
    }
    const blob = this.#shelf.pathOf(digest);
    const own = stateOf(path);
    const isOwnRight = own === undefined || own === this.#known.get(digest) || digestOf(path) === digest;
    if (stateOf(blob) === this.#known.get(digest)) return !isOwnRight;
    this.#known.delete(digest);
    const loss = this.#shelf.recheck(digest);
    if (loss === undefined) this.#remember(digest, blob);
    return loss?.reason === 'damaged-blob' || !isOwnRight;
  }

  #remember(digest: Digest, blob: string): void {
    const state = stateOf(blob);
    if (state === undefined) this.#known.delete(digest);
    else this.#known.set(digest, state);
  }
}

function makeFolderOf(path: string): void {
  makeFolder(dirname(path));
}

function digestOf(path: string): Digest | undefined {
  try {
    return lstatSync(path).isFile() ? hashFile(path) : undefined;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** What another name does not change. */
function contentStateOf(path: string): string | undefined {
  const state = lstatSync(path, {bigint: true, throwIfNoEntry: false});
  return state === undefined ? undefined : `${state.ino}:${state.size}:${state.mode}:${state.mtimeNs}`;
}

function stateOf(path: string): string | undefined {
  const state = lstatSync(path, {bigint: true, throwIfNoEntry: false});
  if (state === undefined) return undefined;
  return `${state.ino}:${state.size}:${state.mode}:${state.mtimeNs}:${state.ctimeNs}`;
}
