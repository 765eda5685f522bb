// The contracts of the store: what the runner and the command line may ask of it. Everything durable goes through here.
// Failures of the disk are values (`StoreError`); nothing here knows of plans, executors or events.

import type {Action, ActionResult, Artifact, Fingerprint, GitState, TrackedFiles} from '../action/action.ts';
import type {Audit} from '../action/audit.ts';
import type {Outcome} from '../action/outcome.ts';
import type {Digest} from '../core/digest.ts';
import type {JsonObject} from '../core/json.ts';
import type {Result} from '../core/result.ts';
import type {InstanceId} from '../plan/plan.ts';
import type {OutputKind} from '../stage/define.ts';
import type {StoreError} from './store-error.ts';

/** `link`: read-only, may share its bytes with the store. `copy`: the user's own, edits never reach the store. */
export type RestoreMode = 'link' | 'copy';

/** A file inside an artifact; `path` is relative with `/`, and `''` for an artifact that is a file itself. */
export interface ArtifactFile {
  readonly path: string;
  readonly digest: Digest;
  readonly size: number;
  readonly isExecutable: boolean;
}

export interface Restored {
  /** Files in the artifact. */
  readonly files: number;
  /** Files that had to be written or removed; 0 when everything was right already. */
  readonly changed: number;
}

export interface Verification {
  readonly blobs: number;
  readonly bytes: number;
  readonly damaged: ReadonlyArray<{readonly digest: Digest; readonly setAside: string}>;
}

/** Bytes by digest. The store computes every address; a blob under its final name is whole and read-only. */
export interface BlobStore {
  putBytes(bytes: string | Uint8Array): Result<Artifact, StoreError>;
  /**
   * Takes a finished file or folder in. With `take` (a stage's private output folder) files are moved where that
   * is possible, so that the source is gone afterwards; else they are copied.
   */
  admit(path: string, kind: OutputKind, how: 'take' | 'copy'): Promise<Result<Artifact, StoreError>>;
  /**
   * Copies a file of the work tree in, unless the store has these bytes: how many bytes were copied, or `undefined`
   * where the file no longer holds what the digest says. Links are followed.
   */
  keep(path: string, digest: Digest): Promise<Result<number | undefined, StoreError>>;
  /** Gets what is missing of an artifact from the store elsewhere, where there is one; an error where it is nowhere. */
  bring(artifact: Artifact): Promise<Result<void, StoreError>>;
  /** The same for one blob, such as a log. */
  bringBlob(digest: Digest): Promise<Result<void, StoreError>>;
  /** The bytes of a blob, checked against its digest. */
  read(digest: Digest): Result<Buffer, StoreError>;
  /** Streams a blob, unchecked. */
  open(digest: Digest): Result<NodeJS.ReadableStream, StoreError>;
  /** All files of an artifact, sorted by path. */
  filesOf(artifact: Artifact): Result<readonly ArtifactFile[], StoreError>;
  /** All folders below an artifact, parents first. */
  foldersOf(artifact: Artifact): Result<readonly string[], StoreError>;
  /**
   * What is wrong with an artifact, or `undefined` if every blob of it is in place: one stat per blob. A blob that
   * looks touched is read; if its bytes are wrong, it is set aside. Looks each time: what was whole a moment ago may have been damaged by a stage.
   */
  findLoss(artifact: Artifact): StoreError | undefined;
  /**
   * Brings an artifact to `to`. What is right already is left alone; the rest is staged beside the target and
   * renamed into place. In mode `copy`, nothing else in a target folder is touched, whatever it is.
   */
  restore(artifact: Artifact, to: string, mode: RestoreMode): Promise<Result<Restored, StoreError>>;
  /** Makes an artifact survive a power cut: for results whose making took longer than this takes. */
  sync(artifact: Artifact): Promise<Result<void, StoreError>>;
  /** Removes what processes that are gone had begun to write. `now`: milliseconds since the epoch. */
  discardUnfinished(now: number): void;
  /** Reads every blob and compares it with its name; damaged ones are set aside. */
  verify(onProgress?: (done: number, total: number) => void): Promise<Result<Verification, StoreError>>;
}

/** A file that could not be tracked, and why. */
export interface FileProblem {
  /** As the pipeline wrote it. */
  readonly pattern: string;
  readonly error: StoreError | {readonly reason: 'no-match'; readonly pattern: string};
}

/** Digests of files in the work tree, read only when their state (device, inode, size, times) is new. Synchronous. */
export interface FileStates {
  digestFile(path: string): Result<Digest, StoreError>;
  /**
   * Digest and executable bit of what `patterns` (files, folders, globs, `!exclusions`; relative to `root`) name, by path relative
   * to `root` with `/`, sorted by code unit. A folder is every file below it.
   */
  digestFiles(root: string, patterns: readonly string[]): Result<TrackedFiles, readonly FileProblem[]>;
  /** Notes the digest of a file whose bytes are known, such as one just restored. */
  remember(path: string, digest: Digest): void;
  /** Writes what was learnt. */
  save(): void;
}

