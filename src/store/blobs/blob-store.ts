// The blob store on this disk: bytes by digest, folders as Merkle trees. Puts, checks, restores and verifies;
// the parts are the shelf (single blobs), admission (folders in) and restoration (artifacts out).

import {createReadStream, openSync, realpathSync} from 'node:fs';
import {open} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {setImmediate} from 'node:timers/promises';
import type {Artifact} from '../../action/action.ts';
import type {Digest} from '../../core/digest.ts';
import {byCodeUnit} from '../../core/json.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {hasCode} from '../../host/system-error.ts';
import type {OutputKind} from '../../stage/define.ts';
import type {ArtifactFile, BlobStore, FileStates, Restored, RestoreMode, Verification} from '../store.ts';
import {ioError, type StoreError} from '../store-error.ts';
import {admitFolder} from './admission.ts';
import type {BlobShelf, ShelfEntry} from './blob-shelf.ts';
import {decodeFolder, type FolderBlob} from './folder-blob.ts';
import {type Layout, restoreLayout} from './restoration.ts';

/** Where blobs come from that are not on this disk. */
export type BlobSource = Pick<BlobStore, 'bring' | 'bringBlob'>;

export class DiskBlobStore implements BlobStore {
  readonly #shelf: BlobShelf;
  readonly #states: FileStates;

  readonly #elsewhere: BlobSource | null;

  /** `elsewhere`: where blobs come from that are not here. */
  constructor(shelf: BlobShelf, states: FileStates, elsewhere: BlobSource | null = null) {
    this.#shelf = shelf;
    this.#states = states;
    this.#elsewhere = elsewhere;
  }

  async bring(artifact: Artifact): Promise<Result<void, StoreError>> {
    const loss = this.findLoss(artifact);
    if (loss === undefined) return ok(undefined);
    return this.#elsewhere === null ? err(loss) : this.#elsewhere.bring(artifact);
  }

  async bringBlob(digest: Digest): Promise<Result<void, StoreError>> {
    const loss = this.#shelf.findLoss(digest, undefined);
    if (loss === undefined) return ok(undefined);
    return this.#elsewhere === null ? err(loss) : this.#elsewhere.bringBlob(digest);
  }

  putBytes(bytes: string | Uint8Array): Result<Artifact, StoreError> {
    const put = this.#shelf.put(bytes);
    return put.ok ? ok({kind: 'file', ...put.value}) : put;
  }

