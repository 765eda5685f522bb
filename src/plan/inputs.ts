// The inputs that a stage gives against those that its module declares.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Located} from '../core/source.ts';
import type {InputSpec, StageSpec} from '../spec/spec.ts';
import type {InputArity} from '../stage/define.ts';
import type {LoadedStage} from './catalogue.ts';

type Report = (diagnostic: Diagnostic) => void;

export function checkInputs(spec: StageSpec, {uses, declaration}: LoadedStage, report: Report): void {
  const declared = Object.entries(declaration.inputs);
  for (const input of spec.inputs.values()) {
    const arity = declaration.inputs[input.name.value];
    if (arity === undefined || !Object.hasOwn(declaration.inputs, input.name.value)) {
      report(unknownInput(input.name, uses, Object.keys(declaration.inputs)));
    } else checkArity(input, arity, report);
  }
  // What a broken stage lacks may be what is broken.
  if (spec.isBroken) return;
  for (const [name, arity] of declared) {
    if (arity === 'optional' || spec.inputs.has(name)) continue;
    // A misspelt input is one mistake, not two.
    if (
      [...spec.inputs.keys()].some(
        other => closest(other, [name]) && !Object.hasOwn(declaration.inputs, other),
      )
    )
      continue;
    const example = arity === 'each' ? `{${name}: {each: STAGE}}` : `{${name}: STAGE}`;
    const message = `expected the input ${name} of the stage module ${uses}, got none`;
    report(mistake('missing-input', message, spec.name.span, {hint: `add it: in: ${example}`}));
  }
}

function unknownInput(name: Located<string>, uses: string, known: readonly string[]): Diagnostic {
  const near = closest(name.value, known);
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : known.length > 0
        ? `its inputs are ${known.join(', ')}`
        : 'it has no inputs';
  return mistake(
    'unknown-input',
    `expected an input of the stage module ${uses}, got '${name.value}'`,
    name.span,
    {
      hint,
    },
  );
}

function checkArity(input: InputSpec, arity: InputArity, report: Report): void {
  const {value: name} = input.name;
  if (input.kind === 'one' && arity === 'each') {
    const {stage, output} = input.from.value;
    const reference = output === null ? stage : `${stage}.${output}`;
    const hint = `gather its instances: ${name}: {each: ${reference}}`;
    report(
      mistake('wrong-arity', `expected a gather as input ${name}, got one stage`, input.from.span, {hint}),
    );
  }
  if (input.kind === 'each' && arity !== 'each') {
    const [first] = input.items;
    const hint = input.isList ? 'give one stage' : `write ${name}: ${first?.from.value.stage ?? 'STAGE'}`;
    const got = input.isList ? 'a list' : 'a gather';
    report(
      mistake('wrong-arity', `expected one stage as input ${name}, got ${got}`, input.name.span, {hint}),
    );
  }
}
