// Brings blobs to where people and stages read them. What is right already is left alone; the rest is staged beside
// its place and renamed into it, all files of an artifact after the last one has been staged.
// `link`: read-only, shares its bytes with the store where that is possible (reflink, hard link, else a copy).
// `copy`: the user's own file, its bytes checked on the way, so that neither an edit nor a damaged blob gets through.

import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import type {Artifact} from '../../action/action.ts';
import type {Digest} from '../../core/digest.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {namesIn, removeStaleSiblings, removeTree, temporaryBeside} from '../../host/atomic-file.ts';
import {syncFile, syncNames} from '../../host/durable.ts';
import {makeFolder} from '../../host/folder.ts';
import {hasCode} from '../../host/system-error.ts';
import type {ArtifactFile, FileStates, Restored, RestoreMode} from '../store.ts';
import {ioError, type StoreError} from '../store-error.ts';
import type {BlobShelf} from './blob-shelf.ts';
import {hashOpenFile, streamedFrom, streamOpenFile} from './file-hash.ts';

/** An artifact's contents by relative path; a file artifact is one file with the path `''`. */
export interface Layout {
  readonly kind: Artifact['kind'];
  readonly files: readonly ArtifactFile[];
  /** Every folder below the artifact's own, parents first. */
  readonly folders: readonly string[];
}

export async function restoreLayout(
  shelf: BlobShelf,
  states: FileStates,
  layout: Layout,
  to: string,
  mode: RestoreMode,
): Promise<Result<Restored, StoreError>> {
  const restoration = new Restoration(shelf, states, to, mode);
  try {
    return await restoration.restore(layout);
  } catch (error) {
    if (error instanceof InTheWay) return err({reason: 'refused', path: error.path, message: error.message});
    return err(ioError(error, to));
  } finally {
    restoration.dropStaged();
  }
}

class InTheWay extends Error {
  override readonly name = 'InTheWay';
  readonly path: string;
  constructor(path: string) {
    super('expected nothing that is not in the store where an output belongs; move it away');
    this.path = path;
  }
}

/** Devices on which a reflink has failed: they will not learn it during this process. */
const withoutReflinks = new Set<number>();

class Restoration {
  readonly #shelf: BlobShelf;
  readonly #states: FileStates;
  readonly #to: string;
  readonly #mode: RestoreMode;
  /** The first folder that had to be made. */
  #top: string | undefined;
  /** Temporary path → final path. */
  readonly #staged = new Map<string, string>();

  constructor(shelf: BlobShelf, states: FileStates, to: string, mode: RestoreMode) {
    this.#shelf = shelf;
    this.#states = states;
    this.#to = to;
    this.#mode = mode;
  }

