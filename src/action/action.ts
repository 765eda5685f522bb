// The action: everything that determines an instance's result, as self-contained JSON. Its digest is the
// fingerprint. The instance's id is not in it, so renaming a stage is free.

import {type Digest, digestJson} from '../core/digest.ts';
import type {Json, JsonObject} from '../core/json.ts';
import type {OutputPlan} from '../plan/plan.ts';
import type {Cell} from '../stage/define.ts';

/** The digest of an action: the key of the action cache. */
export type Fingerprint = Digest & {readonly __fingerprint: never};

/** A named output: bytes, or a folder as a Merkle tree. */
export type Artifact =
  | {readonly kind: 'file'; readonly digest: Digest; readonly size: number}
  /** `digest` is that of the folder's blob, which lists its entries; `size` is the sum of its files. */
  | {readonly kind: 'folder'; readonly digest: Digest; readonly size: number};

/** What an action knows of one producer: contents, never fingerprints, so that equal bytes cut off early. */
export interface ProducerContent {
  /** Empty for a single input: two cells that made equal bytes are one action. */
  readonly cell: Cell;
  readonly outputs: Readonly<Record<string, {readonly path: string; readonly artifact: Artifact}>>;
  /** Empty where one output was asked for. */
  readonly metrics: Readonly<Record<string, number>>;
}

export type ActionInput =
  | {readonly kind: 'one'; readonly content: ProducerContent}
  /** For `stage.output`: the artifact alone. */
  | {readonly kind: 'each'; readonly contents: readonly ProducerContent[]};

export type ActionWork =
  /** `code` is the digest of the bundle; `packages` the versions of the packages that the bundle imports. */
  | {readonly kind: 'module'; readonly code: Digest; readonly packages: Readonly<Record<string, string>>}
  /** `code` maps each file that the command depends on to its digest. */
  | {readonly kind: 'shell'; readonly command: string; readonly code: Readonly<Record<string, Digest>>};

export interface Action {
  readonly format: 1;
  readonly work: ActionWork;
  readonly params: JsonObject;
  readonly inputs: Readonly<Record<string, ActionInput>>;
  /** Declared files of the project by path. */
  readonly files: Readonly<Record<string, Digest>>;
  readonly outputs: Readonly<Record<string, OutputPlan>>;
  /** Declared environment: `null` where a variable is not set. */
  readonly env: Readonly<Record<string, string | null>>;
  /** The device where it can change bits, else `null`. */
  readonly device: string | null;
  readonly salt: string | null;
}

export const fingerprintOf = (action: Action): Fingerprint =>
  digestJson('action', action as unknown as Json) as Fingerprint;

/** What an action gave. Recorded only when every blob that it names is in place. */
export interface ActionResult {
  readonly outputs: Readonly<Record<string, Artifact>>;
  readonly metrics: Readonly<Record<string, number>>;
  /** The blob that holds the log. */
  readonly log: Digest;
  readonly made: Provenance;
}

/** The occasion on which a result was made; never part of a key. */
export interface Provenance {
  readonly run: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly host: string;
  /** Such as `linux x64, node 20.20.2`. */
  readonly platform: string;
  /** The device that did the work, as the stage reported it; empty where none did. */
  readonly device: string;
  readonly cpus: number;
}
