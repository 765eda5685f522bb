// What a report page is made from: plain data about a pipeline's last results, gathered from plan, store and ledger.
// Nothing here depends on when or where the page is made, so equal facts give equal pages.

import type {Action, Artifact, Provenance} from '../../action/action.ts';
import type {Digest} from '../../core/digest.ts';
import type {JsonObject} from '../../core/json.ts';
import type {Instance, InstanceId} from '../../plan/plan.ts';
import type {Trace} from '../../stage/trace.ts';
import type {Graph} from '../stage-graph.ts';

export interface PageFacts {
  /** The version of this program. */
  readonly version: string;
  readonly pipeline: string;
  readonly about: string;
  /** The pipeline file, relative to the project. */
  readonly file: string;
  /** Effective parameters of the pipeline. */
  readonly params: JsonObject;
  /** The last run of this pipeline; `null` where only the lock file is known. */
  readonly lastRun: RunFacts | null;
  /** In plan order. */
  readonly instances: readonly InstanceFacts[];
  readonly documents: readonly DocumentFacts[];
  readonly pictures: readonly PictureFacts[];
  /** Pictures and documents that are too large or too many to show: one sentence each. */
  readonly leftOut: readonly string[];
  readonly graph: Graph;
  readonly code: readonly CodeFacts[];
  readonly commands: readonly CommandFacts[];
}

export interface RunFacts {
  readonly run: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** `null` for a run that was killed, or that goes on. */
  readonly durationMs: number | null;
  readonly executed: number;
  readonly cached: number;
  readonly failed: number;
  /** Skipped, cancelled or unfinished. */
  readonly others: number;
}

/** `recorded`: known from the lock file alone. `missing`: there are results, of other parameters. */
export type InstanceState = 'done' | 'failed' | 'unfinished' | 'recorded' | 'missing' | 'never-run';

export interface InstanceFacts {
  readonly instance: Instance;
  readonly state: InstanceState;
  /** The result is of other parameters than the pipeline now says. */
  readonly isOutdated: boolean;
  /** What gave the result; `undefined` where it was made elsewhere or never. */
  readonly action: Action | undefined;
  /** Of the action that gave the result. */
  readonly fingerprint: string | null;
  readonly outputs: Readonly<Record<string, OutputFacts>>;
  readonly metrics: Readonly<Record<string, number>>;
  readonly made: Provenance | null;
  readonly log: LogFacts | null;
}

/** `size` in bytes; `null` where only the digest is known. */
export interface OutputFacts {
  readonly kind: Artifact['kind'];
  readonly digest: Digest;
  readonly size: number | null;
}

/** The end of a log; `hidden` counts the lines before it. */
export interface LogFacts {
  readonly text: string;
  readonly hidden: number;
}

/** A published text: a table or a note. */
export interface DocumentFacts {
  readonly id: InstanceId;
  /** The name of its file. */
  readonly name: string;
  readonly format: 'markdown' | 'csv' | 'text';
  readonly digest: Digest;
  readonly text: string;
  /** Where its numbers come from; `null` where its maker does not say. */
  readonly trace: Trace | null;
}

export interface PictureFacts {
  readonly id: InstanceId;
  /** The name of its file. */
  readonly name: string;
  readonly digest: Digest;
  readonly type: 'image/svg+xml' | 'image/png' | 'image/jpeg';
  readonly bytes: Uint8Array;
  /** The same picture in other formats, to be saved. */
  readonly others: readonly Pick<PictureFacts, 'name' | 'digest' | 'type' | 'bytes'>[];
}

/** The sources behind one code digest. */
export interface CodeFacts {
  readonly digest: Digest;
  /** What the pipeline calls it: `train`, `./stages/mine.ts`. */
  readonly uses: string;
  readonly files: readonly {
    readonly path: string;
    readonly digest: Digest;
    readonly importedBy: string | null;
  }[];
  readonly packages: Readonly<Record<string, string>>;
}

export interface CommandFacts {
  readonly command: string;
  /** What it is good for, as a sentence. */
  readonly about: string;
}
