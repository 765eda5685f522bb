// The action: everything that determines an instance's result, as self-contained JSON. Its digest is the
// fingerprint. It is closed: it names every byte that its task may read by digest, so that whoever holds those
// bytes can run it. The instance's id is not in it, so renaming a stage is free.

import {type Digest, digestBytes, digestJson, taggedJson} from '../core/digest.ts';
import {canonicalJson, type Json, type JsonObject} from '../core/json.ts';
import type {Metrics} from '../core/metric.ts';
import type {OutputPlan} from '../plan/plan.ts';
import type {Cell, Origin, Study} from '../stage/define.ts';

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
  /** True for all outputs of a producer together, false where one of them was asked for. */
  readonly isWhole: boolean;
  readonly outputs: Readonly<Record<string, {readonly path: string; readonly artifact: Artifact}>>;
  /** Empty where one output was asked for. */
  readonly metrics: Metrics;
  /** Which result this is, for a stage that traces; else `null`, so that equal bytes cut off early. */
  readonly origin: Origin | null;
}

export type ActionInput =
  | {readonly kind: 'one'; readonly content: ProducerContent}
  /** For `stage.output`: the artifact alone. */
  | {readonly kind: 'each'; readonly contents: readonly ProducerContent[]};

export type ActionWork =
  /** `code` is the digest of the bundle; `packages` the versions of the packages that the bundle imports. */
  | {readonly kind: 'module'; readonly code: Digest; readonly packages: Readonly<Record<string, string>>}
  /** The same of a Python stage, whose code is every module of the project that it imports. */
  | {readonly kind: 'python'; readonly code: Digest; readonly packages: Readonly<Record<string, string>>}
  /** `code`: the files that the command depends on. */
  | {readonly kind: 'shell'; readonly command: string; readonly code: TrackedFiles};

/** A file of the project as a task sees it. */
export interface TrackedFile {
  readonly digest: Digest;
  readonly isExecutable: boolean;
}

/** By path relative to the project, with `/`. */
export type TrackedFiles = Readonly<Record<string, TrackedFile>>;

/** `project`: the stage works in the project's folder, and so may read what its action does not name. */
export type SandboxKind = 'closed' | 'project';

export type DeviceKind = 'cpu' | 'webgpu' | 'cuda' | 'tfjs';

export interface Platform {
  /** As Node says it: `linux`, `x64`. */
  readonly os: string;
  readonly arch: string;
  /** The processor's widest vector extension, such as `avx2`; `null` where it is not known. */
  readonly vector: string | null;
}

export const isSamePlatform = (a: Platform | null, b: Platform | null): boolean =>
  a?.os === b?.os && a?.arch === b?.arch && a?.vector === b?.vector;

/** `linux x64 avx2` */
export const platformText = ({os, arch, vector}: Platform): string =>
  [os, arch, vector].filter(part => part !== null).join(' ');

/** What mends keys that are for other machines than those that are there. */
export const platformHint = (there: Platform): string =>
  `\`platform: ${platformText(there)}\` of the executor makes keys for such machines`;

/** What an action says of a declared variable: a digest of its value, `null` where it is unset, nothing of a secret. */
export type VariableContent = Digest | 'secret' | null;

export interface Action {
  readonly format: 2;
  readonly work: ActionWork;
  readonly params: JsonObject;
  readonly inputs: Readonly<Record<string, ActionInput>>;
  /** Declared files of the project. Their bytes are in the blob store before the action is run. */
  readonly files: TrackedFiles;
  readonly outputs: Readonly<Record<string, OutputPlan>>;
  readonly env: Readonly<Record<string, VariableContent>>;
  /** The device where it can change bits, else `null`. What is really there, and never `auto`. */
  readonly device: DeviceKind | null;
  /** The machine where it can change bits, else `null`: libraries lay out their graphs by what the processor can do. */
  readonly platform: Platform | null;
  readonly sandbox: SandboxKind;
  /** For a stage that traces, else `null`. */
  readonly study: Study | null;
  readonly salt: string | null;
}

/** The digest that stands for the value of a declared variable. */
export const digestOfVariable = (value: string): Digest => digestJson('variable', value);

/** The declared variables of an action whose values are written nowhere, with those values of `env`. */
export const secretsIn = (
  action: Action,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(action.env).flatMap(([name, content]): [string, string][] => {
      const value = env[name];
      return content === 'secret' && value !== undefined ? [[name, value]] : [];
    }),
  );

/** Every file of the project that an action names, code included. */
export const trackedFilesOf = ({work, files}: Action): TrackedFiles =>
  work.kind === 'shell' ? {...files, ...work.code} : files;

export const fingerprintOf = (action: Action): Fingerprint => digestBytes(actionText(action)) as Fingerprint;

/** The text that the fingerprint is the SHA-256 of: an action is a blob whose address is its fingerprint. */
export const actionText = (action: Action): string => taggedJson('action', action as unknown as Json);

/** An action as whoever reads its text has it: the order in which keys were made is nothing that a stage may see. */
export const asRead = (action: Action): Action =>
  JSON.parse(canonicalJson(action as unknown as Json)) as Action;

/** What an action gave. Recorded only when every blob that it names is in place. */
export interface ActionResult {
  readonly outputs: Readonly<Record<string, Artifact>>;
  readonly metrics: Metrics;
  /** The blob that holds the log. */
  readonly log: Digest;
  readonly made: Provenance;
}

/** What an execution took of the machine; `null` where nobody measured. */
export interface Usage {
  /** CPU time of user and system together. */
  readonly cpuMs: number | null;
  /** The most memory at once. */
  readonly peakBytes: number | null;
}

export const NO_USAGE: Usage = {cpuMs: null, peakBytes: null};

/** The commit that was checked out, and whether the work tree was as it says. A type, as it is plain JSON. */
export type GitState = {readonly commit: string; readonly isClean: boolean};

/** A result of the same action with a smaller value of one parameter, which a longer result can go on from. */
export type Prefix = {
  readonly fingerprint: Fingerprint;
  readonly parameter: string;
  readonly value: number;
  /** What a checkpoint would hold at that point. */
  readonly state: Artifact;
};

/** The occasion on which a result was made; never part of a key. */
export interface Provenance extends Usage {
  readonly run: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** How long it waited for its turn where it ran. */
  readonly queuedMs: number;
  /** The executor that ran it: `local`, `slurm`, … */
  readonly executor: string;
  readonly host: string;
  /** Such as `linux x64, node 20.20.2`. */
  readonly platform: string;
  /** The device that did the work, as the stage reported it; empty where none did. */
  readonly device: string;
  readonly cpus: number;
  /** The project's, where the run was started; `null` where git knows nothing of it. */
  readonly git: GitState | null;
  /** What it went on from; `null` where it was made from the start. */
  readonly continued: Prefix | null;
}
