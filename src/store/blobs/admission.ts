// Takes a finished folder in as a Merkle tree: empty folders, odd names and the executable bit are kept.
// Links that stay inside the folder are stored as what they point to (equal bytes cost nothing); links that leave it,
// dangle or go in circles are refused, and so are sockets, pipes and devices. Nothing is taken in before all is seen.

import {type Dirent, existsSync, lstatSync, readdirSync, realpathSync, statSync} from 'node:fs';
import {join, sep} from 'node:path';
import {setImmediate} from 'node:timers/promises';
import type {Artifact} from '../../action/action.ts';
import {byCodeUnit} from '../../core/json.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {ioError, type StoreError} from '../store-error.ts';
import type {BlobShelf, Shelved} from './blob-shelf.ts';
import {kindOf} from './file-hash.ts';
import {encodeFolder, type FolderFile} from './folder-blob.ts';

/** What a folder holds, before anything of it is taken in. */
interface Tree {
  readonly files: ReadonlyMap<string, FoundFile>;
  readonly folders: ReadonlyMap<string, Tree>;
}

interface FoundFile {
  /** Without links: two names for one file are taken in once. */
  readonly realPath: string;
  readonly isExecutable: boolean;
}

/** Takes a folder in. With `take` its files are moved away; see `BlobShelf.putFile`. */
export async function admitFolder(
  shelf: BlobShelf,
  path: string,
  how: 'take' | 'copy',
): Promise<Result<Artifact, StoreError>> {
  const scanned = scanFolder(path);
  if (!scanned.ok) return scanned;
  const admission = new Admission(shelf, how);
  return admission.admit(scanned.value);
}

class Admission {
  readonly #shelf: BlobShelf;
  readonly #how: 'take' | 'copy';
  readonly #done = new Map<string, Shelved>();
  #lastPause = performance.now();

  constructor(shelf: BlobShelf, how: 'take' | 'copy') {
    this.#shelf = shelf;
    this.#how = how;
  }

  async admit(tree: Tree): Promise<Result<Artifact & {readonly kind: 'folder'}, StoreError>> {
    const files = new Map<string, FolderFile>();
    const folders = new Map<string, Artifact['digest']>();
    let size = 0;
    for (const [name, found] of tree.files) {
      const shelved = await this.#put(found.realPath);
      if (!shelved.ok) return shelved;
      files.set(name, {...shelved.value, isExecutable: found.isExecutable});
      size += shelved.value.size;
    }
    for (const [name, below] of tree.folders) {
      const folder = await this.admit(below);
      if (!folder.ok) return folder;
      folders.set(name, folder.value.digest);
      size += folder.value.size;
    }
    const listing = this.#shelf.put(encodeFolder({files, folders}));
    return listing.ok ? ok({kind: 'folder', digest: listing.value.digest, size}) : listing;
  }

  async #put(realPath: string): Promise<Result<Shelved, StoreError>> {
    const done = this.#done.get(realPath);
    if (done !== undefined) return ok(done);
    // Thousands of small files must not keep other instances waiting.
    if (performance.now() - this.#lastPause > 20) {
      await setImmediate();
      this.#lastPause = performance.now();
    }
    const shelved = await this.#shelf.putFile(realPath, this.#how);
    if (shelved.ok) this.#done.set(realPath, shelved.value);
    return shelved;
  }
}

class Refused extends Error {
  override readonly name = 'Refused';
  readonly path: string;
  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

function scanFolder(path: string): Result<Tree, StoreError> {
  try {
    const state = lstatSync(path);
    if (!state.isDirectory())
      return err({reason: 'refused', path, message: `expected a folder, got ${kindOf(state)}`});
    const root = realpathSync(path);
    return ok(scan(root, root, path, [root]));
  } catch (error) {
    if (error instanceof Refused) return err({reason: 'refused', path: error.path, message: error.message});
    return err(ioError(error, path));
  }
}

/** `folder`: the real path; `shown`: as people know it; `trail`: real paths of the folders around, to notice circles. */
function scan(root: string, folder: string, shown: string, trail: readonly string[]): Tree {
  const files = new Map<string, FoundFile>();
  const folders = new Map<string, Tree>();
  const entries = readdirSync(folder, {withFileTypes: true}).sort((a, b) => byCodeUnit(a.name, b.name));
  for (const entry of entries) {
    const path = join(shown, entry.name);
    const realPath = entry.isSymbolicLink()
      ? followLink(root, folder, entry, path)
      : join(folder, entry.name);
    // A name that is not UTF-8 arrives with replacement characters, and no such file exists.
    if (entry.name.includes('\u{fffd}') && !existsSync(join(folder, entry.name))) {
      throw new Refused(path, 'expected a file name in UTF-8; rename the file');
    }
    const state = lstatSync(realPath);
    if (state.isDirectory()) {
      if (trail.includes(realPath))
        throw new Refused(path, 'expected a folder that ends, got a link to a folder around it');
      folders.set(entry.name, scan(root, realPath, path, [...trail, realPath]));
    } else if (state.isFile()) {
      files.set(entry.name, {realPath, isExecutable: (state.mode & 0o100) !== 0});
    } else throw new Refused(path, `expected files and folders, got ${kindOf(state)}`);
  }
  return {files, folders};
}

function followLink(root: string, folder: string, entry: Dirent, shown: string): string {
  const link = join(folder, entry.name);
  if (statSync(link, {throwIfNoEntry: false}) === undefined) {
    throw new Refused(shown, 'expected a file or folder, got a symbolic link that leads nowhere');
  }
  const realPath = realpathSync(link);
  if (realPath !== root && !realPath.startsWith(root + sep)) {
    throw new Refused(
      shown,
      'expected files and folders, got a symbolic link that leaves the output; write a copy instead',
    );
  }
  return realPath;
}
