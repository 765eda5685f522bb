// Keeps what is known of stage modules between runs, and puts bundles where Node can load them: a folder with the very
// bytes that were hashed, source maps beside them, and a `node_modules` that leads to the packages, so that Node's
// resolver does the rest.

import {existsSync, readlinkSync, renameSync, symlinkSync, writeFileSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import type {Artifact} from '../../action/action.ts';
import {ownPlaces, type PackagePlaces} from '../../action/package-places.ts';
import type {CodeFile, CodeStore, StageCode} from '../../action/stage-code.ts';
import {type Diagnostic, mistake} from '../../core/diagnostic.ts';
import {type Digest, digestBytes, digestJson, isDigest} from '../../core/digest.ts';
import {isJsonObject, parseJson} from '../../core/json.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {removeAtOnce, removeTree, temporaryName} from '../../host/atomic-file.ts';
import {makeFolder} from '../../host/folder.ts';
import {Journal} from '../../host/journal.ts';
import {hasCode, isSystemError} from '../../host/system-error.ts';
import type {ArtifactFile, BlobStore, FileStates} from '../store.ts';
import {describeStoreError, ioError, type StoreError} from '../store-error.ts';
import {hashFile} from './file-hash.ts';
import {encodeFolder, type FolderFile} from './folder-blob.ts';

/** What tells Node how to read a bundle's files. */
const PACKAGE = '{"type":"module"}\n';
/** The file of a bundle that has the stage module's exports. */
const entryName = 'stage.js';

/** What a bundle is made ready from. */
export type BundleParts = Pick<StageCode, 'bundle' | 'maps' | 'links'>;

export class CodeShelf implements CodeStore {
  readonly #folder: string;
  readonly #blobs: BlobStore;
  readonly #states: FileStates;
  readonly #modules: Journal;
  /** Sources by the code digest that they made, for `why`. */
  readonly #manifests: Journal;
  /** The source maps of bundles by their code digest: what `diff --code` compares. */
  readonly #maps: Journal;
  /** What stage modules declare, and what they say of parameters, by the digest of the question. */
  readonly #declarations: Journal;

  /** `store`: the store's folder. */
  constructor(store: string, blobs: BlobStore, states: FileStates) {
    this.#folder = store;
    this.#blobs = blobs;
    this.#states = states;
    this.#modules = new Journal(join(store, 'code', 'modules.journal'));
    this.#manifests = new Journal(join(store, 'code', 'manifests.journal'));
    this.#maps = new Journal(join(store, 'code', 'maps.journal'));
    this.#declarations = new Journal(join(store, 'code', 'declarations.journal'));
  }

  digestFile(path: string): Digest | undefined {
    const digest = this.#states.digestFile(path);
    return digest.ok ? digest.value : undefined;
  }

  recall(module: string): StageCode | undefined {
    return decode(this.#modules.get(JSON.stringify(module)));
  }

  keep(code: StageCode): void {
    this.#modules.set(JSON.stringify(code.module), JSON.stringify(code));
    this.#manifests.set(code.code, JSON.stringify(code.files));
    this.#maps.set(code.code, JSON.stringify(code.maps));
    save(this.#modules, this.#manifests, this.#maps);
  }

  /** JSON that was noted under this key. */
  noted(key: Digest): string | undefined {
    return this.#declarations.get(key);
  }

  /** `value`: an object as JSON. */
  note(key: Digest, value: string): void {
    this.#declarations.set(key, value);
    save(this.#declarations);
  }

  /** The sources that made a code digest; `undefined` where it was made elsewhere. */
  manifestOf(code: Digest): Readonly<Record<string, CodeFile>> | undefined {
    const value = parseJson(this.#manifests.get(code) ?? '');
    return isJsonObject(value) ? (value as unknown as Record<string, CodeFile>) : undefined;
  }

  /** The source maps of a bundle, which hold its sources; `undefined` where it was made elsewhere. */
  mapsOf(code: Digest): Artifact | undefined {
    const value = parseJson(this.#maps.get(code) ?? '');
    if (!isJsonObject(value) || value.kind !== 'folder' || typeof value.size !== 'number') return undefined;
    const {digest, size} = value;
    return typeof digest === 'string' && isDigest(digest) ? {kind: 'folder', digest, size} : undefined;
  }

  putFolder(files: ReadonlyMap<string, Uint8Array>): Result<Artifact, Diagnostic> {
    const entries = new Map<string, FolderFile>();
    let size = 0;
    for (const [name, bytes] of files) {
      const put = this.#blobs.putBytes(bytes);
      if (!put.ok) return err(mistake('store', describeStoreError(put.error)));
      entries.set(name, {digest: put.value.digest, size: put.value.size, isExecutable: false});
      size += put.value.size;
    }
    const folder = this.#blobs.putBytes(encodeFolder({files: entries, folders: new Map()}));
    if (!folder.ok) return err(mistake('store', describeStoreError(folder.error)));
    return ok({kind: 'folder', digest: folder.value.digest, size});
  }

  hasArtifact(artifact: Artifact): boolean {
    return this.#blobs.findLoss(artifact) === undefined;
  }

  /** Every module that is known, for the sweep. */
  *modules(): Generator<StageCode, void> {
    for (const [, text] of this.#modules.entries()) {
      const code = decode(text);
      if (code !== undefined) yield code;
    }
  }

  /** The folder in which a bundle is made ready: named by everything that is in it. */
  folderOf(code: BundleParts, places: PackagePlaces = ownPlaces(code.links)): string {
    const links = Object.fromEntries(places);
    return join(this.#folder, 'code', digestJson('bundle', [code.bundle.digest, code.maps.digest, links]));
  }

  /**
   * Makes a bundle ready to be imported and returns the absolute path of its entry. What is there already is compared
   * with what was hashed, and made anew where it is anything else.
   */
  materialise(code: BundleParts, places: PackagePlaces = ownPlaces(code.links)): Result<string, StoreError> {
    const folder = this.folderOf(code, places);
    const listed: ArtifactFile[] = [];
    for (const artifact of [code.bundle, code.maps]) {
      const files = this.#blobs.filesOf(artifact);
      if (!files.ok) return files;
      listed.push(...files.value);
    }
    if (this.#isReady(folder, listed, places)) return ok(join(folder, entryName));
    const files: Array<readonly [string, Buffer]> = [];
    for (const {path, digest} of listed) {
      const bytes = this.#blobs.read(digest);
      if (!bytes.ok) return bytes;
      files.push([path, bytes.value]);
    }
    try {
      this.#build(folder, files, places);
      return ok(join(folder, entryName));
    } catch (error) {
      return err(ioError(error, folder));
    }
  }

  #isReady(folder: string, files: readonly ArtifactFile[], places: PackagePlaces): boolean {
    return (
      this.digestFile(join(folder, 'package.json')) === digestBytes(PACKAGE) &&
      files.every(({path, digest}) => this.digestFile(join(folder, path)) === digest) &&
      [...places].every(([link, target]) => leadsTo(join(folder, 'node_modules', link), target))
    );
  }

  /** Folders of bundles of known modules that are not what was hashed, whatever their times say. Reads them all. */
  *damagedBundles(): Generator<string, void> {
    for (const code of this.modules()) {
      const folder = this.folderOf(code);
      const listed = [code.bundle, code.maps].map(artifact => this.#blobs.filesOf(artifact));
      const files = listed.flatMap(each => (each.ok ? each.value : []));
      if (
        existsSync(folder) &&
        !files.every(({path, digest}) => hashIfThere(join(folder, path)) === digest)
      ) {
        yield folder;
      }
    }
  }

  #build(folder: string, files: ReadonlyArray<readonly [string, Buffer]>, places: PackagePlaces): void {
    const temporary = join(this.#folder, 'tmp', temporaryName());
    makeFolder(temporary);
    try {
      writeFileSync(join(temporary, 'package.json'), PACKAGE);
      for (const [name, bytes] of files) writeFileSync(join(temporary, name), bytes, {mode: 0o444});
      for (const [link, target] of places) {
        const path = join(temporary, 'node_modules', link);
        makeFolder(dirname(path));
        // A junction needs no rights on Windows; elsewhere the type says nothing.
        symlinkSync(target, path, 'junction');
      }
      makeFolder(dirname(folder));
      try {
        renameSync(temporary, folder);
      } catch (error) {
        if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
        // Another process was first, or what is there is not whole.
        removeAtOnce(folder, join(this.#folder, 'tmp'));
        renameSync(temporary, folder);
      }
    } catch (error) {
      removeTree(temporary);
      throw error;
    }
  }
}

function hashIfThere(path: string): Digest | undefined {
  try {
    return hashFile(path);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return undefined;
  }
}

function leadsTo(link: string, target: string): boolean {
  try {
    return resolve(dirname(link), readlinkSync(link)) === target;
  } catch {
    return false;
  }
}

/** Bundling or asking again costs less than a run that stops here. */
function save(...journals: readonly Journal[]): void {
  try {
    for (const journal of journals) journal.save();
  } catch (error) {
    if (!hasCode(error, 'ENOSPC', 'EDQUOT', 'EACCES', 'EROFS', 'EMFILE', 'ENFILE')) throw error;
  }
}

/** Our own line: whole if it parses and has its parts. */
function decode(text: string | undefined): StageCode | undefined {
  const value = text === undefined ? undefined : parseJson(text);
  if (!isJsonObject(value) || typeof value.code !== 'string' || !isDigest(value.code)) return undefined;
  const {bundle, maps, links, files, packages, witnesses} = value;
  const isWhole =
    [bundle, maps, links, files, packages, witnesses].every(isJsonObject) && Array.isArray(value.notices);
  return isWhole ? (value as unknown as StageCode) : undefined;
}
