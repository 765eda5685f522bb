// What `pipe carry` writes when it has run an action in the input root that a server laid out: all that an ending says
// beside the files.

import * as z from 'zod';
import type {Usage} from '../../action/action.ts';
import type {StageFailure} from '../../action/outcome.ts';
import type {Metrics} from '../../core/metric.ts';
import type {Progress} from '../../stage/define.ts';

export type Carried = {
  /** The last that was told. */
  readonly progress: readonly Progress[];
} & (
  | {
      readonly status: 'done';
      readonly metrics: Metrics;
      readonly device: string;
      readonly usage: Usage;
      readonly notices: readonly string[];
    }
  | {readonly status: 'failed'; readonly failure: StageFailure}
  | {readonly status: 'lost'; readonly message: string}
);

const text = z.string();
const progress = z.array(
  z.object({done: z.number(), total: z.number(), unit: text, detail: text.optional()}),
);
const carried = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('done'),
    progress,
    metrics: z.record(text, z.union([z.number(), text])),
    device: text,
    usage: z.object({cpuMs: z.number().nullable(), peakBytes: z.number().nullable()}),
    notices: z.array(text),
  }),
  z.object({status: z.literal('failed'), progress, failure: z.looseObject({reason: text})}),
  z.object({status: z.literal('lost'), progress, message: text}),
]);

export function parseCarried(json: string): Carried | undefined {
  try {
    const read = carried.safeParse(JSON.parse(json));
    return read.success ? (read.data as Carried) : undefined;
  } catch {
    return undefined;
  }
}
