// What the analyser says of a Python file, as data. It speaks the truth in a fixed form, so a guard at the edge is enough.

import type {Digest} from '../core/digest.ts';
import {isJsonObject, type Json, type JsonObject} from '../core/json.ts';
import type {Continues, InputArity, OutputDeclaration} from '../stage/define.ts';

/** Counts up whenever the analyser would say something else of the same file: what is kept of earlier ones is read anew. */
export const READING = '3';

/** `from a import b, c` has names, `import a.b` has none. `level`: leading dots. */
export type ImportFact = readonly [
  module: string,
  names: readonly string[] | null,
  level: number,
  line: number,
];

/** A place in a file: lines from 1, columns in bytes of UTF-8 from 0. */
export interface SaidMistake {
  readonly message: string;
  readonly hint: string | null;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export interface SaidDeclaration {
  readonly kind: 'static';
  readonly function: string;
  readonly about: string;
  readonly inputs: Readonly<Record<string, InputArity>>;
  readonly outputs: Readonly<Record<string, OutputDeclaration>>;
  readonly holds: Readonly<Record<string, string>>;
  /** A JSON Schema of an object. */
  readonly params: JsonObject;
  readonly device: boolean;
  readonly checkpoint: boolean;
  readonly continues: Continues | null;
  /** Modules that are imported under computed names. */
  readonly imports: readonly string[];
  /** A lock file, relative to the project. */
  readonly lock: string | null;
}

export type DeclarationFact =
  | SaidDeclaration
  /** The text alone does not say: the module has to be imported. */
  | {readonly kind: 'dynamic'; readonly function: string; readonly imports: readonly string[]}
  | ({readonly kind: 'mistake'} & SaidMistake);

export interface FileFacts {
  readonly digest: Digest;
  /** Of the syntax tree without comments, docstrings and positions. */
  readonly meaning: Digest;
  readonly imports: readonly ImportFact[];
  /** Lines where a module is imported under a name that is computed. */
  readonly computed: ReadonlyArray<readonly [line: number, by: string]>;
  /** What `__all__` lists. */
  readonly exported: readonly string[];
  /** Absent where the file has nothing to do with stages; `null` where it declares none. */
  readonly declaration?: DeclarationFact | null;
}

/** A file that cannot be read as Python. */
export interface BrokenFile {
  readonly digest?: Digest;
  readonly error: {readonly message: string; readonly line: number; readonly column: number};
}

export const isBroken = (facts: FileFacts | BrokenFile): facts is BrokenFile => 'error' in facts;

/** Facts as they were kept or just said. */
export const isFacts = (value: Json | undefined): boolean =>
  isJsonObject(value) && typeof value.meaning === 'string' && Array.isArray(value.imports);
