// `NAME.trace.json`: where every number of published files comes from. A stage that writes tables writes it beside them;
// `pipe trace` and the report's page read it. Lines and columns count from 1 and 0: as editors and as arrays do.

import * as z from 'zod';
import type {Json} from '../core/json.ts';

const json: z.ZodType<Json> = z.json();

export const traceSchema = z.object({
  format: z.literal('pipe-trace-1'),
  /** What the tables were made from: the instance that gave the statistics. */
  summary: z.object({instance: z.string(), fingerprint: z.string()}).nullable(),
  study: z
    .object({
      profile: z.string().nullable(),
      changed: z.array(z.object({name: z.string(), plain: json, value: json})),
    })
    .nullable(),
  /** Each result that a number comes from, once. `values`: its metrics, as far as the tables show them. */
  instances: z.array(
    z.object({
      instance: z.string(),
      fingerprint: z.string(),
      values: z.record(z.string(), z.number()),
    }),
  ),
  /** `of` and `against` are places in `instances`. */
  numbers: z.array(
    z.object({
      metric: z.string(),
      statistic: z.string(),
      of: z.array(z.number()),
      against: z.array(z.number()),
    }),
  ),
  /** By the name of the file: its SHA-256, and for each line the place in `numbers` of each column, or `null`. */
  files: z.record(
    z.string(),
    z.object({digest: z.string(), lines: z.record(z.string(), z.array(z.number().nullable()))}),
  ),
});

export type Trace = z.infer<typeof traceSchema>;
export type TracedNumber = Trace['numbers'][number];
export type TracedInstance = Trace['instances'][number];

export const TRACE_SUFFIX = '.trace.json';

/** `undefined` for what is no trace. */
export function parseTrace(text: string): Trace | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const read = traceSchema.safeParse(value);
  return read.success ? read.data : undefined;
}

/** The number of a line and column of a file; `undefined` where there is none. */
export function numberAt(trace: Trace, file: string, line: number, column: number): TracedNumber | undefined {
  const at = trace.files[file]?.lines[String(line)]?.[column];
  return at === null || at === undefined ? undefined : trace.numbers[at];
}
