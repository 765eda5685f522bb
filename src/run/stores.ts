// All of the store that a run uses, and the code of stage modules. Put together by the command line.

import type {Action} from '../action/action.ts';
import type {Change, StageFailure} from '../action/outcome.ts';
import type {Digest} from '../core/digest.ts';
import type {Result} from '../core/result.ts';
import type {CodeCard} from '../exec/content-store.ts';
import type {InstanceId} from '../plan/plan.ts';
import type {Checkpoints} from '../store/claims/checkpoint.ts';
import type {RunGate} from '../store/claims/run-gate.ts';
import type {KnownValues} from '../store/index/known-values.ts';
import type {ActionCache, BlobStore, Claims, FileStates, LastState} from '../store/store.ts';
import type {DroppedOutputs, Dropping} from '../store/temporary.ts';

/** The code of a stage module: what is hashed is what runs. */
export interface ModuleCode {
  readonly kind: 'module' | 'python';
  readonly code: Digest;
  /** Versions of the packages that the bundle imports. */
  readonly packages: Readonly<Record<string, string>>;
}

export interface CodeSource {
  /** The code of the module at this absolute path, bundled when it is new. */
  codeOf(path: string): Promise<Result<ModuleCode, StageFailure>>;
  /** How to make the code of a module ready on another machine; `null` for code that this process never met. */
  cardOf(code: Digest): CodeCard | null;
}

export interface Stores {
  readonly blobs: BlobStore;
  readonly files: FileStates;
  readonly cache: ActionCache;
  /** Where longer results can go on from. */
  readonly values: KnownValues;
  readonly claims: Claims;
  readonly checkpoints: Checkpoints;
  /** Keeps the sweep away while runs are under way. */
  readonly gate: RunGate;
  readonly code: CodeSource;
  /** What differs between an earlier action and one that missed. */
  readonly explain: (before: Action, after: Action) => readonly Change[];
  /** What is remembered of an instance of this pipeline. */
  readonly lastStateOf: (id: InstanceId) => LastState | undefined;
  /** Removes the bytes of temporary outputs; not while anybody else works with the store. */
  readonly dropOutputs: (outputs: readonly DroppedOutputs[]) => Promise<Dropping>;
}
