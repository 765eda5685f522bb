// A fresh copy of a stage's modules for every instance. Node keeps what it has imported, by URL, for the life of a
// process; so the first instance imports the bundle where it lies, and each later one the same files under names of
// their own: links in a folder below, from which packages are found as before.

import {copyFileSync, linkSync, readdirSync, statSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {instancesFolder} from '../action/stage-code.ts';
import {removeOrphans, removeTree, temporaryName} from '../host/atomic-file.ts';
import {makeFolder} from '../host/folder.ts';

/** Code that was imported is never given back: a worker that has loaded this much of it is not used again. Bytes. */
const MOST_CODE = 128 * 1024 ** 2;

export interface FreshModule {
  readonly exports: unknown;
  /** To be called when nothing of the instance runs any more. */
  release(): void;
}

export class FreshModules {
  readonly #imported = new Set<string>();
  /** Folders out of which went what killed workers had left. */
  readonly #swept = new Set<string>();
  #bytes = 0;

  /** `entry`: absolute path. Rejects with what the module throws. */
  async import(entry: string): Promise<FreshModule> {
    const parts = partsOf(entry);
    for (const {size} of parts) this.#bytes += size;
    if (!this.#imported.has(entry)) {
      this.#imported.add(entry);
      return {exports: await import(pathToFileURL(entry).href), release: () => {}};
    }
    const instances = join(dirname(entry), instancesFolder);
    const folder = join(instances, temporaryName());
    const release = (): void => removeTree(folder);
    try {
      makeFolder(folder);
      if (!this.#swept.has(instances)) removeOrphans(instances, Date.now());
      this.#swept.add(instances);
      for (const {name} of parts) link(join(dirname(entry), name), join(folder, name));
      return {exports: await import(pathToFileURL(join(folder, basename(entry))).href), release};
    } catch (error) {
      release();
      throw error;
    }
  }

  /** False when what was imported takes too much memory. */
  get hasRoom(): boolean {
    return this.#bytes < MOST_CODE;
  }
}

const partsOf = (entry: string): Array<{readonly name: string; readonly size: number}> =>
  readdirSync(dirname(entry))
    .filter(name => name === basename(entry) || /^chunk-\d{8}\.js$/.test(name))
    .map(name => ({name, size: statSync(join(dirname(entry), name)).size}));

function link(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    // A file system without hard links.
    copyFileSync(from, to);
  }
}