  async restore(layout: Layout): Promise<Result<Restored, StoreError>> {
    if (layout.kind === 'folder') this.#makeFolder(this.#to);
    else this.#top = makeFolder(dirname(this.#to));
    for (const folder of layout.folders) this.#makeFolder(join(this.#to, folder));
    const targets = layout.files.map(file => ({file, path: join(this.#to, file.path)}));
    const wrong = targets.filter(({file, path}) => !this.#isRight(file, path));
    for (const folder of new Set(wrong.map(({path}) => dirname(path))))
      removeStaleSiblings(folder, this.#shelf.root);
    for (const {file, path} of wrong) {
      const failure = await this.#stage(file, path);
      if (failure !== undefined) return err(failure);
    }
    // A copy is the user's, who may commit it: it is whole on the disk before its name is.
    if (this.#mode === 'copy') for (const temporary of this.#staged.keys()) syncFile(temporary);
    for (const [temporary, path] of this.#staged) {
      this.#renameOver(temporary, path);
      this.#staged.delete(temporary);
    }
    if (this.#mode === 'copy' && wrong.length > 0) {
      syncNames(
        wrong.map(({path}) => path),
        dirname(this.#top ?? this.#to),
      );
      for (const {file, path} of wrong) this.#states.remember(path, file.digest);
    }
    const extras = layout.kind === 'folder' && this.#mode === 'link' ? this.#removeExtras(layout) : 0;
    return ok({files: layout.files.length, changed: wrong.length + extras});
  }

  dropStaged(): void {
    for (const temporary of this.#staged.keys()) rmSync(temporary, {force: true});
  }

  #makeFolder(path: string): void {
    const state = lstatSync(path, {throwIfNoEntry: false});
    if (state?.isDirectory()) return;
    if (state !== undefined) this.#clear(path, state);
    const made = makeFolder(path);
    this.#top ??= made;
  }

  #isRight(file: ArtifactFile, path: string): boolean {
    const state = lstatSync(path, {throwIfNoEntry: false});
    if (!state?.isFile() || state.size !== file.size) return false;
    if (((state.mode & 0o100) !== 0) !== file.isExecutable) return false;
    const blob = statSync(this.#shelf.pathOf(file.digest), {throwIfNoEntry: false});
    const isBlobItself = blob !== undefined && blob.ino === state.ino && blob.dev === state.dev;
    // A published file that is the blob itself would carry an edit into the store.
    if (isBlobItself) return this.#mode === 'link';
    const digest = this.#states.digestFile(path);
    return digest.ok && digest.value === file.digest;
  }

  async #stage(file: ArtifactFile, path: string): Promise<StoreError | undefined> {
    const blob = this.#shelf.pathOf(file.digest);
    const temporary = temporaryBeside(path);
    this.#staged.set(temporary, path);
    try {
      if (this.#mode === 'link') this.#link(blob, temporary, file.isExecutable);
      else {
        copyWithReflink(blob, temporary);
        chmodSync(temporary, file.isExecutable ? 0o755 : 0o644);
        if ((await digestOf(temporary, file.size)) !== file.digest) {
          return this.#shelf.recheck(file.digest) ?? {reason: 'changed', path: blob};
        }
      }
      return undefined;
    } catch (error) {
      const isGone = hasCode(error, 'ENOENT') && statSync(blob, {throwIfNoEntry: false}) === undefined;
      if (isGone) return {reason: 'missing-blob', digest: file.digest};
      throw error;
    }
  }

  /** Names of one file share their mode, so an executable cannot share it with the blob. */
  #link(blob: string, to: string, isExecutable: boolean): void {
    if (isExecutable) {
      copyWithReflink(blob, to);
      chmodSync(to, 0o555);
      return;
    }
    if (tryReflink(blob, to)) {
      chmodSync(to, 0o444);
      return;
    }
    try {
      linkSync(blob, to);
    } catch (error) {
      // Another device, too many links, or a file system without links.
      if (!hasCode(error, 'EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP', 'ENOSYS')) throw error;
      copyFileSync(blob, to);
      chmodSync(to, 0o444);
    }
  }

  #renameOver(from: string, to: string): void {
    try {
      renameSync(from, to);
    } catch (error) {
      // A folder stands where a file belongs.
      if (!hasCode(error, 'EISDIR', 'ENOTEMPTY', 'EEXIST')) throw error;
      this.#clear(to, lstatSync(to));
      renameSync(from, to);
    }
  }

  /** Removes what is of the wrong kind; of the user's, nothing but folders without files: the rest stays in the way. */
  #clear(path: string, state: Stats): void {
    const found = this.#mode === 'link' ? undefined : findFile(path, state);
    if (found !== undefined) throw new InTheWay(found);
    removeTree(path);
  }

  /** Takes out what the artifact does not have: the folder is ours. */
  #removeExtras(layout: Layout): number {
    const files = new Set(layout.files.map(file => file.path));
    const folders = new Set(layout.folders);
    let removed = 0;
    const visit = (folder: string): void => {
      for (const name of namesIn(join(this.#to, folder))) {
        const path = folder === '' ? name : `${folder}/${name}`;
        if (files.has(path)) continue;
        const absolute = join(this.#to, path);
        const state = lstatSync(absolute);
        if (state.isDirectory()) {
          visit(path);
          if (!folders.has(path)) removeEmptyFolder(absolute);
        } else {
          rmSync(absolute, {force: true});
          removed++;
        }
      }
    };
    visit('');
    return removed;
  }
}

function findFile(path: string, state: Stats): string | undefined {
  if (!state.isDirectory()) return path;
  for (const name of namesIn(path)) {
    const below = join(path, name);
    const found = findFile(below, lstatSync(below));
    if (found !== undefined) return found;
  }
  return undefined;
}

function removeEmptyFolder(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
}

function tryReflink(from: string, to: string): boolean {
  const {dev} = statSync(dirname(to));
  if (withoutReflinks.has(dev)) return false;
  try {
    copyFileSync(from, to, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE')) throw error;
    withoutReflinks.add(dev);
    rmSync(to, {force: true});
    return false;
  }
}

function copyWithReflink(from: string, to: string): void {
  copyFileSync(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
}

async function digestOf(path: string, size: number): Promise<Digest> {
  const file = openSync(path, 'r');
  try {
    return size < streamedFrom ? hashOpenFile(file) : await streamOpenFile(file);
  } finally {
    closeSync(file);
  }
}
