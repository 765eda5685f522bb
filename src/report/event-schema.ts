// The shape of what `pipe run --json` writes, one event per line. docs/events.schema.json is generated from it.

import * as z from 'zod';

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe('SHA-256, 64 lower-case hex digits');
const instanceId = z
  .string()
  .describe('An instance, such as train[optimizer=sam,seed=1]; for people, never parsed');
const milliseconds = z.number().nonnegative();
const params = z.record(z.string(), z.json());

const artifact = z.object({
  kind: z.enum(['file', 'folder']),
  digest,
  size: z.number().int().nonnegative().describe('Bytes; for a folder the sum of its files'),
});

const prefix = z.object({
  fingerprint: digest,
  parameter: z.string(),
  value: z.number(),
  state: artifact,
});

const metric = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]);

const result = z.object({
  outputs: z.record(z.string(), artifact),
  metrics: z.record(z.string(), metric),
  log: digest.describe('The blob that holds the log'),
  made: z.object({
    run: z.string(),
    startedAt: milliseconds,
    durationMs: milliseconds,
    host: z.string(),
    platform: z.string(),
    device: z.string(),
    cpus: z.number(),
    cpuMs: milliseconds.nullable().describe('CPU time of user and system together'),
    peakBytes: z.number().nullable().describe('The most memory at once'),
    git: z
      .object({commit: z.string(), isClean: z.boolean()})
      .nullable()
      .describe("The project's commit, and whether the work tree was as it says"),
    continued: prefix.nullable().describe('The shorter result that it went on from'),
  }),
});

const change = z.discriminatedUnion('what', [
  z.object({what: z.literal('parameter'), name: z.string(), before: z.string(), after: z.string()}),
  z.object({what: z.literal('code'), file: z.string(), importedBy: z.string().nullable()}),
  z.object({what: z.literal('package'), name: z.string(), before: z.string(), after: z.string()}),
  z.object({what: z.literal('command')}),
  z.object({
    what: z.literal('input'),
    name: z.string(),
    added: z.array(z.string()).describe('Cells that came'),
    removed: z.array(z.string()).describe('Cells that went'),
    changed: z.number().describe('Files that differ, of those of cells that both have'),
    of: z.number(),
    remade: z.array(z.string()).describe('Cells whose maker has another key'),
  }),
  z.object({what: z.literal('study')}),
  z.object({what: z.literal('file'), path: z.string(), how: z.enum(['added', 'removed', 'changed'])}),
  z.object({what: z.literal('environment'), name: z.string()}),
  z.object({what: z.literal('device'), before: z.string(), after: z.string()}),
  z.object({what: z.literal('platform'), before: z.string(), after: z.string()}),
  z.object({what: z.literal('outputs')}),
  z.object({what: z.literal('sandbox')}),
  z.object({what: z.literal('salt')}),
]);

const stale = z
  .discriminatedUnion('why', [
    z.object({why: z.literal('never-run')}),
    z.object({why: z.literal('changed'), changes: z.array(change)}),
    z.object({why: z.literal('lost'), output: z.string()}),
    z.object({why: z.literal('dropped'), output: z.string()}),
    z.object({why: z.literal('volatile')}),
    z.object({why: z.literal('forced')}),
    z.object({why: z.literal('unfinished')}),
  ])
  .describe('Why the instance has to run');

const failure = z.discriminatedUnion('reason', [
  z.object({reason: z.literal('mistake'), message: z.string(), hint: z.string().nullable()}),
  z.object({reason: z.literal('threw'), message: z.string(), stack: z.string()}),
  z.object({reason: z.literal('exited'), code: z.number().nullable(), signal: z.string().nullable()}),
  z.object({reason: z.literal('timed-out'), afterMs: milliseconds}),
  z.object({reason: z.literal('missing-output'), output: z.string(), path: z.string()}),
  z.object({reason: z.literal('wrong-output'), output: z.string(), message: z.string()}),
  z.object({reason: z.literal('unfinished'), left: z.array(z.string())}),
  z.object({reason: z.literal('changed-input'), path: z.string()}),
  z.object({reason: z.literal('lost'), message: z.string()}),
  z.object({reason: z.literal('store'), message: z.string()}),
]);

const outcome = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('executed'),
    fingerprint: digest,
    result,
    stale,
    attempts: z.number().int(),
    sameBytes: z.boolean().describe('The outputs equal those of the last result of this instance'),
  }),
  z.object({
    status: z.literal('cached'),
    fingerprint: digest,
    result,
    shared: z.boolean().describe('Another run made it while this one waited'),
  }),
  z.object({
    status: z.literal('failed'),
    fingerprint: digest.nullable(),
    failure,
    attempts: z.number().int(),
    logTail: z.array(z.string()),
    advice: z.string().nullable().describe('What was found out about the failure that its user can act on'),
    log: digest.nullable().describe('The blob that holds its whole log'),
  }),
  z.object({status: z.literal('skipped'), because: instanceId}),
  z.object({status: z.literal('cancelled')}),
]);

const place = z.object({
  file: z.string(),
  line: z.number().int().positive(),
  column: z.number().int().positive(),
  text: z.string().describe('The line itself'),
});

const diagnostic = z.object({
  code: z.string(),
  severity: z.enum(['error', 'warning']),
  message: z.string(),
  place: place.nullable(),
  hint: z.string().nullable(),
  notes: z.array(z.object({message: z.string(), place})),
});