  async admit(path: string, kind: OutputKind, how: 'take' | 'copy'): Promise<Result<Artifact, StoreError>> {
    if (kind === 'folder') return admitFolder(this.#shelf, path, how);
    const put = await this.#shelf.putFile(path, how);
    return put.ok ? ok({kind: 'file', ...put.value}) : put;
  }

  async keep(path: string, digest: Digest): Promise<Result<number | undefined, StoreError>> {
    try {
      if (this.#shelf.findLoss(digest, undefined) === undefined) return ok(0);
      const put = await this.#shelf.putFile(realpathSync(path), 'copy');
      if (put.ok) return ok(put.value.digest === digest ? put.value.size : undefined);
      return put.error.reason === 'changed' ? ok(undefined) : put;
    } catch (error) {
      return hasCode(error, 'ENOENT', 'ENOTDIR') ? ok(undefined) : err(ioError(error, path));
    }
  }

  read(digest: Digest): Result<Buffer, StoreError> {
    return this.#shelf.read(digest);
  }

  open(digest: Digest): Result<NodeJS.ReadableStream, StoreError> {
    const path = this.#shelf.pathOf(digest);
    try {
      return ok(createReadStream(path, {fd: openSync(path, 'r')}));
    } catch (error) {
      return err(hasCode(error, 'ENOENT') ? {reason: 'missing-blob', digest} : ioError(error, path));
    }
  }

  filesOf(artifact: Artifact): Result<readonly ArtifactFile[], StoreError> {
    const layout = this.#layoutOf(artifact);
    return layout.ok ? ok(layout.value.files) : layout;
  }

  foldersOf(artifact: Artifact): Result<readonly string[], StoreError> {
    const layout = this.#layoutOf(artifact);
    return layout.ok ? ok(layout.value.folders) : layout;
  }

  findLoss(artifact: Artifact): StoreError | undefined {
    if (artifact.kind === 'file') return this.#shelf.findLoss(artifact.digest, artifact.size);
    const layout = this.#layoutOf(artifact);
    if (!layout.ok) return layout.error;
    for (const file of layout.value.files) {
      const loss = this.#shelf.findLoss(file.digest, file.size);
      if (loss !== undefined) return loss;
    }
    return undefined;
  }

  async restore(artifact: Artifact, to: string, mode: RestoreMode): Promise<Result<Restored, StoreError>> {
    const brought = await this.bring(artifact);
    if (!brought.ok) return brought;
    const layout = this.#layoutOf(artifact);
    if (!layout.ok) return layout;
    return restoreLayout(this.#shelf, this.#states, layout.value, to, mode);
  }

  async sync(artifact: Artifact): Promise<Result<void, StoreError>> {
    const blobs = new Set([artifact.digest]);
    const failure = artifact.kind === 'folder' ? this.#addBlobsOf(artifact.digest, blobs) : undefined;
    if (failure !== undefined) return err(failure);
    const {root} = this.#shelf;
    const paths = [...blobs].map(digest => this.#shelf.pathOf(digest));
    // The names of the files, of the folders that they are in, and of the store, which may be new.
    const folders = new Set(paths.map(dirname));
    try {
      for (const path of [...paths, ...folders, join(root, 'blobs'), root, dirname(root)])
        await syncPath(path);
      this.#shelf.markSure(blobs);
      return ok(undefined);
    } catch (error) {
      return err(ioError(error, this.#shelf.root));
    }
  }

  #addBlobsOf(digest: Digest, blobs: Set<Digest>): StoreError | undefined {
    const folder = this.readFolder(digest);
    if (!folder.ok) return folder.error;
    for (const file of folder.value.files.values()) blobs.add(file.digest);
    for (const below of folder.value.folders.values()) {
      blobs.add(below);
      const failure = this.#addBlobsOf(below, blobs);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  discardUnfinished(now: number): void {
    this.#shelf.discardUnfinished(now);
  }

  async verify(
    onProgress?: (done: number, total: number) => void,
  ): Promise<Result<Verification, StoreError>> {
    const damaged: Array<{digest: Digest; setAside: string}> = [];
    let bytes = 0;
    try {
      const blobs = this.list();
      for (const [index, {digest, size}] of blobs.entries()) {
        const loss = this.#shelf.recheck(digest);
        if (loss?.reason === 'damaged-blob') damaged.push({digest, setAside: loss.setAside});
        else if (loss?.reason === 'io') return err(loss);
        bytes += size;
        onProgress?.(index + 1, blobs.length);
        await setImmediate();
      }
      return ok({blobs: blobs.length, bytes, damaged});
    } catch (error) {
      return err(ioError(error, this.#shelf.root));
    }
  }

  /** Every blob on the shelf, sorted by digest. Throws errors of the system. */
  list(): readonly ShelfEntry[] {
    return this.#shelf.list();
  }

  #layoutOf(artifact: Artifact): Result<Layout, StoreError> {
    if (artifact.kind === 'file') {
      const {digest, size} = artifact;
      return ok({kind: 'file', files: [{path: '', digest, size, isExecutable: false}], folders: []});
    }
    const files: ArtifactFile[] = [];
    const folders: string[] = [];
    const failure = this.#layFolder(artifact.digest, '', files, folders);
    if (failure !== undefined) return err(failure);
    files.sort((a, b) => byCodeUnit(a.path, b.path));
    return ok({kind: 'folder', files, folders});
  }

  #layFolder(
    digest: Digest,
    prefix: string,
    files: ArtifactFile[],
    folders: string[],
  ): StoreError | undefined {
    const folder = this.readFolder(digest);
    if (!folder.ok) return folder.error;
    for (const [name, file] of folder.value.files) files.push({path: prefix + name, ...file});
    for (const [name, below] of folder.value.folders) {
      folders.push(prefix + name);
      const failure = this.#layFolder(below, `${prefix}${name}/`, files, folders);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  /** One folder of a Merkle tree. */
  readFolder(digest: Digest): Result<FolderBlob, StoreError> {
    const bytes = this.#shelf.read(digest);
    if (!bytes.ok) return bytes;
    const folder = decodeFolder(bytes.value.toString('utf8'));
    return folder === undefined ? err(this.#shelf.setAside(digest)) : ok(folder);
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
