// Why an action is another one than before: the differences of two actions as data, and each as one short sentence.
// The order is fixed: code, packages, parameters, inputs, files, environment, device, platform, outputs, sandbox, salt.

import type {Digest} from '../core/digest.ts';
import {byCodeUnit, canonicalJson, isJsonObject, type Json, type JsonObject} from '../core/json.ts';
import {escapeObeyed} from '../core/printable.ts';
import {assertNever} from '../core/result.ts';
import {
  type Action,
  type ActionInput,
  type Artifact,
  isSamePlatform,
  type Platform,
  type Prefix,
  type ProducerContent,
  platformText,
} from './action.ts';
import type {Change, Staleness} from './outcome.ts';
import type {CodeFile} from './stage-code.ts';

/** What can be asked to be more exact. Each may not know. */
export interface ExplainSources {
  /** The sources that made a code digest. */
  readonly manifestOf?: (code: Digest) => Readonly<Record<string, CodeFile>> | undefined;
  /** Digests of an artifact's files by path. */
  readonly filesOf?: (artifact: Artifact) => ReadonlyMap<string, Digest> | undefined;
}

/** Longer values are cut in messages. */
const longestValue = 40;

/** Everything in which `after` differs from `before`; empty for equal actions. */
export function explainChanges(
  before: Action,
  after: Action,
  sources: ExplainSources = {},
): readonly Change[] {
  return [
    ...workChanges(before, after, sources),
    ...parameterChanges(before.params, after.params, ''),
    ...inputChanges(before, after, sources),
    ...changedKeys(before.files, after.files).map((path): Change => {
      const was = Object.hasOwn(before.files, path);
      const how = !was ? 'added' : Object.hasOwn(after.files, path) ? 'changed' : 'removed';
      return {what: 'file', path, how};
    }),
    ...changedKeys(before.env, after.env).map((name): Change => ({what: 'environment', name})),
    ...deviceChange(before.device, after.device),
    ...platformChange(before.platform, after.platform),
    ...(isEqual(before.outputs, after.outputs) ? [] : [{what: 'outputs'} as const]),
    ...(isEqual(before.study, after.study) ? [] : [{what: 'study'} as const]),
    ...(before.sandbox === after.sandbox ? [] : [{what: 'sandbox'} as const]),
    ...(before.salt === after.salt ? [] : [{what: 'salt'} as const]),
  ];
}

/** One change as a clause without a full stop: `params.lr 0.1 → 0.05`. */
export function describeChange(change: Change): string {
  switch (change.what) {
    case 'parameter':
      return escapeObeyed(`params.${change.name} ${change.before} → ${change.after}`);
    case 'code':
      if (change.file === null) return 'the code changed';
      return change.importedBy === null
        ? `${change.file} changed`
        : `${change.file} changed (imported by ${change.importedBy})`;
    case 'package':
      return `package ${change.name} ${change.before} → ${change.after}`;
    case 'command':
      return 'the command changed';
    case 'input':
      return `input ${change.name}: ${describeInput(change)}`;
    case 'study':
      return 'the profile or the changed parameters that it names are others';
    case 'file':
      return escapeObeyed(`file ${change.path} ${change.how}`);
    case 'environment':
      return `environment variable ${change.name} changed`;
    case 'device':
      return `device ${change.before} → ${change.after}`;
    case 'platform':
      return `machine ${change.before} → ${change.after}`;
    case 'outputs':
      return 'the declared outputs changed';
    case 'sandbox':
      return 'the kind of its sandbox changed';
    case 'salt':
      return 'the salt changed';
    default:
      return assertNever(change);
  }
}

/** Why an instance has to run, as one line; after `most` changes only their number is given. */
export function explainStaleness(stale: Staleness, most = 3): string {
  switch (stale.why) {
    case 'never-run':
      return 'first run';
    case 'changed': {
      const shown = stale.changes.slice(0, most).map(describeChange);
      const more = stale.changes.length - shown.length;
      if (shown.length === 0) return 'the key changed';
      if (more === 0) return shown.join('; ');
      return `${shown.join('; ')}, and ${more} other ${more === 1 ? 'change' : 'changes'}`;
    }
    case 'lost':
      return `output ${stale.output} is gone from the store, or damaged`;
    case 'dropped':
      return `the bytes of its temporary output ${stale.output} are needed again`;
    case 'volatile':
      return 'volatile: runs every time';
    case 'forced':
      return 'forced';
    case 'unfinished':
      return 'failed or was stopped last time';
    default:
      return assertNever(stale);
  }
}

