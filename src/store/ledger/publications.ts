// What a pipeline has published: by folder, each path with the digests of what was put there. It says what is ours: a
// path that stands here may be written again, and its file removed while it still is what was put there. One file per
// pipeline, `published/PIPELINE.json`, written before the files that it speaks of, so that a kill never disowns them.

import {existsSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {type Digest, isDigest} from '../../core/digest.ts';
import {isJsonObject, parseJson} from '../../core/json.ts';
import {namesIn, removeFile, writeAtomically} from '../../host/atomic-file.ts';
import {checkedText, withChecksum} from '../../host/checked-text.ts';
import {readStoreFile} from '../../host/store-file.ts';
import {readPath} from '../../spec/path.ts';

/** Path relative to the project → what may stand there of ours: while it is being replaced, both contents. */
export type PublishedFiles = ReadonlyMap<string, readonly Digest[]>;

const SUFFIX = '.json';

export class Publications {
  readonly #folder: string;
  readonly #project: string;
  readonly #own: string;
  readonly #file: string;
  #published: Map<string, PublishedFiles> | undefined;

  /**
   * `pipeline`: its file, relative to `project`; `store`: the store's folder. What a profile publishes stands apart, and
   * outlives a run of another profile.
   */
  constructor(project: string, store: string, pipeline: string, profile: string | null) {
    this.#folder = join(store, 'published');
    this.#project = project;
    this.#file = pipeline;
    const name = profile === null ? pipeline : `${pipeline} ${profile}`;
    this.#own = `${encodeURIComponent(name)}${SUFFIX}`;
  }

  /** Forgets what was read: another process may have published since. */
  reload(): void {
    this.#published = undefined;
  }

  /** The folders that this pipeline publishes to. */
  folders(): readonly string[] {
    return [...this.#all().keys()];
  }

  filesIn(folder: string): PublishedFiles {
    return this.#all().get(folder) ?? new Map();
  }

  /** What this pipeline put at a path, through whatever folder; `undefined` if it put nothing there. */
  at(path: string): readonly Digest[] | undefined {
    for (const files of this.#all().values()) {
      const digests = files.get(path);
      if (digests !== undefined) return digests;
    }
    return undefined;
  }

  /** What a pipeline put at a path that is no longer in the project, so that nobody else looks after it. */
  leftAt(path: string): readonly Digest[] | undefined {
    for (const {pipeline, files} of this.#others()) {
      if (files.has(path) && !this.#isThere(pipeline)) return files.get(path);
    }
    return undefined;
  }

  /** The file of another pipeline of the project that publishes at a path. */
  otherAt(path: string): string | undefined {
    for (const {pipeline, files} of this.#others()) {
      if (files.has(path) && this.#isThere(pipeline)) return pipeline;
    }
    return undefined;
  }

  /** Throws errors of the system. */
  set(folder: string, files: PublishedFiles): void {
    const published = this.#all();
    if (isSame(published.get(folder), files)) return;
    if (files.size === 0) published.delete(folder);
    else published.set(folder, files);
    const path = join(this.#folder, this.#own);
    if (published.size === 0) {
      removeFile(path);
      return;
    }
    const folders = [...published].map(([to, placed]) => [to, Object.fromEntries(placed)]);
    writeAtomically(
      path,
      withChecksum(
        `${JSON.stringify({format: 1, pipeline: this.#file, folders: Object.fromEntries(folders)})}\n`,
      ),
      'durable',
    );
  }

  #all(): Map<string, PublishedFiles> {
    this.#published ??= new Map(read(join(this.#folder, this.#own))?.folders ?? []);
    return this.#published;
  }

  *#others(): Generator<{readonly pipeline: string; readonly files: PublishedFiles}> {
    for (const name of namesIn(this.#folder)) {
      if (name === this.#own || !name.endsWith(SUFFIX)) continue;
      const other = read(join(this.#folder, name));
      for (const files of other?.folders.values() ?? []) yield {pipeline: other?.pipeline ?? '', files};
    }
  }

  #isThere(pipeline: string): boolean {
    return existsSync(join(this.#project, pipeline));
  }
}

/** Every folder of the project in which some pipeline put a file, absolute. */
export function publishedFolders(project: string, store: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const name of namesIn(join(store, 'published'))) {
    if (!name.endsWith(SUFFIX)) continue;
    for (const files of read(join(store, 'published', name))?.folders.values() ?? []) {
      for (const path of files.keys()) found.add(dirname(join(project, path)));
    }
  }
  return found;
}

interface Manifest {
  readonly pipeline: string;
  readonly folders: ReadonlyMap<string, PublishedFiles>;
}

/** What cannot be read is forgotten: what stands there is then the user's, and left alone. */
function read(path: string): Manifest | undefined {
  const value = parseJson(checkedText(readStoreFile(path)) ?? '');
  if (!isJsonObject(value) || value.format !== 1 || !isJsonObject(value.folders)) return undefined;
  const {pipeline} = value;
  if (typeof pipeline !== 'string') return undefined;
  const folders = new Map<string, PublishedFiles>();
  for (const [folder, files] of Object.entries(value.folders)) {
    if (!isInside(folder) || !isJsonObject(files)) return undefined;
    const placed = new Map<string, readonly Digest[]>();
    for (const [file, digests] of Object.entries(files)) {
      if (!isInside(file) || !Array.isArray(digests)) return undefined;
      placed.set(
        file,
        digests.filter((digest): digest is Digest => isDigest(String(digest))),
      );
    }
    folders.set(folder, placed);
  }
  return {pipeline, folders};
}

/** A path in its normal form, below the project: it is joined with the project's folder, and may be removed. */
function isInside(path: string): boolean {
  const segments = path.split('/');
  return (
    !segments.some(segment => segment === '' || segment === '.' || segment === '..') && readPath(path).ok
  );
}

function isSame(a: PublishedFiles | undefined, b: PublishedFiles): boolean {
  if (a === undefined) return b.size === 0;
  return a.size === b.size && [...b].every(([path, digests]) => a.get(path)?.join() === digests.join());
}
