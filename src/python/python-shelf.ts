// What is kept of Python between runs, on disk, and sources put where Python can import them: a folder named by
// everything that is in it, with the very files that were hashed.

import {readlinkSync, renameSync, symlinkSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import type {Artifact, TrackedFiles} from '../action/action.ts';
import type {CodeFile} from '../action/stage-code.ts';
import type {Diagnostic} from '../core/diagnostic.ts';
import {type Digest, digestJson} from '../core/digest.ts';
import {isJsonObject, type Json, parseJson} from '../core/json.ts';
import type {Result} from '../core/result.ts';
import {removeAtOnce, removeTree, temporaryName} from '../host/atomic-file.ts';
import {makeFolder} from '../host/folder.ts';
import {Journal} from '../host/journal.ts';
import {hasCode} from '../host/system-error.ts';
import type {PythonCode, PythonRecord, PythonStore} from './python-store.ts';

/** What it needs of the content store. */
export interface PythonContent {
  digestFile(path: string): Digest | undefined;
  putFolder(files: ReadonlyMap<string, Uint8Array>): Result<Artifact, Diagnostic>;
  hasArtifact(artifact: Artifact): boolean;
  /** Digests of an artifact's files by path. Throws where it is not there. */
  filesOf(artifact: Artifact): ReadonlyMap<string, Digest>;
  /** The bytes of a digest, which they have. Throws where they are not there. */
  read(digest: Digest): Uint8Array;
  /** Where the bytes of a digest are, absolute. */
  pathOf(digest: Digest): string;
}

const RECORDS = ['interpreter', 'facts', 'distributions', 'stage'] as const satisfies readonly PythonRecord[];

export class PythonShelf implements PythonStore {
  readonly #folder: string;
  readonly #content: PythonContent;
  readonly #journals: Readonly<Record<PythonRecord | 'manifest', Journal>>;
  readonly #parsed = new Map<string, Json | undefined>();

  /** `store`: the store's folder. */
  constructor(store: string, content: PythonContent) {
    this.#folder = join(store, 'python');
    this.#content = content;
    const journal = (name: string): Journal => new Journal(join(this.#folder, `${name}.journal`));
    const [interpreter, facts, distributions, stage] = RECORDS.map(journal);
    if (!interpreter || !facts || !distributions || !stage) throw new Error('Internal error: four journals');
    this.#journals = {interpreter, facts, distributions, stage, manifest: journal('manifest')};
  }

  digestFile(path: string): Digest | undefined {
    return this.#content.digestFile(path);
  }

  recall(kind: PythonRecord, key: string): Json | undefined {
    const name = `${kind} ${key}`;
    if (!this.#parsed.has(name)) {
      const text = this.#journals[kind].get(oneLine(key));
      this.#parsed.set(name, text === undefined ? undefined : parseJson(text));
    }
    return this.#parsed.get(name);
  }

  keep(kind: PythonRecord, key: string, value: Json): void {
    this.#parsed.set(`${kind} ${key}`, value);
    this.#journals[kind].set(oneLine(key), JSON.stringify(value));
  }

  keepManifest(code: Digest, files: PythonCode['files']): void {
    this.#journals.manifest.set(code, JSON.stringify(files));
  }

  manifestOf(code: Digest): Readonly<Record<string, CodeFile>> | undefined {
    const value = parseJson(this.#journals.manifest.get(code) ?? '');
    return isJsonObject(value) ? (value as unknown as Record<string, CodeFile>) : undefined;
  }

  /** The stage that has this code, made by this process or another. */
  findStage(code: Digest): PythonCode | undefined {
    for (const [, text] of this.#journals.stage.entries()) {
      if (!text.includes(code)) continue;
      const stage = parseJson(text) as unknown as PythonCode;
      if (stage.code === code && this.#content.hasArtifact(stage.sources)) return stage;
    }
    return undefined;
  }

  save(): void {
    try {
      for (const journal of Object.values(this.#journals)) journal.save();
    } catch (error) {
      // Reading the sources again costs less than a run that stops here.
      if (!hasCode(error, 'ENOSPC', 'EDQUOT', 'EACCES', 'EROFS', 'EMFILE', 'ENFILE')) throw error;
    }
  }

  putFolder(files: ReadonlyMap<string, Uint8Array>): Result<Artifact, Diagnostic> {
    return this.#content.putFolder(files);
  }

  hasArtifact(artifact: Artifact): boolean {
    return this.#content.hasArtifact(artifact);
  }

  /**
   * The folder that holds the sources at their paths in the project, and beside them the declared files, which a module
   * may look for from its own place. What is there already is compared with what was hashed, and made anew where it is
   * anything else. Throws errors of the system.
   */
  materialise({sources, code}: Pick<PythonCode, 'sources' | 'code'>, files: TrackedFiles): string {
    const declared = Object.fromEntries(Object.entries(files).map(([path, {digest}]) => [path, digest]));
    const folder = join(
      this.#folder,
      'code',
      digestJson('python', [code, sources.digest, declared]).slice(0, 32),
    );
    const written = this.#content.filesOf(sources);
    if (this.#isReady(folder, written, declared)) return folder;
    // Where every run sweeps what a killed one left.
    const swept = join(dirname(this.#folder), 'tmp');
    const temporary = join(swept, temporaryName());
    makeFolder(temporary);
    try {
      for (const [path, digest] of written) {
        const bytes = this.#content.read(digest);
        writeBelow(temporary, path, to => writeFileSync(to, bytes));
      }
      for (const [path, digest] of Object.entries(declared)) {
        if (!written.has(path)) {
          writeBelow(temporary, path, to => symlinkSync(this.#content.pathOf(digest), to));
        }
      }
      makeFolder(dirname(folder));
      try {
        renameSync(temporary, folder);
      } catch (error) {
        if (!hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw error;
        // Another process was first, or what is there is not whole.
        removeAtOnce(folder, swept);
        renameSync(temporary, folder);
      }
    } catch (error) {
      removeTree(temporary);
      throw error;
    }
    return folder;
  }

  #isReady(
    folder: string,
    written: ReadonlyMap<string, Digest>,
    declared: Readonly<Record<string, Digest>>,
  ): boolean {
    return (
      [...written].every(([path, digest]) => this.#content.digestFile(join(folder, path)) === digest) &&
      Object.entries(declared).every(
        ([path, digest]) => written.has(path) || leadsTo(join(folder, path), this.#content.pathOf(digest)),
      )
    );
  }
}

function leadsTo(link: string, target: string): boolean {
  try {
    return readlinkSync(link) === target;
  } catch {
    return false;
  }
}

function writeBelow(folder: string, path: string, write: (to: string) => void): void {
  const to = join(folder, path);
  makeFolder(dirname(to));
  write(to);
}

/** Keys of a journal hold no tab and no line break. */
const oneLine = (key: string): string => key.replaceAll('\t', '\\t').replaceAll('\n', '\\n');
