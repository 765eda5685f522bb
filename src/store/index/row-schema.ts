// What a row of the action cache may hold: every field has a schema, the action is the one that the key is made of, and
// each result has the declared outputs and no others. A row may come from a server that others write to: one that we
// would not have written counts as absent, and nothing of it reaches a path, a terminal or a page.

import * as z from 'zod';
import {
  type Action,
  type ActionResult,
  actionText,
  type Fingerprint,
  fingerprintOf,
} from '../../action/action.ts';
import {type Digest, isDigest} from '../../core/digest.ts';
import {type Json, parseJson} from '../../core/json.ts';
import {isPlainLine} from '../../core/printable.ts';
import {isName} from '../../spec/name.ts';
import {readPath} from '../../spec/path.ts';

import {isEntryName} from '../blobs/folder-blob.ts';
import {type ActionRow, hasOutputs} from './action-row.ts';

const digest = z.custom<Digest>(value => typeof value === 'string' && isDigest(value));
const name = z.string().refine(isName);
/** In its normal form, so that `join` with any folder ends inside of that folder. */
const path = z.string().refine(text => {
  const read = readPath(text);
  return read.ok && read.value.path === text;
});
/** An output is called by a name, or as its path where the pipeline gives it no other. */
const outputName = z.union([name, path]);
const json: z.ZodType<Json> = z.lazy(() =>
  z.union([
    z.string(),
    z.number(),
    z.boolean(),
    z.null(),
    z.array(json),
    z.record(z.string(), json).refine(value => !Object.hasOwn(value, '__proto__')),
  ]),
);
const size = z.number().int().nonnegative();
/** Words about an occasion: one line, without what a terminal would obey. */
const words = z.string().refine(isPlainLine);
const cell = z.record(name, z.union([z.string(), z.number(), z.boolean(), z.null()]));
const kind = z.enum(['file', 'folder']);
const artifact = z.discriminatedUnion('kind', [
  z.strictObject({kind: z.literal('file'), digest, size}),
  z.strictObject({kind: z.literal('folder'), digest, size}),
]);
const metrics = z.record(words, z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]));

const producer = z.strictObject({
  cell,
  origin: z
    .strictObject({
      instance: words,
      fingerprint: digest,
      choosers: z.array(z.strictObject({instance: words, params: z.record(z.string(), json), metrics})),
    })
    .nullable(),
  isWhole: z.boolean(),
  outputs: z.record(outputName, z.strictObject({path, artifact})),
  metrics,
});

/** A file as it was found in a project: its name is its own, but it stands in the project. */
const tracked = words.refine(text => text.split('/').every(isEntryName));
const files = z.record(tracked, z.strictObject({digest, isExecutable: z.boolean()}));

const action = z.strictObject({
  format: z.literal(2),
  work: z.discriminatedUnion('kind', [
    z.strictObject({kind: z.literal('module'), code: digest, packages: z.record(words, words)}),
    z.strictObject({kind: z.literal('python'), code: digest, packages: z.record(words, words)}),
    z.strictObject({kind: z.literal('shell'), command: z.string(), code: files}),
  ]),
  params: z.record(z.string(), json),
  inputs: z.record(
    name,
    z.discriminatedUnion('kind', [
      z.strictObject({kind: z.literal('one'), content: producer}),
      z.strictObject({kind: z.literal('each'), contents: z.array(producer)}),
    ]),
  ),
  files,
  outputs: z.record(outputName, z.strictObject({kind, path})),
  env: z.record(words, z.union([digest, z.literal('secret')]).nullable()),
  device: z.enum(['cpu', 'webgpu', 'cuda', 'tfjs']).nullable(),
  platform: z.strictObject({os: words, arch: words, vector: words.nullable()}).nullable(),
  sandbox: z.enum(['closed', 'project']),
  study: z
    .strictObject({
      profile: z.string().nullable(),
      changed: z.array(z.strictObject({name: z.string(), plain: json, value: json})),
    })
    .nullable(),
  salt: z.string().nullable(),
}) satisfies z.ZodType<Action>;

const result = z.strictObject({
  outputs: z.record(outputName, artifact),
  metrics,
  log: digest,
  /** Later versions may know more of an occasion; whatever it is, it is plain words and numbers. */
  made: z
    .object({
      run: words,
      startedAt: z.number(),
      durationMs: z.number(),
      queuedMs: z.number(),
      executor: words,
      host: words,
      platform: words,
      device: words,
      cpus: z.number(),
      cpuMs: z.number().nullable(),
      peakBytes: z.number().nullable(),
      git: z.strictObject({commit: words, isClean: z.boolean()}).nullable(),
      continued: z
        .strictObject({
          fingerprint: digest.transform(value => value as Fingerprint),
          parameter: words,
          value: z.number(),
          state: artifact,
        })
        .nullable()
        .default(null),
    })
    .catchall(z.union([words, z.number(), z.boolean(), z.null()])),
}) satisfies z.ZodType<ActionResult>;

const row = z.strictObject({
  format: z.literal(1),
  action,
  results: z.array(z.unknown()),
  dropped: z.array(outputName).default([]),
});

/** An action from the text that its fingerprint is the digest of; `undefined` for anything else. */
export function decodeAction(text: string): Action | undefined {
  const read = action.safeParse(parseJson(text.slice(text.indexOf('\n') + 1)));
  return read.success && actionText(read.data) === text ? read.data : undefined;
}

/** The row of `fingerprint`, without those results that are none; `undefined` where the row is not to be believed. */
export function decodeRow(value: unknown, fingerprint: Fingerprint): ActionRow | undefined {
  const read = row.safeParse(value);
  if (!read.success) return undefined;
  const {action, dropped} = read.data;
  if (fingerprintOf(action) !== fingerprint) return undefined;
  const results: ActionResult[] = [];
  for (const each of read.data.results) {
    const found = result.safeParse(each);
    if (found.success && hasOutputs(found.data, action.outputs)) results.push(found.data);
  }
  return {format: 1, action, results, dropped};
}
