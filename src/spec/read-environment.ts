// `env`: the variables of the environment that a stage may see. A name, a list of names, or a map that says of each
// whether its value is a secret. `NAME?` may be unset.

import {mistake} from '../core/diagnostic.ts';
import type {Located} from '../core/source.ts';
import {asText, asTexts, expected, type Report} from './fields.ts';
import {isVariable} from './name.ts';
import type {EnvironmentSpec} from './spec.ts';
import type {Node} from './tree.ts';

export function readEnvironment(node: Node, report: Report): EnvironmentSpec[] {
  if (node.kind !== 'map') {
    const what = 'the name of an environment variable, or a list of names';
    return asTexts(node, what, report).flatMap(written => readName(written, false, report));
  }
  return node.entries.flatMap(({key, value}) => {
    const kind = asText(value, '`secret` or `value`', report);
    if (kind === null) return [];
    if (kind.value === 'secret' || kind.value === 'value')
      return readName(key, kind.value === 'secret', report);
    const hint = 'the value itself comes from the environment: `secret` keeps it out of everything';
    expected('`secret` or `value`', value, report, hint);
    return [];
  });
}

function readName(written: Located<string>, isSecret: boolean, report: Report): EnvironmentSpec[] {
  const isOptional = written.value.endsWith('?');
  const name = isOptional ? written.value.slice(0, -1) : written.value;
  if (isVariable(name)) return [{value: name, span: written.span, isOptional, isSecret}];
  const hint = name.includes('=') ? 'list the name only; the value comes from the environment' : undefined;
  const message = `expected the name of an environment variable, got '${written.value}'`;
  report(mistake('bad-name', message, written.span, {hint}));
  return [];
}
