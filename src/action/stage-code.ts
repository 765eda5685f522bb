// What is known of a stage module's code: the digest that enters the key, the bundle that was hashed and that runs,
// and the sources that made it. Plain data, kept between runs so that a no-op never bundles.

import type {Diagnostic} from '../core/diagnostic.ts';
import type {Digest} from '../core/digest.ts';
import type {Result} from '../core/result.ts';
import type {Artifact} from './action.ts';
import type {Witnesses} from './witnesses.ts';

/** Below a bundle's folder: what workers make of it for single instances, each named after its process. */
export const instancesFolder = 'instances';

/** A source file of a bundle. Paths are relative to the project, with `/`. */
export interface CodeFile {
  /** Of its bytes. */
  readonly digest: Digest;
  /** Of the file without comments and white space: what it says. */
  readonly meaning: Digest;
  /** The file through which it came in; `null` for the module itself. */
  readonly importedBy: string | null;
  /** False where nothing of it is left in the bundle: types, or functions that nobody calls. */
  readonly isBundled: boolean;
}

/** A package that a bundle imports. */
export interface CodePackage {
  /** As people know it: `zod`. */
  readonly name: string;
  readonly version: string;
  /** The package's folder, absolute; `null` for one that is not installed and is only imported dynamically. */
  readonly folder: string | null;
}

export interface StageCode {
  /** Path of the module, relative to the project, with `/`. */
  readonly module: string;
  /** The digest of the bundle: chunk names and bytes, without comments and white space. */
  readonly code: Digest;
  /** Versions by package name, as they enter the action: of what is imported, and of all that it needs in turn. */
  readonly packages: Readonly<Record<string, string>>;
  /** A folder with `stage.js` and its chunks. */
  readonly bundle: Artifact;
  /** A folder with a source map for each file of the bundle; it changes with comments, and is no part of the digest. */
  readonly maps: Artifact;
  /** The name under which the bundle imports a package → that package. */
  readonly links: Readonly<Record<string, CodePackage>>;
  readonly files: Readonly<Record<string, CodeFile>>;
  /** What else decided what the bundle holds: it is used again only while they say the same. */
  readonly witnesses: Witnesses;
  /** What could not be followed: imports whose target is computed, paths beside the module. */
  readonly notices: readonly string[];
}

/** What the code digest needs of the store. */
export interface CodeStore {
  /** `undefined` for a file that is not there or cannot be read. */
  digestFile(path: string): Digest | undefined;
  /** What was kept last for a module, by its path relative to the project. */
  recall(module: string): StageCode | undefined;
  keep(code: StageCode): void;
  /** Stores files by name as one folder artifact. */
  putFolder(files: ReadonlyMap<string, Uint8Array>): Result<Artifact, Diagnostic>;
  /** True when every blob of the artifact is in place. */
  hasArtifact(artifact: Artifact): boolean;
}