/** What it goes on from, as a clause: `goes on from epochs=100`. */
export const describePrefix = ({parameter, value}: Prefix): string => `goes on from ${parameter}=${value}`;

function workChanges({work: before}: Action, {work: after}: Action, {manifestOf}: ExplainSources): Change[] {
  if (before.kind === 'shell' && after.kind === 'shell') {
    return [
      ...(before.command === after.command ? [] : [{what: 'command'} as const]),
      ...changedKeys(before.code, after.code).map((file): Change => ({what: 'code', file, importedBy: null})),
    ];
  }
  if (before.kind === 'shell' || after.kind === 'shell') return [{what: 'command'}];
  if (before.kind !== after.kind) return [{what: 'code', file: null, importedBy: null}];
  const packages = changedKeys(before.packages, after.packages).map((name): Change => {
    const of = (versions: Readonly<Record<string, string>>): string => own(versions, name) ?? 'none';
    return {what: 'package', name, before: of(before.packages), after: of(after.packages)};
  });
  if (before.code === after.code) return packages;
  return [...codeChanges(manifestOf?.(before.code), manifestOf?.(after.code)), ...packages];
}

/** Files that say something else than before, of those that leave something in the bundle. */
function codeChanges(
  before: Readonly<Record<string, CodeFile>> | undefined,
  after: Readonly<Record<string, CodeFile>> | undefined,
): Change[] {
  const unknown: Change[] = [{what: 'code', file: null, importedBy: null}];
  if (before === undefined || after === undefined) return unknown;
  const meanings = (files: Readonly<Record<string, CodeFile>>): Record<string, Digest> =>
    Object.fromEntries(
      Object.entries(files)
        .filter(([, file]) => file.isBundled)
        .map(([path, file]) => [path, file.meaning]),
    );
  const changes = changedKeys(meanings(before), meanings(after)).map(
    (file): Change => ({what: 'code', file, importedBy: chainOf(file, own(after, file) ? after : before)}),
  );
  return changes.length > 0 ? changes : unknown;
}

/** The files through which a file came in, nearest first, up to the stage's own; `null` for that one. */
function chainOf(file: string, files: Readonly<Record<string, CodeFile>>): string | null {
  const chain: string[] = [];
  for (let by = own(files, file)?.importedBy ?? null; by !== null; by = own(files, by)?.importedBy ?? null) {
    if (chain.includes(by)) break;
    chain.push(by);
  }
  return chain.length === 0 ? null : chain.join(', imported by ');
}

function parameterChanges(before: JsonObject, after: JsonObject, prefix: string): Change[] {
  return changedKeys(before, after).flatMap((key): Change[] => {
    const [from, to] = [own(before, key), own(after, key)];
    const name = prefix + key;
    if (isJsonObject(from) && isJsonObject(to)) return parameterChanges(from, to, `${name}.`);
    return [{what: 'parameter', name, before: shorten(from), after: shorten(to)}];
  });
}

type InputChange = Extract<Change, {readonly what: 'input'}>;

function inputChanges(before: Action, after: Action, sources: ExplainSources): Change[] {
  return changedKeys(before.inputs, after.inputs).map((name): Change => {
    const [from, to] = [producersOf(own(before.inputs, name)), producersOf(own(after.inputs, name))];
    const shared = [...to.keys()].filter(cell => from.has(cell));
    const contents = (of: ReadonlyMap<string, ProducerContent>): Map<string, string> =>
      new Map(shared.flatMap(cell => [...contentsOf(cell, of.get(cell), sources)]));
    const [old, now] = [contents(from), contents(to)];
    return {
      what: 'input',
      name,
      added: [...to.keys()].filter(cell => !from.has(cell)),
      removed: [...from.keys()].filter(cell => !to.has(cell)),
      changed: changedKeys(old, now).length,
      of: Math.max(old.size, now.size),
      remade: shared.filter(cell => !isEqual(from.get(cell)?.origin ?? null, to.get(cell)?.origin ?? null)),
    };
  });
}

