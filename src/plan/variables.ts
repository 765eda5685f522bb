// A command gets its parameters and inputs as environment variables, so their names must be able to be some.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Located} from '../core/source.ts';
import {isVariable} from '../spec/name.ts';
import type {StageSpec} from '../spec/spec.ts';
import {axisNames} from './stage-parameters.ts';

type Report = (diagnostic: Diagnostic) => void;

/** Variables that every process has or that the runner sets. */
const RESERVED_VARIABLE = /^(?:out|in|PATH|HOME|LANG|TMPDIR|PWD|SHELL|USER|IFS|(?:in|out)_.*|PIPE_.*|LD_.*)$/;

export function checkVariables(spec: StageSpec, report: Report): void {
  const written = [...axisNames(spec), ...[...spec.values.values()].map(({name}) => name)];
  const names = new Map(written.map(name => [name.value, name]));
  for (const name of names.values()) {
    const bad = variableMistake('a parameter', name);
    if (bad) report(bad);
  }
  for (const {name} of spec.inputs.values()) {
    if (!isVariable(name.value)) report(unsafeVariable('an input', name));
  }
  for (const name of spec.env) {
    const parameter = names.get(name.value);
    if (!parameter) continue;
    const message = `expected ${name.value} either under \`env\` or as a parameter, got both`;
    report(
      mistake('bad-name', message, name.span, {notes: [{message: 'the parameter', span: parameter.span}]}),
    );
  }
}

/** Why a parameter cannot be a variable of a command. */
export function variableMistake(what: string, name: Located<string>): Diagnostic | null {
  if (!isVariable(name.value)) return unsafeVariable(what, name);
  if (!RESERVED_VARIABLE.test(name.value)) return null;
  const message = `expected another name for a parameter of a command: $${name.value} has a meaning of its own`;
  const hint = 'out, in_…, out_…, PIPE_… and PATH are set by pipe';
  return mistake('bad-name', message, name.span, {hint});
}

function unsafeVariable(what: string, name: Located<string>): Diagnostic {
  const message = `expected a name for ${what} of a command that can be an environment variable, got '${name.value}'`;
  return mistake('bad-name', message, name.span, {hint: `such as ${name.value.replaceAll('-', '_')}`});
}
