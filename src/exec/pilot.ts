// What an executor and a pilot say to each other. A pilot is `pipe exec FINGERPRINT` somewhere else: it reads the action
// from the store, runs it, records the result there, and tells what happens as lines of JSON. A result counts because
// it is recorded, never because a pilot says so.

import * as z from 'zod';
import {type GitState, type Prefix, secretsIn} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import type {Digest} from '../core/digest.ts';
import type {Progress} from '../stage/define.ts';
import type {CodeCard} from './content-store.ts';
import type {Assignment, Limits} from './executor.ts';

/** What travels beside the fingerprint: all of an assignment that is not in the action, but for the variables. */
export interface Orders {
  readonly label: string;
  readonly run: string;
  readonly limits: Limits;
  /** Secrets that whoever sent it has. They never travel: the pilot has to have them in its own environment. */
  readonly secrets: readonly string[];
  /** Its result takes the place of one that is known. */
  readonly isFresh: boolean;
  readonly keepsCheckpoint: boolean;
  readonly prefix: Prefix | null;
  readonly mirror: string | null;
  readonly git: GitState | null;
  readonly card: CodeCard | null;
}

/** Values of declared variables do not travel in orders, which others may read: the pilot has them in its environment. */
export const ordersOf = ({
  action,
  env,
  label,
  run,
  limits,
  isFresh,
  keepsCheckpoint,
  prefix,
  mirror,
  git,
  card,
}: Assignment): Orders => ({
  label,
  run,
  limits,
  secrets: Object.keys(secretsIn(action, env)),
  isFresh,
  keepsCheckpoint,
  prefix,
  mirror,
  git,
  card,
});

export type PilotMessage =
  | {readonly type: 'log'; readonly stream: 'stdout' | 'stderr'; readonly text: string}
  | {readonly type: 'progress'; readonly progress: Progress}
  /** It begins, on this machine. */
  | {readonly type: 'placed'; readonly host: string}
  /** Nothing of it runs any more. */
  | {readonly type: 'free'}
  /** Recorded, with all blobs in the store. */
  | {readonly type: 'done'; readonly notices: readonly string[]}
  | {
      readonly type: 'failed';
      readonly failure: StageFailure;
      readonly logTail: readonly string[];
      readonly log: Digest | null;
      readonly advice: string | null;
    }
  | {readonly type: 'cancelled'}
  /** What the pilot lacks to run it, such as a blob: it may succeed elsewhere. */
  | {readonly type: 'lost'; readonly message: string};

const text = z.string();
const artifact = z.object({kind: z.enum(['file', 'folder']), digest: text, size: z.number()});
const orders = z.object({
  label: text,
  run: text,
  limits: z.object({
    cpus: z.number().int().positive(),
    memory: z.number().nonnegative(),
    gpus: z.number().int().nonnegative(),
    timeoutMs: z.number().positive().nullable(),
  }),
  secrets: z.array(text),
  isFresh: z.boolean(),
  keepsCheckpoint: z.boolean(),
  prefix: z.object({fingerprint: text, parameter: text, value: z.number(), state: artifact}).nullable(),
  mirror: text.nullable(),
  git: z.object({commit: text, isClean: z.boolean()}).nullable(),
  card: z
    .discriminatedUnion('kind', [
      z.object({
        kind: z.literal('module'),
        module: text,
        bundle: artifact,
        maps: artifact,
        links: z.record(text, z.object({name: text, version: text, folder: text.nullable()})),
      }),
      z.object({
        kind: z.literal('python'),
        entry: z.object({
          name: text.nullable(),
          file: text,
          function: text,
          front: z.array(text),
          back: z.array(text),
        }),
        sources: artifact,
        interpreter: text,
        installed: z.array(text),
        missing: z.array(text),
      }),
    ])
    .nullable(),
});

/** Orders from their JSON; what is wrong with them otherwise. */
export function parseOrders(json: string): Orders | string {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    return String(error);
  }
  const read = orders.safeParse(value);
  return read.success ? (read.data as Orders) : z.prettifyError(read.error);
}

const progress = z.object({done: z.number(), total: z.number(), unit: text, detail: text.optional()});
const failure = z.looseObject({reason: text});
const message = z.discriminatedUnion('type', [
  z.object({type: z.literal('log'), stream: z.enum(['stdout', 'stderr']), text}),
  z.object({type: z.literal('progress'), progress}),
  z.object({type: z.literal('placed'), host: text}),
  z.object({type: z.literal('free')}),
  z.object({type: z.literal('done'), notices: z.array(text)}),
  z.object({
    type: z.literal('failed'),
    failure,
    logTail: z.array(text),
    log: text.nullable(),
    advice: text.nullable(),
  }),
  z.object({type: z.literal('cancelled')}),
  z.object({type: z.literal('lost'), message: text}),
]);

/** One line of a pilot; `undefined` for what it did not say, such as a warning of its runtime. */
export function parsePilotMessage(line: string): PilotMessage | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const read = message.safeParse(JSON.parse(line));
    return read.success ? (read.data as PilotMessage) : undefined;
  } catch {
    return undefined;
  }
}
