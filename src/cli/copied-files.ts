// Files that `pipe get` wrote, by absolute path with the digest of what was put there: what stands there unchanged may
// be written over, everything else is the user's.

import {lstatSync} from 'node:fs';
import {join} from 'node:path';
import type {Digest} from '../core/digest.ts';
import {Journal} from '../host/journal.ts';
import type {ArtifactFile} from '../store/store.ts';
import type {Workspace} from './workspace.ts';

export class CopiedFiles {
  readonly #journal: Journal;
  readonly #files: Workspace['files'];

  constructor({store, files}: Pick<Workspace, 'store' | 'files'>) {
    this.#journal = new Journal(join(store, 'copied.journal'));
    this.#files = files;
  }

  /** The first path at which something stands that is neither what is to come nor what was put there before. */
  findForeign(target: string, files: readonly ArtifactFile[]): string | undefined {
    return files
      .map(({path, digest}) => ({path: placeOf(target, path), digest}))
      .find(({path, digest}) => this.#isForeign(path, digest))?.path;
  }

  remember(target: string, files: readonly ArtifactFile[]): void {
    for (const {path, digest} of files) this.#journal.set(JSON.stringify(placeOf(target, path)), digest);
    this.#journal.save();
  }

  #isForeign(path: string, digest: Digest): boolean {
    const state = lstatSync(path, {throwIfNoEntry: false});
    if (state === undefined) return false;
    // A folder or a link where a file belongs.
    if (!state.isFile()) return true;
    const there = this.#files.digestFile(path);
    return !there.ok || (there.value !== digest && there.value !== this.#journal.get(JSON.stringify(path)));
  }
}

/** A file artifact is one file with the path `''`. */
const placeOf = (target: string, path: string): string => (path === '' ? target : join(target, path));
