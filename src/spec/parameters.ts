// The effective parameters of a pipeline: defaults, overridden by the profile, overridden by `--set`.
// An override must name a declared parameter and agree with the type of its default.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Located, SourceFile, Span} from '../core/source.ts';
import {type Report, valueMistake} from './fields.ts';
import {describeKind, type Entry, type MapNode, type Node, type ScalarNode} from './tree.ts';

/** `defaults` with the values of `overrides` in their place. */
export function override(defaults: MapNode, overrides: MapNode, report: Report, path = ''): MapNode {
  const given = new Map(overrides.entries.map(entry => [entry.key.value, entry]));
  const known = defaults.entries.map(({key}) => key.value);
  for (const {key} of overrides.entries) {
    if (!known.includes(key.value)) reportUnknown(key, path, known, report);
  }
  const entries = defaults.entries.map(entry => {
    const change = given.get(entry.key.value);
    return change ? {key: entry.key, value: overrideValue(entry, change.value, report, path)} : entry;
  });
  return {...defaults, entries};
}

function overrideValue(declared: Entry, given: Node, report: Report, path: string): Node {
  const {key, value: before} = declared;
  const name = path + key.value;
  if (before.kind === 'scalar' && before.value === null) return given;
  if (before.kind === 'map' && given.kind === 'map') {
    // An empty map as default says: any map.
    return before.entries.length === 0 ? given : override(before, given, report, `${name}.`);
  }
  if (typeName(before) === typeName(given)) {
    checkItems(name, key.span, before, given, report);
    return given;
  }
  const hint =
    before.kind === 'list'
      ? `write a list: [${given.kind === 'scalar' ? String(given.value ?? '') : '…'}]`
      : undefined;
  const message = `expected ${withArticle(typeName(before))} for the parameter ${name}, got ${describeKind(given)}`;
  report({...valueMistake('wrong-type', message, given, hint), notes: [declaredAt(name, key.span)]});
  return before;
}

/** In a list whose defaults are all of one type, all values are. */
function checkItems(name: string, declared: Span, before: Node, given: Node, report: Report): void {
  if (before.kind !== 'list' || given.kind !== 'list') return;
  const types = new Set(before.items.map(typeName));
  const [type] = types;
  if (type === undefined || types.size > 1 || type === 'null') return;
  for (const item of given.items) {
    if (typeName(item) === type) continue;
    const message = `expected ${withArticle(type)} in the list ${name}, got ${describeKind(item)}`;
    report({...valueMistake('wrong-type', message, item), notes: [declaredAt(name, declared)]});
  }
}

const declaredAt = (name: string, span: Span) => ({message: `${name} is declared here`, span});

function reportUnknown(key: Located<string>, path: string, known: readonly string[], report: Report): void {
  const near = closest(key.value, known);
  const hint =
    near !== undefined
      ? `did you mean ${path}${near}?`
      : known.length > 0
        ? `known are ${known.map(name => path + name).join(', ')}`
        : 'the pipeline declares none: add it with a default under `params`';
  const message = `expected a parameter of the pipeline, got '${path}${key.value}'`;
  report(mistake('unknown-parameter', message, key.span, {hint}));
}

const typeName = (node: Node): string =>
  node.kind === 'scalar'
    ? node.value === null
      ? 'null'
      : {string: 'text', number: 'number', boolean: 'boolean'}[
          typeof node.value as 'string' | 'number' | 'boolean'
        ]
    : node.kind;

const withArticle = (type: string): string =>
  type === 'text' ? 'text' : type === 'boolean' ? 'true or false' : `a ${type}`;

type Parse = (
  file: SourceFile,
  offset: number,
) => {
  readonly tree: Node | null;
  readonly mistakes: readonly Diagnostic[];
};

/** Reads `a.b=value` as overrides; the value is YAML, or text as it is where the default is text. */
export function readSetting(
  argument: string,
  defaults: MapNode,
  parse: Parse,
  report: Report,
): MapNode | null {
  const file: SourceFile = {path: '--set', text: argument};
  const equals = argument.indexOf('=');
  const whole = {file, start: 0, end: argument.length};
  if (equals <= 0) {
    report(
      mistake('bad-setting', `expected name=value, got '${argument}'`, whole, {
        hint: 'such as --set epochs=10',
      }),
    );
    return null;
  }
  const keys = splitPath(file, equals);
  const value = readValue(file, equals + 1, declaredAtPath(defaults, keys), parse, report);
  if (!value) return null;
  return nest(keys, value, whole);
}

function splitPath(file: SourceFile, end: number): Located<string>[] {
  let start = 0;
  return file.text
    .slice(0, end)
    .split('.')
    .map(step => {
      const span = {file, start, end: start + step.length};
      start = span.end + 1;
      return {value: step, span};
    });
}

function declaredAtPath(defaults: MapNode, keys: readonly Located<string>[]): Node | undefined {
  let at: Node | undefined = defaults;
  for (const step of keys) {
    const entries: MapNode['entries'] = at?.kind === 'map' ? at.entries : [];
    at = entries.find(({key}) => key.value === step.value)?.value;
  }
  return at;
}

function readValue(
  file: SourceFile,
  offset: number,
  declared: Node | undefined,
  parse: Parse,
  report: Report,
): Node | null {
  const span = {file, start: offset, end: file.text.length};
  const isTextual = declared?.kind === 'scalar' && typeof declared.value === 'string';
  const asIs: ScalarNode = {kind: 'scalar', value: file.text.slice(offset), span, origin: null};
  const parsed = parse(file, offset);
  const node = parsed.tree;
  if (!node || parsed.mistakes.length > 0) {
    if (isTextual) return asIs;
    parsed.mistakes.forEach(report);
    return null;
  }
  if (isTextual && node.kind === 'scalar' && typeof node.value !== 'string') return asIs;
  const isEmpty = node.kind === 'scalar' && node.value === null && file.text.length === offset;
  if (isEmpty) return {...node, span: {file, start: 0, end: offset}};
  return node;
}

function nest(keys: readonly Located<string>[], value: Node, span: Span): MapNode | null {
  let node: Node = value;
  for (const key of [...keys].reverse())
    node = {kind: 'map', entries: [{key, value: node}], span, origin: null};
  return node.kind === 'map' ? node : null;
}
