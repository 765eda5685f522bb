// Publishing: copies of outputs at a place of the project that people read and commit. What is right is left alone,
// what is missing or changed is restored, and of other files only those go that an earlier run put there.

import {existsSync, lstatSync, readFileSync, rmdirSync, rmSync} from 'node:fs';
import {dirname, join} from 'node:path';
import type {ActionResult, Artifact} from '../action/action.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Digest} from '../core/digest.ts';
import {isJsonObject} from '../core/json.ts';
import {err, ok, type Result} from '../core/result.ts';
import {writeAtomically} from '../host/atomic-file.ts';
import type {Instance} from '../plan/plan.ts';
import type {BlobStore, FileStates} from '../store/store.ts';
import {describeStoreError} from '../store/store-error.ts';

export interface Published {
  readonly to: string;
  readonly files: number;
  /** Files that had to be written or removed. */
  readonly changed: number;
}

/** Path relative to the project → digest of what was put there. */
type Placed = Record<string, string>;

export class Publisher {
  readonly #project: string;
  readonly #memory: string;
  readonly #blobs: BlobStore;
  readonly #states: FileStates;
  #placed: Map<string, Placed> | undefined;

  /** `cache` is the folder of the store, where is remembered what was published. */
  constructor(project: string, cache: string, blobs: BlobStore, states: FileStates) {
    this.#project = project;
    this.#memory = join(cache, 'published.json');
    this.#blobs = blobs;
    this.#states = states;
  }

  /** Brings copies of all outputs of a result to where the instance publishes. */
  async publish(
    instance: Instance,
    to: string,
    result: ActionResult,
  ): Promise<Result<Published, Diagnostic>> {
    const wanted: Placed = {};
    let files = 0;
    let changed = 0;
    const outputs = Object.entries(instance.outputs);
    for (const [name, output] of outputs) {
      const artifact = result.outputs[name];
      if (artifact === undefined) continue;
      const path = join(to, output.path);
      if (lstatSync(join(this.#project, to), {throwIfNoEntry: false})?.isFile()) {
        return err(inTheWay(instance, to, 'a file is where the folder should be'));
      }
      const listed = this.#list(artifact, path, wanted);
      const restored = listed.ok
        ? await this.#blobs.restore(artifact, join(this.#project, path), 'copy')
        : listed;
      if (!restored.ok) return err(inTheWay(instance, path, describeStoreError(restored.error)));
      files += restored.value.files;
      changed += restored.value.changed;
    }
    changed += this.#forget(to, wanted);
    return ok({to, files, changed});
  }

  #list(artifact: Artifact, path: string, wanted: Placed): ReturnType<BlobStore['filesOf']> {
    const files = this.#blobs.filesOf(artifact);
    if (files.ok) {
      for (const file of files.value) wanted[file.path === '' ? path : join(path, file.path)] = file.digest;
    }
    return files;
  }

  /** Removes what was put here earlier, is not wanted any more, and nobody has changed since. Remembers the rest. */
  #forget(to: string, wanted: Placed): number {
    const placed = (this.#placed ??= readPlaced(this.#memory));
    const before = placed.get(to) ?? {};
    let removed = 0;
    for (const [path, digest] of Object.entries(before)) {
      if (path in wanted) continue;
      const absolute = join(this.#project, path);
      if (!existsSync(absolute)) continue;
      const now = this.#states.digestFile(absolute);
      if (!now.ok || now.value !== (digest as Digest)) continue;
      rmSync(absolute, {force: true});
      removeEmptyFolders(dirname(absolute), join(this.#project, to));
      removed++;
    }
    if (!isSamePlacing(before, wanted)) {
      placed.set(to, wanted);
      writeAtomically(this.#memory, `${JSON.stringify(Object.fromEntries(placed))}\n`);
    }
    return removed;
  }
}

const inTheWay = (instance: Instance, to: string, message: string): Diagnostic =>
  mistake('publish-failed', `expected to publish ${instance.id} at ${to}: ${message}`, undefined, {
    hint: 'move away what is there, or publish to another folder',
  });

function isSamePlacing(a: Placed, b: Placed): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every(name => a[name] === b[name]);
}

function removeEmptyFolders(from: string, upTo: string): void {
  for (let folder = from; folder.startsWith(`${upTo}/`); folder = dirname(folder)) {
    try {
      rmdirSync(folder);
    } catch {
      return;
    }
  }
}

/** A memory that cannot be read is a forgotten one: nothing is removed then. */
function readPlaced(path: string): Map<string, Placed> {
  const placed = new Map<string, Placed>();
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (!isJsonObject(value)) return placed;
    for (const [to, files] of Object.entries(value)) {
      if (!isJsonObject(files)) continue;
      placed.set(
        to,
        Object.fromEntries(Object.entries(files).map(([file, digest]) => [file, String(digest)])),
      );
    }
  } catch {
    return placed;
  }
  return placed;
}
