// `in`: names of inputs, each one reference, a gather `{each: stage}`, or a list of these.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Located} from '../core/source.ts';
import {asMap, asText, expected, knownEntries, namedEntries, type Report, valueMistake} from './fields.ts';
import {isName} from './name.ts';
import type {InputItem, InputSpec, Reference} from './spec.ts';
import type {Node} from './tree.ts';

const FORMS = 'a stage, {each: stage} or a list of these';

export function readInputs(node: Node, report: Report): ReadonlyMap<string, InputSpec> {
  const inputs = new Map<string, InputSpec>();
  const map = asMap(node, 'a map from input to stage', report, 'such as in: {data: preprocess}');
  for (const {key, value} of map ? namedEntries(map, 'an input', report) : []) {
    const input = readInput(key, value, report);
    if (input) inputs.set(key.value, input);
  }
  return inputs;
}

function readInput(name: Located<string>, node: Node, report: Report): InputSpec | null {
  if (node.kind === 'list') {
    if (node.items.length === 0) return expected(FORMS, node, report);
    const items = node.items.map(item => readItem(item, report));
    return items.every(item => item !== null) ? {name, kind: 'each', items, isList: true} : null;
  }
  const item = readItem(node, report);
  if (!item) return null;
  return item.kind === 'one'
    ? {name, kind: 'one', from: item.from}
    : {name, kind: 'each', items: [item], isList: false};
}

function readItem(node: Node, report: Report): InputItem | null {
  if (node.kind === 'list') return expected(FORMS, node, report, 'lists do not nest');
  if (node.kind === 'scalar') {
    const from = readReference(node, FORMS, report);
    return from && {kind: 'one', from};
  }
  const keys = knownEntries(node, ['each'], 'a gather', report);
  const each = keys.get('each');
  if (!each) {
    if (node.entries.length === 0) expected(FORMS, node, report);
    return null;
  }
  const from = readReference(each.value, 'a stage', report, gatherHint(each.value));
  return from && node.entries.length === 1 ? {kind: 'each', from} : null;
}

const gatherHint = (node: Node): string | undefined =>
  node.kind === 'list' ? 'several gathers are a list: [{each: a}, {each: b}]' : undefined;

/** `stage` or `stage.output`. */
export function readReference(
  node: Node,
  what: string,
  report: Report,
  hint?: string,
): Located<Reference> | null {
  const text = asText(node, what, report, hint);
  if (!text) return null;
  const dot = text.value.indexOf('.');
  const stage = dot === -1 ? text.value : text.value.slice(0, dot);
  const output = dot === -1 ? null : text.value.slice(dot + 1);
  if (isName(stage) && output !== '') return {value: {stage, output}, span: text.span};
  report(referenceMistake(node, text.value));
  return null;
}

function referenceMistake(node: Node, text: string): Diagnostic {
  if (text.includes('[')) {
    const hint = 'an input names a stage: which of its instances is decided by the axes';
    return valueMistake('bad-reference', `expected a stage, got '${text}'`, node, hint);
  }
  if (text.includes('/')) {
    const hint = 'files of the project are listed under `files`';
    return valueMistake('bad-reference', `expected a stage, got the path '${text}'`, node, hint);
  }
  return mistake('bad-reference', `expected stage or stage.output, got '${text}'`, node.span);
}