const CELLS_NAMED = 3;

/** `seed=6 added`, `1 of 4 files changed`. */
function describeInput({added, removed, changed, of, remade}: InputChange): string {
  const cells = (names: readonly string[], what: string): string[] =>
    names.length === 0
      ? []
      : [
          `${names.length > CELLS_NAMED ? `${names.length} cells` : names.map(name => name || 'it').join('; ')} ${what}`,
        ];
  const parts = [
    ...cells(added, 'added'),
    ...cells(removed, 'removed'),
    ...(changed > 0 ? [`${changed} of ${of} ${of === 1 ? 'file' : 'files'} changed`] : []),
  ];
  if (parts.length === 0) parts.push(...cells(remade, 'made with another key, to equal bytes'));
  return parts.length === 0 ? 'its cells come in another order' : parts.join(', ');
}

/** The producers of an input by their cells; two of one cell are told apart by their number. */
function producersOf(input: ActionInput | undefined): ReadonlyMap<string, ProducerContent> {
  const producers = new Map<string, ProducerContent>();
  if (input === undefined) return producers;
  for (const content of input.kind === 'one' ? [input.content] : input.contents) {
    const label = Object.entries(content.cell)
      .map(([axis, value]) => `${axis}=${String(value)}`)
      .join(',');
    let name = label;
    for (let n = 2; producers.has(name); n++) name = `${label} (${n})`;
    producers.set(name, content);
  }
  return producers;
}

/** What a producer gave: path of each file, behind its cell → digest; its metrics count as one. */
function contentsOf(
  cell: string,
  content: ProducerContent | undefined,
  {filesOf}: ExplainSources,
): ReadonlyMap<string, string> {
  const contents = new Map<string, string>();
  for (const {path, artifact} of Object.values(content?.outputs ?? {})) {
    const files = artifact.kind === 'folder' ? filesOf?.(artifact) : undefined;
    if (files === undefined) contents.set(`${cell} ${path}`, artifact.digest);
    else for (const [file, digest] of files) contents.set(`${cell} ${path}/${file}`, digest);
  }
  const metrics = content?.metrics ?? {};
  if (Object.keys(metrics).length > 0) contents.set(`${cell} metrics`, canonicalJson(metrics));
  return contents;
}

const platformChange = (before: Platform | null, after: Platform | null): Change[] => {
  if (isSamePlatform(before, after)) return [];
  const said = (platform: Platform | null): string => (platform === null ? 'any' : platformText(platform));
  return [{what: 'platform', before: said(before), after: said(after)}];
};

const deviceChange = (before: string | null, after: string | null): Change[] =>
  before === after ? [] : [{what: 'device', before: before ?? 'any', after: after ?? 'any'}];

type Keyed = Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>;

/** Keys whose values differ or that only one side has, sorted. */
function changedKeys(before: Keyed, after: Keyed): string[] {
  const [from, to] = [toMap(before), toMap(after)];
  return [...new Set([...from.keys(), ...to.keys()])]
    .filter(key => from.has(key) !== to.has(key) || !isEqual(from.get(key), to.get(key)))
    .sort(byCodeUnit);
}

const toMap = (keyed: Keyed): ReadonlyMap<string, unknown> =>
  keyed instanceof Map ? keyed : new Map(Object.entries(keyed));

/** `__proto__` and its like are names as any other. */
const own = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;

const isEqual = (a: unknown, b: unknown): boolean =>
  a === b || canonicalJson(a as Json) === canonicalJson(b as Json);

/** Plain words as they are, everything else as JSON, cut to a readable length. */
function shorten(value: Json | undefined): string {
  if (value === undefined) return 'unset';
  const isWord = typeof value === 'string' && /^[\p{L}\p{N}_./:-]+$/u.test(value);
  const text = isWord ? value : canonicalJson(value);
  return text.length <= longestValue ? text : `${text.slice(0, longestValue - 1)}…`;
}