export type Lookup =
  | {readonly status: 'hit'; readonly result: ActionResult}
  /** Known to a store elsewhere, with every blob of it; `BlobStore.bring` gets those that are wanted. */
  | {readonly status: 'elsewhere'; readonly result: ActionResult}
  /** Known; the bytes of these outputs went on purpose, since all that takes them was done. */
  | {readonly status: 'dropped'; readonly result: ActionResult; readonly outputs: readonly string[]}
  /** Known, but a blob is gone or damaged; the runner makes it again. */
  | {readonly status: 'lost'; readonly output: string; readonly error: StoreError}
  | {readonly status: 'miss'};

export interface Recorded {
  /** The last earlier result of the same action with other outputs: the stage is not deterministic. */
  readonly differsFrom: ActionResult | undefined;
}

/** Fingerprint → action and results. A hit is believed only if every blob of it is in place. */
export interface ActionCache {
  /** `recalled`: what the ledger knows to be the last result of this very fingerprint; spares opening the index. */
  lookup(
    fingerprint: Fingerprint,
    recalled: ActionResult | undefined,
    action: Action,
  ): Promise<Result<Lookup, StoreError>>;
  /** To be called only after every blob of the result has been admitted. */
  record(action: Action, result: ActionResult): Promise<Result<Recorded, StoreError>>;
  /** Notes that the bytes of these outputs of the newest result go on purpose; to be called before they go. */
  drop(fingerprint: Fingerprint, outputs: readonly string[]): Promise<Result<void, StoreError>>;
  /** Keeps an action without a result (it failed or was stopped), so that `why` can compare with it. */
  note(action: Action): Promise<Result<void, StoreError>>;
  /** All results of an action, newest last. */
  resultsOf(fingerprint: Fingerprint): Promise<Result<readonly ActionResult[], StoreError>>;
  actionOf(fingerprint: Fingerprint): Promise<Result<Action | undefined, StoreError>>;
  close(): Promise<void>;
}

export interface Holder {
  readonly pid: number;
  /** `elsewhere`: in another container, or on another machine, where the number means another process. */
  readonly where: 'here' | 'elsewhere';
}

export type Claim =
  | {
      readonly status: 'held';
      /**
       * False as soon as somebody else has taken the claim over, because this process gave no sign of life for long:
       * what it still makes counts for nothing, and it must not write where the other one does.
       */
      readonly isHeld: () => boolean;
      readonly release: () => void;
    }
  | {readonly status: 'taken'; readonly by: Holder}
  /** The claim could not be written: the disk is full. */
  | {readonly status: 'failed'; readonly error: StoreError};

/** Who is making what, across processes, containers and machines. A dead holder's claim is taken over by itself. */
export interface Claims {
  acquire(fingerprint: Digest): Promise<Claim>;
  /** Resolves when nobody alive holds the claim any more, or when `signal` aborts. */
  wait(fingerprint: Digest, signal: AbortSignal): Promise<'released' | 'aborted'>;
  close(): Promise<void>;
}

/** What is remembered of an instance between runs. */
export interface LastState {
  readonly fingerprint: Fingerprint;
  readonly status: 'done' | 'failed' | 'unfinished';
  /** The last result, also when the last try failed. */
  readonly result: ActionResult | undefined;
  /** The last fingerprint that gave `result`. */
  readonly resultOf: Fingerprint | undefined;
  /** How long it took the last time that it was executed, in milliseconds. */
  readonly durationMs: number | undefined;
  readonly run: string;
  readonly at: number;
}

export interface RunHeader {
  readonly run: string;
  readonly pipeline: string;
  readonly file: string;
  readonly params: JsonObject;
  /** The command line after `pipe`. */
  readonly argv: readonly string[];
  readonly host: string;
  readonly platform: string;
  readonly startedAt: number;
}

/** The record of one run, written as it happens. Writing never throws: a ledger that fails must not fail a run. */
export interface RunRecorder {
  /** `executor` was given an action: should this process die, the instance counts as unfinished. */
  started(id: InstanceId, fingerprint: Fingerprint, action: Action, executor: string, at: number): void;
  finished(id: InstanceId, outcome: Outcome, at: number): void;
  audited(id: InstanceId, audit: Audit, at: number): void;
  /** The state of the sources. */
  git(state: GitState): void;
  end(at: number, durationMs: number): void;
  /** The first failure to write, for a notice at the end of the run. */
  readonly error: StoreError | undefined;
}
