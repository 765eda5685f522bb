// `matrix`: a product of axes, a list of products (their union), or `{from: stage.output}`.

import {mistake} from '../core/diagnostic.ts';
import type {Located} from '../core/source.ts';
import {asMap, expected, type Report} from './fields.ts';
import {nameMistake} from './name.ts';
import {readReference} from './read-inputs.ts';
import type {AxisSpec, ExcludeSpec, MatrixSpec, ProductSpec} from './spec.ts';
import type {Entry, MapNode, Node, ScalarNode} from './tree.ts';

const NONE: MatrixSpec = {kind: 'none'};

/** Words with a meaning of their own in a matrix: no axis is called so. */
export const RESERVED_AXES: readonly string[] = ['exclude', 'from'];

export function readMatrix(node: Node, report: Report): MatrixSpec {
  if (node.kind === 'list') {
    if (node.items.length === 0) {
      expected('at least one product of axes', node, report);
      return NONE;
    }
    const products = node.items.map(item => readProduct(item, report)).filter(product => product !== null);
    return {kind: 'products', products};
  }
  const map = asMap(
    node,
    'a map from axis to values, or a list of such maps',
    report,
    'such as matrix: {seed: [0, 1]}',
  );
  if (!map) return NONE;
  const from = map.entries.find(({key}) => key.value === 'from');
  if (from) return readFrom(from, map, report);
  const product = readProduct(map, report);
  return product ? {kind: 'products', products: [product]} : NONE;
}

function readFrom(from: Entry, map: MapNode, report: Report): MatrixSpec {
  const other = map.entries.find(entry => entry !== from);
  if (other) {
    const hint = 'the file that `from` names holds whole cells';
    report(
      mistake('bad-matrix', `expected nothing beside \`from\`, got '${other.key.value}'`, other.key.span, {
        hint,
      }),
    );
    return NONE;
  }
  const reference = readReference(from.value, 'the stage that makes the cells, or stage.output', report);
  return reference ? {kind: 'from', from: reference} : NONE;
}

function readProduct(node: Node, report: Report): ProductSpec | null {
  const map = asMap(node, 'a map from axis to values', report);
  if (!map) return null;
  const axes: AxisSpec[] = [];
  let exclude: readonly ExcludeSpec[] = [];
  for (const {key, value} of map.entries) {
    if (key.value === 'exclude') exclude = readExcludes(value, report);
    else if (key.value === 'from') {
      const hint = '`matrix: {from: stage}` stands alone, it is no product';
      report(mistake('bad-matrix', "expected an axis, got 'from'", key.span, {hint}));
    } else {
      const values = readAxis(key, value, report);
      if (values) axes.push({name: key, values});
    }
  }
  if (axes.length === 0 && map.entries.every(({key}) => key.value === 'exclude')) {
    if (map.entries.length === 0) return expected('at least one axis', map, report);
    const [only] = map.entries;
    report(mistake('wrong-type', 'expected at least one axis beside `exclude`, got none', only?.key.span));
    return null;
  }
  return {axes, exclude};
}

function readAxis(name: Located<string>, node: Node, report: Report): ScalarNode[] | null {
  const bad = nameMistake('an axis', name);
  if (bad) report(bad);
  if (node.kind !== 'list') {
    const hint = node.kind === 'scalar' && node.value !== null ? `write a list: [${node.value}]` : undefined;
    return expected(`a list of values for the axis ${name.value}`, node, report, hint);
  }
  if (node.items.length === 0) return expected(`at least one value for the axis ${name.value}`, node, report);
  const values = node.items.map(item => readAxisValue(name.value, item, report));
  return bad || !values.every(value => value !== null) ? null : distinct(name.value, values, report);
}

/** One value of an axis, also of one in a file. */
export function readAxisValue(axis: string, node: Node, report: Report): ScalarNode | null {
  if (node.kind !== 'scalar') {
    const hint = 'give each choice a name, and let the stage know what it means';
    return expected(`a number, text, true, false or null as value of the axis ${axis}`, node, report, hint);
  }
  const isPlain =
    typeof node.value !== 'string' || (node.value.trim() === node.value && !hasControl(node.value));
  if (isPlain && node.value !== '') return node;
  return expected(`text on one line, without spaces around it, as value of the axis ${axis}`, node, report);
}

const hasControl = (text: string): boolean => [...text].some(letter => letter < ' ' || letter === '\x7f');

/** Values that read alike would give two instances one name. */
function distinct(axis: string, values: readonly ScalarNode[], report: Report): ScalarNode[] {
  const seen = new Map<string, ScalarNode>();
  for (const node of values) {
    const first = seen.get(String(node.value));
    if (!first) {
      seen.set(String(node.value), node);
      continue;
    }
    const reads =
      typeof first.value === typeof node.value ? 'a second time' : 'as text and as something else';
    const notes = [{message: 'first here', span: first.origin ?? first.span}];
    const message = `expected each value of the axis ${axis} once, got ${node.value} ${reads}`;
    report(mistake('duplicate-value', message, node.origin ?? node.span, {notes}));
  }
  return [...seen.values()];
}

function readExcludes(node: Node, report: Report): ExcludeSpec[] {
  if (node.kind !== 'list') {
    const hint = 'such as exclude: [{optimizer: sgd, lr: 0.3}]';
    expected('a list of partial cells', node, report, hint);
    return [];
  }
  return node.items.flatMap(item => {
    const map = asMap(item, 'a partial cell, such as {optimizer: sgd, lr: 0.3}', report);
    if (!map) return [];
    if (map.entries.length === 0) expected('at least one axis in a partial cell', map, report);
    return [map.entries.flatMap(({key, value}) => readExcludedValue(key, value, report))];
  });
}

function readExcludedValue(
  axis: Located<string>,
  node: Node,
  report: Report,
): {axis: Located<string>; value: ScalarNode}[] {
  if (node.kind === 'scalar') return [{axis, value: node}];
  expected(`one value of the axis ${axis.value}`, node, report, 'write one partial cell for each');
  return [];
}
