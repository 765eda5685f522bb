// What reading Python needs of the store, and what is kept between runs so that a no-op starts no Python.

import type {Artifact} from '../action/action.ts';
import type {CodeFile} from '../action/stage-code.ts';
import type {Diagnostic} from '../core/diagnostic.ts';
import type {Digest} from '../core/digest.ts';
import type {Json} from '../core/json.ts';
import type {Result} from '../core/result.ts';
import type {SaidDeclaration} from './facts.ts';

/** How a stage's module is imported. Paths are relative to the project, with `/`. */
export interface PythonEntry {
  /** Dotted name; `null` for a file whose path is no name. */
  readonly name: string | null;
  readonly file: string;
  readonly function: string;
  /** Folders of the project that are searched for modules, in this order; `''` is the project itself. */
  readonly front: readonly string[];
  /** Searched after installed packages: the stage's own folder, so that its neighbours hide nobody. */
  readonly back: readonly string[];
}

/** The code of a Python stage: every module of the project that it imports, and what is installed. */
export interface PythonCode {
  /** Path of the module, relative to the project, with `/`. */
  readonly module: string;
  /** Of what all files say, without comments, docstrings and formatting, and of the entry. */
  readonly code: Digest;
  /** Versions as they enter the action: the interpreter's as `python`, and of distributions that are imported. */
  readonly packages: Readonly<Record<string, string>>;
  /** The program that runs it, absolute. */
  readonly interpreter: string;
  readonly entry: PythonEntry;
  /** A folder with the sources at their paths in the project. */
  readonly sources: Artifact;
  readonly files: Readonly<Record<string, CodeFile>>;
  /** Digests of what modules could be found in folders that were searched, by their path. */
  readonly folders: Readonly<Record<string, Digest>>;
  readonly declaration: SaidDeclaration;
  readonly notices: readonly string[];
  /** Names that it imports of installed packages, and those that were not found. */
  readonly installed: readonly string[];
  readonly missing: readonly string[];
}

/** What is kept, by kind: interpreters, what files say, distributions, and whole stages. */
export type PythonRecord = 'interpreter' | 'facts' | 'distributions' | 'stage';

export interface PythonStore {
  /** `undefined` for a file that is not there or cannot be read. */
  digestFile(path: string): Digest | undefined;
  recall(kind: PythonRecord, key: string): Json | undefined;
  keep(kind: PythonRecord, key: string, value: Json): void;
  /** Writes what was kept. */
  save(): void;
  /** The sources behind a code digest, for `why`. */
  keepManifest(code: Digest, files: PythonCode['files']): void;
  putFolder(files: ReadonlyMap<string, Uint8Array>): Result<Artifact, Diagnostic>;
  hasArtifact(artifact: Artifact): boolean;
}
