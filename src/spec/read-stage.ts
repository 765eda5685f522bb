// One stage of the file: every key read, every mistake reported, nothing looked up outside it.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Located, Span} from '../core/source.ts';
import {
  asBoolean,
  asInteger,
  asMap,
  asText,
  expected,
  isMeant,
  knownEntries,
  missingKey,
  quoteHint,
  type Report,
} from './fields.ts';
import {DURATION_EXAMPLES, parseDuration, parseSize, SIZE_EXAMPLES} from './quantity.ts';
import {readEnvironment} from './read-environment.ts';
import {readInputs, readReference} from './read-inputs.ts';
import {readMatrix} from './read-matrix.ts';
import {readOutputs, readProjectPaths, readPublish, readTemporary} from './read-outputs.ts';
import {NO_VALUES, readValues} from './read-values.ts';
import type {Reference, StageSpec, WorkSpec} from './spec.ts';
import type {Entry, MapNode, Node} from './tree.ts';

/** Every key of a stage, in the order of the manual. */
export const STAGE_KEYS = [
  'about',
  'uses',
  'run',
  'in',
  'with',
  'matrix',
  'files',
  'code',
  'out',
  'env',
  'after',
  'resources',
  'timeout',
  'retries',
  'checkpoint',
  'sandbox',
  'publish',
  'temporary',
  'volatile',
  'frozen',
  'salt',
] as const;

export const DEFAULT_BACKOFF_MS = 1000;

/** `map` has its references resolved, but for `run`, whose text belongs to the shell. */
export function readStage(name: Located<string>, map: MapNode, reportOutside: Report): StageSpec {
  let isBroken = false;
  const report = (diagnostic: Diagnostic): void => {
    isBroken = true;
    reportOutside(diagnostic);
  };
  const keys = knownEntries(map, STAGE_KEYS, 'a stage', report);
  const read = <T>(
    key: (typeof STAGE_KEYS)[number],
    otherwise: T,
    as: (node: Node, report: Report) => T | null,
  ): T => {
    const entry = keys.get(key);
    return entry ? (as(entry.value, report) ?? otherwise) : otherwise;
  };
  const stage = {
    name,
    about: read('about', '', (node, to) => asText(node, 'text', to, quoteHint(node))?.value ?? null),
    work: readWork(name.span, map, keys, report),
    inputs: read<StageSpec['inputs']>('in', new Map(), readInputs),
    ...read('with', NO_VALUES, readValues),
    matrix: read<StageSpec['matrix']>('matrix', {kind: 'none'}, readMatrix),
    files: read('files', [], (node, to) => readProjectPaths(node, 'files', to)),
    outputs: read('out', null, readOutputs),
    env: read('env', [], readEnvironment),
    after: read('after', [], readAfter),
    resources: read<StageSpec['resources']>(
      'resources',
      {cpus: 1, memory: 0, gpu: 0, pool: null},
      readResources,
    ),
    timeoutMs: read('timeout', null, (node, to) => readDuration(node, to)),
    retries: read('retries', {times: 0, backoffMs: DEFAULT_BACKOFF_MS}, readRetries),
    checkpoint: read('checkpoint', false, asBoolean),
    sandbox: read<StageSpec['sandbox']>('sandbox', 'closed', readSandbox),
    publish: read('publish', null, readPublish),
    temporary: read('temporary', null, readTemporary),
    isVolatile: read('volatile', false, asBoolean),
    isFrozen: read('frozen', false, asBoolean),
    gpuSpan: gpuSpanIn(keys.get('resources')?.value),
    salt: read('salt', null, readSalt),
  } satisfies Omit<StageSpec, 'isBroken'>;
  return {...stage, isBroken};
}

function readWork(
  nameSpan: Span,
  map: MapNode,
  keys: ReadonlyMap<string, Entry>,
  report: Report,
): WorkSpec | null {
  const uses = keys.get('uses');
  const run = keys.get('run');
  if (uses && run) {
    const notes = [{message: 'the other one', span: uses.key.span}];
    const hint = '`uses` names a stage module, `run` is a shell command: keep one';
    report(mistake('uses-and-run', 'expected either `uses` or `run`, got both', run.key.span, {hint, notes}));
    return null;
  }
  if (run) {
    const command = asText(
      run.value,
      'a shell command',
      report,
      'write one text; several lines go under `run: |`',
    );
    const code = keys.get('code');
    return (
      command && {kind: 'shell', command, code: code ? readProjectPaths(code.value, 'code', report) : []}
    );
  }
  if (!uses) {
    if (!isMeant(map, STAGE_KEYS, ['uses', 'run'])) {
      const hint = 'add `uses: MODULE` or `run: COMMAND`';
      report(mistake('missing-key', 'expected `uses` or `run` in a stage, got neither', nameSpan, {hint}));
    }
    return null;
  }
  for (const [key, hint] of [
    ['code', "a stage module's code is tracked by itself; files that it reads go under `files`"],
    ['out', 'the stage module declares its outputs'],
  ] as const) {
    const entry = keys.get(key);
    if (!entry) continue;
    report(
      mistake(
        'only-with-run',
        `expected \`${key}\` only beside \`run\`, got it beside \`uses\``,
        entry.key.span,
        {hint},
      ),
    );
  }
  const module = asText(uses.value, 'the name or path of a stage module', report);
  return module && {kind: 'module', uses: module};
}

