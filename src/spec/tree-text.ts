// A tree as compact JSON, so that a file which did not change need not be parsed again. Offsets are kept,
// the text is not: it is given back by the caller, and the key under which this is kept is its digest.

import type {JsonScalar} from '../core/json.ts';
import type {SourceFile} from '../core/source.ts';
import type {Node} from './tree.ts';

/** Part of the key; another number forgets all that was kept. */
export const TREE_FORMAT = 'tree 1';

/** [start, end, value] | [start, end, 0, ...items] | [start, end, 1, key, start, end, value, …] with nested arrays as text. */
type Packed =
  | readonly [kind: 's', start: number, end: number, value: JsonScalar]
  | readonly [kind: 'l', start: number, end: number, items: readonly Packed[]]
  | readonly [kind: 'm', start: number, end: number, entries: readonly PackedEntry[]];
type PackedEntry = readonly [key: string, start: number, end: number, value: Packed];

export const encodeTree = (tree: Node): string => JSON.stringify(pack(tree));

function pack(node: Node): Packed {
  const {start, end} = node.span;
  switch (node.kind) {
    case 'scalar':
      return ['s', start, end, node.value];
    case 'list':
      return ['l', start, end, node.items.map(pack)];
    case 'map':
      return [
        'm',
        start,
        end,
        node.entries.map(({key, value}) => [key.value, key.span.start, key.span.end, pack(value)]),
      ];
  }
}

/** `null` if the text is not one that `encodeTree` wrote: a damaged cache is parsed again, never believed. */
export function decodeTree(file: SourceFile, text: string): Node | null {
  try {
    return unpack(file, JSON.parse(text) as Packed);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return null;
    throw error;
  }
}

function unpack(file: SourceFile, packed: Packed): Node {
  const [kind, start, end] = packed;
  const place = {span: {file, start, end}, origin: null};
  switch (kind) {
    case 's':
      return {kind: 'scalar', value: packed[3], ...place};
    case 'l':
      return {kind: 'list', items: packed[3].map(item => unpack(file, item)), ...place};
    case 'm':
      return {
        kind: 'map',
        entries: packed[3].map(([key, from, to, value]) => ({
          key: {value: key, span: {file, start: from, end: to}},
          value: unpack(file, value),
        })),
        ...place,
      };
    default:
      throw new TypeError('Expected a tree');
  }
}
