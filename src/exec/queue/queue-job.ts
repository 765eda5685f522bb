// What travels through Redis: jobs, and the signs of life of workers. Whatever comes from there was written by somebody
// else: it is read by its schema, and what is not as it must be counts as not there.

import * as z from 'zod';
import type {Orders} from '../pilot.ts';
import {parseOrders} from '../pilot.ts';
import {meansSchema, type QueueShape, shapeSchema, type WorkerMeans} from './shape.ts';

/** The action itself is in the store that coordinator and workers share, under the job's id, its fingerprint. */
export interface QueueJob {
  /** Orders as JSON. */
  readonly orders: string;
  /** Values of the declared variables: whoever may read the queue may read them. */
  readonly env: Readonly<Record<string, string>>;
  /** The address of the shared store, as the coordinator has it. */
  readonly store: string;
  /** Which project on which machine sent it, so that it can ask for its own. */
  readonly sender: string;
  /** The coordinator's executor, for the provenance. */
  readonly executor: string;
  /** By the server's clock. */
  readonly postedAt: number;
}

export interface ReadJob extends Omit<QueueJob, 'orders'> {
  readonly orders: Orders;
}

export interface WorkerSign extends WorkerMeans {
  readonly host: string;
  readonly pid: number;
  /** What its jobs occupy. */
  readonly busyCpus: number;
  readonly jobs: number;
  /** By the server's clock. */
  readonly at: number;
}

/** A worker that has not signed for so long is gone. Milliseconds. */
export const SILENT_MS = 15_000;
export const SIGN_MS = 3_000;

const job = z.object({
  orders: z.string(),
  env: z.record(z.string(), z.string()),
  store: z.string(),
  sender: z.string(),
  executor: z.string(),
  postedAt: z.number(),
});
const sign = meansSchema.extend({
  host: z.string(),
  pid: z.number().int(),
  busyCpus: z.number(),
  jobs: z.number(),
  at: z.number(),
});

export function readJob(data: unknown): ReadJob | string {
  const read = job.safeParse(data);
  if (!read.success) return z.prettifyError(read.error);
  const orders = parseOrders(read.data.orders);
  return typeof orders === 'string' ? orders : {...read.data, orders};
}

const parsed = <T>(schema: z.ZodType<T>, text: string): T | undefined => {
  try {
    const read = schema.safeParse(JSON.parse(text));
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
};

export const readShape = (text: string): QueueShape | undefined => parsed(shapeSchema, text);

/** Workers that live, by name. `now`: by the server's clock. */
export function readSigns(
  texts: Readonly<Record<string, string>>,
  now: number,
): ReadonlyMap<string, WorkerSign> {
  const signs = Object.entries(texts).flatMap(([name, text]): [string, WorkerSign][] => {
    const read = parsed(sign, text);
    return read === undefined || now - read.at > SILENT_MS ? [] : [[name, read]];
  });
  return new Map(signs);
}