const instance = z.object({
  id: instanceId,
  stage: z.string(),
  cell: z.record(z.string(), scalar).describe('One choice per axis'),
  params,
  choosers: z.array(z.object({from: z.string(), gives: z.array(z.string()).nullable()})),
  inputs: z.record(z.string(), z.array(instanceId)),
  outputs: z.record(z.string(), z.object({kind: z.enum(['file', 'folder']), path: z.string()})),
  publish: z.string().nullable(),
});

const planned = {
  pipeline: z.string(),
  file: z.string(),
  params,
  instances: z.array(instance),
  selected: z.array(instanceId),
};

const paths = z.array(z.string());
const audit = z.object({
  project: paths.describe('Files of the project outside of the input root'),
  missed: paths.describe('Files that the project has, looked for where only declared ones are'),
  files: paths.describe('Files of the home, of temporary folders and elsewhere'),
  machine: paths.describe('What tells of this machine'),
  written: paths.describe("Files written outside of the task's own folder"),
  network: paths.describe('Addresses with ports, and paths of sockets'),
  programs: paths,
  libraries: z.array(z.object({folder: z.string(), files: z.number().int()})),
  clock: z.number().int().describe('How often the clock was asked through the kernel'),
  more: z.number().int().describe('Entries that the lists leave off'),
});

const at = milliseconds.describe('Milliseconds since the epoch');

export const wireEvent = z.discriminatedUnion('type', [
  z.object({type: z.literal('planned'), at, format: z.literal(1), run: z.string(), ...planned}),
  z.object({type: z.literal('expanded'), at, files: z.array(z.string()), ...planned}),
  z.object({type: z.literal('waiting'), at, id: instanceId, pid: z.number().int()}),
  z.object({
    type: z.literal('started'),
    at,
    id: instanceId,
    fingerprint: digest,
    stale,
    prefix: prefix.nullable().describe('A shorter result of the same action that it goes on from'),
    attempt: z.number().int(),
    executor: z.string().describe('The name of the executor that it was given to'),
  }),
  z.object({
    type: z.literal('placed'),
    at,
    id: instanceId,
    host: z.string().describe('The machine that runs it; until then it waits at its executor'),
  }),
  z.object({
    type: z.literal('room'),
    at,
    executor: z.string(),
    machines: z.number().int().describe('Workers or pilots that live'),
    slots: z.number().int().describe('Their CPU slots'),
    busy: z.number().int(),
  }),
  z.object({
    type: z.literal('log'),
    at,
    id: instanceId,
    stream: z.enum(['stdout', 'stderr']),
    text: z.string(),
  }),
  z.object({
    type: z.literal('progress'),
    at,
    id: instanceId,
    progress: z.object({
      done: z.number(),
      total: z.number(),
      unit: z.string(),
      detail: z.string().optional(),
    }),
  }),
  z.object({
    type: z.literal('audited'),
    at,
    id: instanceId,
    audit: audit.describe('What a try read, ran and reached that it was not given; with --audit'),
  }),
  z.object({
    type: z.literal('retrying'),
    at,
    id: instanceId,
    failure,
    attempt: z.number().int(),
    inMs: milliseconds,
  }),
  z.object({type: z.literal('replayed'), at, id: instanceId, text: z.string()}),
  z.object({type: z.literal('finished'), at, id: instanceId, outcome}),
  z.object({
    type: z.literal('published'),
    at,
    id: instanceId,
    to: z.string(),
    files: z.number().int(),
    restored: z.boolean(),
  }),
  z.object({type: z.literal('notice'), at, message: z.string(), id: instanceId.nullable()}),
  z.object({type: z.literal('diagnosed'), at, diagnostics: z.array(diagnostic)}),
  z.object({type: z.literal('stopping'), at, how: z.enum(['draining', 'killing'])}),
  z.object({
    type: z.literal('run-finished'),
    at,
    counts: z.object({
      executed: z.number().int(),
      cached: z.number().int(),
      failed: z.number().int(),
      skipped: z.number().int(),
      cancelled: z.number().int(),
    }),
    durationMs: milliseconds,
  }),
]);

/** The last line of `pipe reproduce --json`. */
const compared = z.object({
  type: z.literal('compared'),
  tolerance: z.number().nonnegative().describe('A share of the numbers compared'),
  instances: z.array(
    z.object({
      id: instanceId,
      verdict: z.enum(['bit-equal', 'within-tolerance', 'different', 'failed', 'volatile', 'unknown']),
      hasOtherKey: z.boolean().describe('Code or parameters are others than in the lock file'),
      deviations: z.array(
        z.object({
          name: z.string(),
          before: z.number().nullable(),
          after: z.number().nullable(),
          relative: z.number().nonnegative(),
        }),
      ),
      outputs: z.array(z.string()).describe('Outputs in other bytes that hold no numbers to compare'),
    }),
  ),
});

export type WireComparison = z.input<typeof compared>;

export type WireEvent = z.input<typeof wireEvent>;
export type WireDiagnostic = z.input<typeof diagnostic>;

/** The published JSON Schema (draft 2020-12) of one line. */
export const eventJsonSchema = (): unknown => ({
  title: 'One line of `pipe run --json` or `pipe reproduce --json`',
  ...z.toJSONSchema(z.discriminatedUnion('type', [...wireEvent.options, compared]), {io: 'input'}),
});
