// `with`: values by parameter, and `from`, which names files whose JSON objects give more of them.

import {mistake} from '../core/diagnostic.ts';
import type {Located} from '../core/source.ts';
import {asMap, expected, namedEntries, type Report} from './fields.ts';
import {readReference} from './read-inputs.ts';
import type {Reference, StageSpec} from './spec.ts';
import type {Node} from './tree.ts';

/** The word under `with` that is no parameter. */
export const CHOOSER_KEY = 'from';

export type Values = Pick<StageSpec, 'values' | 'choosers'>;
export const NO_VALUES: Values = {values: new Map(), choosers: []};

const FORM = 'a stage, stage.output or a list of these, whose JSON object gives parameters';

export function readValues(node: Node, report: Report): Values {
  const map = asMap(node, 'a map from parameter to value', report);
  const entries = map ? namedEntries(map, 'a parameter', report) : [];
  const chooser = entries.find(({key}) => key.value === CHOOSER_KEY);
  const written = entries.filter(entry => entry !== chooser);
  return {
    values: new Map(written.map(({key, value}) => [key.value, {name: key, node: value}])),
    choosers: chooser ? readChoosers(chooser.value, report) : [],
  };
}

function readChoosers(node: Node, report: Report): readonly Located<Reference>[] {
  if (node.kind === 'list' && node.items.length === 0) expected(FORM, node, report);
  const choosers = new Map<string, Located<Reference>>();
  for (const item of node.kind === 'list' ? node.items : [node]) {
    const chooser = readChooser(item, report);
    if (!chooser) continue;
    const key = JSON.stringify([chooser.value.stage, chooser.value.output]);
    const first = choosers.get(key);
    if (first) {
      const notes = [{message: 'first here', span: first.span}];
      const message = `expected each chooser once, got ${chooser.value.stage} a second time`;
      report(mistake('duplicate-value', message, chooser.span, {notes}));
    } else choosers.set(key, chooser);
  }
  return [...choosers.values()];
}

function readChooser(node: Node, report: Report): Located<Reference> | null {
  const gathers = node.kind === 'map' && node.entries.some(({key}) => key.value === 'each');
  const hint = gathers
    ? 'gather them in a stage that chooses, such as `uses: select`, and take its file'
    : 'such as with: {from: best.best, epochs: 10}; `from` is no name for a parameter';
  return readReference(node, FORM, report, hint);
}
