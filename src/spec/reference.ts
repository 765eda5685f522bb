// `${name}` as a whole value stands for a pipeline parameter and keeps its type; `$${` is a literal `${`.
// There is no templating inside strings: that is an error with an explanation.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Span} from '../core/source.ts';
import {describe, type MapNode, type Node, type ScalarNode} from './tree.ts';

type Report = (diagnostic: Diagnostic) => void;

const WHOLE = /^\$\{([^{}]*)\}$/;

/** Replaces every reference in `node`. `params` is `null` where references are not allowed: in parameters themselves. */
export function resolveReferences(node: Node, params: MapNode | null, report: Report): Node {
  switch (node.kind) {
    case 'scalar':
      return typeof node.value === 'string' && node.value.includes('${')
        ? resolveText(node, node.value, params, report)
        : node;
    case 'list': {
      const items = mapOrSame(node.items, item => resolveReferences(item, params, report));
      return items === node.items ? node : {...node, items};
    }
    case 'map': {
      const entries = mapOrSame(node.entries, entry => {
        const value = resolveReferences(entry.value, params, report);
        return value === entry.value ? entry : {...entry, value};
      });
      return entries === node.entries ? node : {...node, entries};
    }
  }
}

/** The names of all parameters that `${…}` refers to in a tree. */
export function namesReferredTo(node: Node, names = new Set<string>()): ReadonlySet<string> {
  if (node.kind === 'list') for (const item of node.items) namesReferredTo(item, names);
  else if (node.kind === 'map') for (const {value} of node.entries) namesReferredTo(value, names);
  else if (typeof node.value === 'string') {
    const [name = ''] = WHOLE.exec(node.value)?.[1]?.split('.') ?? [];
    names.add(name);
  }
  return names;
}

function resolveText(node: ScalarNode, text: string, params: MapNode | null, report: Report): Node {
  const whole = WHOLE.exec(text);
  if (whole) {
    if (params) return lookUp(node, whole[1] ?? '', params, report);
    report(
      mistake('bad-reference', `expected a value, got a reference to another parameter: ${text}`, node.span, {
        hint: 'parameters and profiles hold plain values; refer to both parameters where they are used',
      }),
    );
    return node;
  }
  if (/\$\{/.test(text.replaceAll('$${', ''))) {
    report(
      mistake(
        'no-templating',
        `expected \${name} as a whole value, got it inside a longer text`,
        narrow(node),
        {
          hint: 'there is no templating inside strings: give the stage the value as a parameter of its own; write $${ for a literal ${',
        },
      ),
    );
    return node;
  }
  return {...node, value: text.replaceAll('$${', '${')};
}

function lookUp(node: ScalarNode, name: string, params: MapNode, report: Report): Node {
  const path = name.split('.');
  let at: Node = params;
  for (const [index, step] of path.entries()) {
    const entries: MapNode['entries'] = at.kind === 'map' ? at.entries : [];
    const next = entries.find(({key}) => key.value === step);
    if (!next) {
      report(unknown(node.span, path.slice(0, index), step, at));
      return node;
    }
    at = next.value;
  }
  return moved(at, node.span);
}

function unknown(span: Span, path: readonly string[], step: string, at: Node): Diagnostic {
  const known = at.kind === 'map' ? at.entries.map(({key}) => key.value) : [];
  const prefix = path.length === 0 ? '' : `${path.join('.')}.`;
  const near = closest(step, known);
  const message = `expected a parameter of the pipeline, got '${prefix}${step}'`;
  if (at.kind !== 'map') {
    const hint = `the parameter ${path.join('.')} is ${describe(at)}, which has no parts`;
    return mistake('unknown-parameter', message, span, {hint});
  }
  const hint =
    near !== undefined
      ? `did you mean \${${prefix}${near}}?`
      : known.length === 0
        ? 'declare it with a default under `params`'
        : `known are ${known.map(key => prefix + key).join(', ')}; every one is declared under \`params\` with a default`;
  return mistake('unknown-parameter', message, span, {hint});
}

/** The value as it stands where it is used; it remembers where it was written. */
export function moved(node: Node, span: Span): Node {
  const placed = {span, origin: node.origin ?? node.span};
  switch (node.kind) {
    case 'scalar':
      return {...node, ...placed};
    case 'list':
      return {...node, ...placed, items: node.items.map(item => moved(item, span))};
    case 'map':
      return {
        ...node,
        ...placed,
        entries: node.entries.map(({key, value}) => ({key, value: moved(value, span)})),
      };
  }
}

/** The place of the first unescaped `${` in the source of a text, or the whole text where it is not to be found. */
function narrow(node: ScalarNode): Span {
  const {file, start, end} = node.span;
  const source = file.text.slice(start, end);
  const found = /(?<!\$)\$\{[^{}\n]*\}?/.exec(source);
  return found ? {file, start: start + found.index, end: start + found.index + found[0].length} : node.span;
}

function mapOrSame<T>(items: readonly T[], change: (item: T) => T): readonly T[] {
  let changed: T[] | null = null;
  items.forEach((item, index) => {
    const next = change(item);
    if (next !== item) changed ??= items.slice(0, index);
    changed?.push(next);
  });
  return changed ?? items;
}
