// What the runner and the process that reads declarations say to each other: JSON over the process's own channel.

import type {Json, JsonObject} from '../core/json.ts';
import type {Result} from '../core/result.ts';
import type {DeclarationData} from '../stage/declaration.ts';

/** One at a time. `entry`: absolute path of a module whose default export is a stage definition. */
export type DeclarationQuestion =
  | {readonly type: 'declare'; readonly entry: string}
  /** Are these parameters right, and what do they become? */
  | {readonly type: 'check'; readonly entry: string; readonly params: readonly JsonObject[]};

/** Why a module cannot be read. */
export type LoadFailure =
  | {readonly reason: 'threw'; readonly message: string; readonly stack: string}
  /** It loads, and is no stage module: `expected ${problem}`. */
  | {readonly reason: 'unfit'; readonly problem: string}
  /** A top-level `await` waits for nothing that could still happen. */
  | {readonly reason: 'unsettled'}
  | {readonly reason: 'timed-out'; readonly afterMs: number}
  | {readonly reason: 'exited'; readonly code: number | null; readonly signal: string | null};

/** An issue as zod tells it, as plain data. */
export interface ParameterIssue {
  readonly code: string;
  readonly path: ReadonlyArray<string | number>;
  readonly message: string;
  readonly [detail: string]: Json;
}

export type CheckedParameters =
  /** `strangers`: paths of values that JSON cannot hold. */
  | {readonly ok: true; readonly value: Json; readonly strangers: readonly string[]}
  | {readonly ok: false; readonly issues: readonly ParameterIssue[]};

export type DeclarationAnswer =
  | {readonly type: 'declared'; readonly result: Result<DeclarationData, LoadFailure>}
  | {readonly type: 'checked'; readonly result: Result<readonly CheckedParameters[], LoadFailure>};

export const isQuestion = (message: unknown): message is DeclarationQuestion =>
  typeof message === 'object' &&
  message !== null &&
  'type' in message &&
  (message.type === 'declare' || message.type === 'check');

export const isAnswer = (message: unknown): message is DeclarationAnswer =>
  typeof message === 'object' &&
  message !== null &&
  'type' in message &&
  (message.type === 'declared' || message.type === 'checked');