function readAfter(node: Node, report: Report): Located<Reference>[] {
  const what = 'a stage, or a list of stages';
  return (node.kind === 'list' ? node.items : [node]).flatMap(item => {
    const reference = readReference(item, what, report);
    if (!reference) return [];
    if (reference.value.output === null) return [reference];
    const message = `expected ${what}, got the output '${reference.value.output}' of one`;
    report(
      mistake('bad-reference', message, reference.span, {
        hint: '`after` takes nothing of it: name the stage alone',
      }),
    );
    return [];
  });
}

const gpuSpanIn = (node: Node | undefined): Span | null =>
  (node?.kind === 'map' && node.entries.find(({key}) => key.value === 'gpu')?.value.span) || null;

function readResources(node: Node, report: Report): StageSpec['resources'] | null {
  const map = asMap(node, 'a map with cpus, memory, gpu and pool', report);
  if (!map) return null;
  const keys = knownEntries(map, ['cpus', 'memory', 'gpu', 'pool'], '`resources`', report);
  const [cpus, memory, gpu, pool] = ['cpus', 'memory', 'gpu', 'pool'].map(key => keys.get(key)?.value);
  return {
    cpus: (cpus && asInteger(cpus, 1, 'a whole number of CPUs, at least 1', report)) ?? 1,
    memory: (memory && readSize(memory, report)) ?? 0,
    gpu: (gpu && readGpu(gpu, report)) ?? 0,
    pool: (pool && asText(pool, 'the name of an executor', report)) ?? null,
  };
}

function readGpu(node: Node, report: Report): number | 'optional' | null {
  if (node.kind === 'scalar' && node.value === 'optional') return 'optional';
  return asInteger(node, 0, 'a whole number of GPUs, or `optional`', report);
}

function readSize(node: Node, report: Report): number | null {
  const size = node.kind === 'scalar' && typeof node.value === 'string' ? parseSize(node.value) : null;
  return size ?? expected(SIZE_EXAMPLES, node, report, unitHint(node, 'GB'));
}

function readDuration(node: Node, report: Report): number | null {
  const duration =
    node.kind === 'scalar' && typeof node.value === 'string' ? parseDuration(node.value) : null;
  return duration ?? expected(DURATION_EXAMPLES, node, report, unitHint(node, 's'));
}

const unitHint = (node: Node, unit: string): string | undefined =>
  node.kind === 'scalar' && typeof node.value === 'number' ? `say the unit: ${node.value}${unit}` : undefined;

function readRetries(node: Node, report: Report): StageSpec['retries'] | null {
  const what = 'a whole number of retries, at least 0';
  if (node.kind !== 'map') {
    const times = asInteger(node, 0, `${what}, or {times, backoff}`, report);
    return times === null ? null : {times, backoffMs: DEFAULT_BACKOFF_MS};
  }
  const keys = knownEntries(node, ['times', 'backoff'], '`retries`', report);
  const times = keys.get('times');
  const backoff = keys.get('backoff');
  if (!times && !isMeant(node, ['times', 'backoff'], ['times']))
    report(missingKey('times', '`retries`', node.span, 'such as retries: {times: 3, backoff: 10s}'));
  return {
    times: (times && asInteger(times.value, 0, what, report)) ?? 0,
    backoffMs: (backoff && readDuration(backoff.value, report)) ?? DEFAULT_BACKOFF_MS,
  };
}

function readSandbox(node: Node, report: Report): StageSpec['sandbox'] | null {
  if (node.kind === 'scalar' && (node.value === 'closed' || node.value === 'project')) return node.value;
  return expected('`closed` (the default) or `project`', node, report);
}

function readSalt(node: Node, report: Report): string | null {
  if (node.kind === 'scalar' && (typeof node.value === 'number' || typeof node.value === 'string')) {
    return String(node.value);
  }
  return expected('text or a number', node, report);
}
