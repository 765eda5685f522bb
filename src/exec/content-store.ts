// What an executor needs of the content store: bytes brought to a folder, looked at again, and taken in. Failures are
// those of a stage already, since nothing else can become of them.

import type {ActionWork, Artifact, Fingerprint, Prefix, TrackedFile, TrackedFiles} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import type {CodePackage} from '../action/stage-code.ts';
import type {Result} from '../core/result.ts';
import type {OutputKind} from '../stage/define.ts';
import type {PythonLaunch} from './python-launch.ts';

/** A file that was brought to a task; what is in it is the store's affair. */
export interface Placed {
  /** Absolute. */
  readonly path: string;
}

export interface Placement {
  /** Brings an artifact to `to`, where nothing is yet; checks its bytes. */
  place(artifact: Artifact, to: string): Promise<Result<void, StageFailure>>;
  /** Brings a file of the project to `to`, where nothing is yet; checks its bytes. */
  placeFile(file: TrackedFile, to: string): Promise<Result<void, StageFailure>>;
  /** The first file that was changed since it was placed; a blob that was damaged through it is set aside. */
  findTouched(): Placed | undefined;
  /** To be called before the task's folder is removed. */
  release(): void;
}

export interface ContentStore {
  /** The files of one task. */
  placement(): Placement;
  /** Takes a finished file or folder in; the source may be gone afterwards. */
  admit(path: string, kind: OutputKind): Promise<Result<Artifact, StageFailure>>;
  putText(text: string): Result<Artifact, StageFailure>;
  /**
   * The folder that survives from one try of an action to the next. Where no try has left anything, it is filled with
   * the state of the prefix; `isContinued` says whether that is what the first of these tries began with.
   */
  openCheckpoint(
    fingerprint: Fingerprint,
    prefix: Prefix | null,
  ): Promise<Result<{readonly folder: string; readonly isContinued: boolean}, StageFailure>>;
}

/** Brings the code of stage modules to this disk. */
export interface CodeStore {
  /** The absolute path of the module to import. `card`: how to make it ready where nobody has bundled it. */
  entryOf(work: ModuleWork, card: CodeCard | null): Promise<Result<string, StageFailure>>;
  /** How to run a Python stage; its folder holds the declared files as well. `card`: as for a module. */
  launchOf(
    work: PythonWork,
    files: TrackedFiles,
    card: CodeCard | null,
  ): Promise<Result<PythonLaunch, StageFailure>>;
}

/** What makes code ready on a machine that has its blobs and its packages, and not the project. */
export type CodeCard = ModuleCard | PythonCard;

export interface ModuleCard {
  readonly kind: 'module';
  /** Path of the module, relative to the project it came from: for messages. */
  readonly module: string;
  readonly bundle: Artifact;
  readonly maps: Artifact;
  /** The name under which the bundle imports a package → that package. */
  readonly links: Readonly<Record<string, CodePackage>>;
}

export interface PythonCard {
  readonly kind: 'python';
  /** How the stage is imported; paths are relative to the project, with `/`. */
  readonly entry: {
    readonly name: string | null;
    readonly file: string;
    readonly function: string;
    readonly front: readonly string[];
    readonly back: readonly string[];
  };
  /** A folder with the sources at their paths in the project. */
  readonly sources: Artifact;
  /** The program that it was read with, absolute: taken where it is there, as on machines that share a disk. */
  readonly interpreter: string;
  /** Names that the code imports of installed packages, and those that were not found when it was read. */
  readonly installed: readonly string[];
  readonly missing: readonly string[];
}

/** What whoever makes it ready will ask for. */
export const artifactsOfCard = (card: CodeCard): readonly Artifact[] =>
  card.kind === 'module' ? [card.bundle, card.maps] : [card.sources];

export type PythonWork = Extract<ActionWork, {readonly kind: 'python'}>;
export type ModuleWork = Extract<ActionWork, {readonly kind: 'module'}>;
