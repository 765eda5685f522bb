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
  if (node.kind !== 'scalar' || typeof node.value !== 'string') {
    const quote =
      node.kind === 'scalar' && node.value !== null ? `put it into quotes: "${node.value}"` : undefined;
    return expected(what, node, report, hint ?? quote);
  }
  if (node.value.trim() === '') return expected(what, node, report, hint);
  return {value: node.value, span: node.span};
}

/** One text, or a list of them. */
export function asTexts(node: Node, what: string, report: Report): Located<string>[] | null {
  const items = node.kind === 'list' ? node.items : [node];
  const texts = items.map(item => asText(item, what, report));
  return texts.every(text => text !== null) ? texts : null;
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
  in: ['input', 'inputs', 'deps', 'needs', 'depends_on', 'dependencies', 'after'],
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

function unknownKey(key: Located<string>, known: readonly string[], what: string): Diagnostic {
  const word = key.value.toLowerCase();
  const near = known.find(name => SYNONYMS[name]?.includes(word)) ?? closest(key.value, known) ?? undefined;
  const hint = near === undefined ? `known keys are ${known.join(', ')}` : `did you mean \`${near}\`?`;
  return mistake('unknown-key', `expected a key of ${what}, got '${key.value}'`, key.span, {hint});
}

/** A missing key, reported at the thing that lacks it. */
export const missingKey = (key: string, what: string, span: Span, hint: string): Diagnostic =>
  mistake('missing-key', `expected the key \`${key}\` in ${what}, got none`, span, {hint});
