// Reads values of expected kinds out of a tree and reports what is not as expected, in one way everywhere.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Located, Span} from '../core/source.ts';
import {nameMistake} from './name.ts';
import {describeKind, type Entry, type MapNode, type Node} from './tree.ts';

export type Report = (diagnostic: Diagnostic) => void;

/** A mistake about a value: where it stands, and where it was written if it came in by `${name}`. */
export function valueMistake(code: string, message: string, node: Node, hint?: string): Diagnostic {
  const notes = node.origin ? [{message: 'the value comes from here', span: node.origin}] : [];
  return mistake(code, message, node.span, {hint, notes});
}

/** Reports `expected X, got Y` for a value of another kind. */
export function expected(what: string, node: Node, report: Report, hint?: string): null {
  report(valueMistake('wrong-type', `expected ${what}, got ${describeKind(node)}`, node, hint));
  return null;
}

export const asMap = (node: Node, what: string, report: Report, hint?: string): MapNode | null =>
  node.kind === 'map' ? node : expected(what, node, report, hint);

/** Text that is not empty. */
export function asText(node: Node, what: string, report: Report, hint?: string): Located<string> | null {
  if (node.kind !== 'scalar' || typeof node.value !== 'string' || node.value.trim() === '') {
    return expected(what, node, report, hint);
  }
  return {value: node.value, span: node.span};
}

/** How to write a number or a boolean that is meant as text. */
export const quoteHint = (node: Node): string | undefined =>
  node.kind === 'scalar' && node.value !== null && typeof node.value !== 'string'
    ? `put it into quotes: "${node.value}"`
    : undefined;

/** One text, or a list of them; what is no text is reported and left out. */
export function asTexts(node: Node, what: string, report: Report): Located<string>[] {
  const items = node.kind === 'list' ? node.items : [node];
  return items.flatMap(item => asText(item, what, report, quoteHint(item)) ?? []);
}

export function asBoolean(node: Node, report: Report): boolean | null {
  if (node.kind === 'scalar' && typeof node.value === 'boolean') return node.value;
  const word = node.kind === 'scalar' ? String(node.value).toLowerCase() : '';
  const hint = ['yes', 'on', 'y'].includes(word)
    ? 'write true'
    : ['no', 'off', 'n'].includes(word)
      ? 'write false'
      : undefined;
  return expected('true or false', node, report, hint);
}

export function asInteger(node: Node, least: number, what: string, report: Report): number | null {
  const value = node.kind === 'scalar' ? node.value : null;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  return expected(what, node, report);
}

/** Entries whose keys are names, such as those of `params` or `in`. */
export function namedEntries(map: MapNode, what: string, report: Report): readonly Entry[] {
  return map.entries.filter(({key}) => {
    const bad = nameMistake(what, key);
    if (bad) report(bad);
    return !bad;
  });
}

/** What people write who come from other tools, and what it is called here. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  run: ['cmd', 'command', 'script', 'shell', 'exec'],
  cpus: ['cpu', 'cores', 'threads'],
  memory: ['mem', 'ram'],
  gpu: ['gpus'],
  each: ['every', 'all', 'gather', 'from'],
  in: ['input', 'inputs', 'deps', 'needs', 'depends_on', 'dependencies'],
  after: ['order_only', 'wait_for'],
  frozen: ['freeze', 'locked'],
  temporary: ['temp', 'tmp', 'intermediate'],
  out: ['output', 'outputs', 'outs', 'produces'],
  with: ['params', 'parameters', 'args', 'arguments', 'vars'],
  uses: ['use', 'module', 'stage', 'type'],
  matrix: ['foreach', 'grid', 'sweep', 'axes'],
  env: ['environment'],
  about: ['description', 'desc', 'doc', 'help', 'title'],
  timeout: ['timeout_seconds', 'max_time'],
  retries: ['retry'],
  volatile: ['always', 'no_cache', 'cache', 'always_changed'],
  publish: ['publish_to', 'copy_to', 'results'],
  pipeline: ['name', 'id'],
  params: ['parameters', 'vars', 'variables', 'config'],
  stages: ['steps', 'jobs', 'tasks'],
};

/** Reports keys that are not known, and gives the known ones by name. */
export function knownEntries(
  map: MapNode,
  known: readonly string[],
  what: string,
  report: Report,
): ReadonlyMap<string, Entry> {
  const found = new Map<string, Entry>();
  for (const entry of map.entries) {
    const {key} = entry;
    if (known.includes(key.value)) found.set(key.value, entry);
    else report(unknownKey(key, known, what));
  }
  return found;
}

/** Is one of `keys` probably meant by a key that is not known? Then it is not missing as well. */
export const isMeant = (map: MapNode, known: readonly string[], keys: readonly string[]): boolean =>
  map.entries.some(
    ({key}) => !known.includes(key.value) && keys.includes(nearestKey(key.value, known) ?? ''),
  );

function unknownKey(key: Located<string>, known: readonly string[], what: string): Diagnostic {
  const message = `expected a key of ${what}, got '${key.value}'`;
  if (/[\s$|<>()"'=]/.test(key.value)) {
    const hint =
      'a comma inside of { } ends a value: put text with commas into quotes, or write it below `run: |`';
    return mistake('unknown-key', message, key.span, {hint});
  }
  const near = nearestKey(key.value, known);
  const all = known.length === 1 ? `its only key is ${known[0]}` : `known keys are ${known.join(', ')}`;
  const hint = near === undefined ? all : `did you mean \`${near}\`?`;
  return mistake('unknown-key', message, key.span, {hint});
}

function nearestKey(word: string, known: readonly string[]): string | undefined {
  const meanings = new Map(known.flatMap(name => [name, ...(SYNONYMS[name] ?? [])].map(as => [as, name])));
  const synonym = meanings.get(word.toLowerCase());
  if (synonym !== undefined) return synonym;
  return closest(word, known) ?? meanings.get(closest(word, meanings.keys()) ?? '');
}

/** A missing key, reported at the thing that lacks it. */
export const missingKey = (key: string, what: string, span: Span, hint: string): Diagnostic =>
  mistake('missing-key', `expected the key \`${key}\` in ${what}, got none`, span, {hint});
