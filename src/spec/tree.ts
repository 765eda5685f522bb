// YAML as data: scalars, lists and maps with their places. Keys are unique strings in written order;
// nothing in a tree can be anything else than JSON.

import type {Json, JsonObject, JsonScalar} from '../core/json.ts';
import type {Located, Span} from '../core/source.ts';

interface Placed {
  readonly span: Span;
  /** For a value that came in by `${name}`: where the parameter's value was written. `span` is then the use. */
  readonly origin: Span | null;
}
export interface ScalarNode extends Placed {
  readonly kind: 'scalar';
  readonly value: JsonScalar;
}
export interface ListNode extends Placed {
  readonly kind: 'list';
  readonly items: readonly Node[];
}
export interface MapNode extends Placed {
  readonly kind: 'map';
  readonly entries: readonly Entry[];
}
export interface Entry {
  readonly key: Located<string>;
  readonly value: Node;
}
export type Node = ScalarNode | ListNode | MapNode;

export function jsonOf(node: Node): Json {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(jsonOf);
    case 'map':
      return jsonOfMap(node);
  }
}

/** A plain object; safe because a tree has no key that an object's prototype has. */
export const jsonOfMap = (node: MapNode): JsonObject =>
  Object.fromEntries(node.entries.map(({key, value}) => [key.value, jsonOf(value)]));

/** The value under `path`, or the deepest value on the way there. */
export function nodeAt(node: Node, path: readonly PropertyKey[]): Node {
  const [step, ...rest] = path;
  if (step === undefined || node.kind === 'scalar') return node;
  const child =
    node.kind === 'list'
      ? node.items[Number(step)]
      : node.entries.find(({key}) => key.value === String(step))?.value;
  return child ? nodeAt(child, rest) : node;
}

/** The place of the key at the end of `path`, or of the deepest value on the way there. */
export function keyAt(node: Node, path: readonly PropertyKey[]): Span {
  const parent = nodeAt(node, path.slice(0, -1));
  const entry =
    parent.kind === 'map' && !parent.origin
      ? parent.entries.find(({key}) => key.value === String(path.at(-1)))
      : undefined;
  return entry ? entry.key.span : nodeAt(node, path).span;
}

/** A value in a message: `'fast'`, `0.1`, `a list`. */
export function describe(node: Node): string {
  if (node.kind === 'scalar') return describeScalar(node.value);
  if (node.kind === 'list') return node.items.length === 0 ? 'an empty list' : 'a list';
  return node.entries.length === 0 ? 'an empty map' : 'a map';
}

const LONGEST_QUOTE = 60;
export function describeScalar(value: JsonScalar): string {
  if (value === null) return 'nothing';
  if (typeof value !== 'string') return String(value);
  const short = value.length > LONGEST_QUOTE ? `${value.slice(0, LONGEST_QUOTE)}…` : value;
  return `'${JSON.stringify(short).slice(1, -1).replaceAll('\\"', '"')}'`;
}

/** What a value is, for messages on types: `the text '5'`, `the number 5`. */
export function describeKind(node: Node): string {
  if (node.kind !== 'scalar' || node.value === null) return describe(node);
  const kind = {string: 'text', number: 'number', boolean: 'boolean'}[
    typeof node.value as 'string' | 'number' | 'boolean'
  ];
  return `the ${kind} ${describe(node)}`;
}
