// Parameters that other stages chose, joined with those that a stage writes. A name has one source: what is written
// and chosen is a mistake, and axes and choosers that give one name must agree on its value.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {canonicalJson, type JsonObject} from '../core/json.ts';
import type {Located, Span} from '../core/source.ts';
import type {Reference, StageSpec} from '../spec/spec.ts';
import {describe, jsonOf, type Node} from '../spec/tree.ts';
import type {Cell} from '../stage/define.ts';
import type {LoadedStage} from './catalogue.ts';
import type {Choice, ChosenValue} from './choice.ts';
import {unknownParameter} from './parameters.ts';
import type {InstanceId} from './plan.ts';
import {type BoundCell, cellParameters} from './stage-parameters.ts';
import {variableMistake} from './variables.ts';

type Report = (diagnostic: Diagnostic) => void;

/** `with: {from: …}` of a stage, and what is known of the files. */
export interface ChooserFiles {
  readonly reference: Located<Reference>;
  readonly output: string;
  /** By the instance that made the file; nothing for those that are not there yet. */
  readonly choices: ReadonlyMap<InstanceId, Choice>;
}

/** What one chooser of an instance gave; `null` for a file that is not there yet. */
export interface MadeChoice {
  readonly chooser: ChooserFiles;
  readonly choice: Choice | null;
}

/** The parameters of one instance; `null` when something was reported. */
export function chooseParameters(
  spec: StageSpec,
  module: LoadedStage | null,
  own: BoundCell,
  cell: Cell,
  made: readonly MadeChoice[],
  report: Report,
): JsonObject | null {
  let isSound = true;
  const reporting: Report = diagnostic => {
    isSound = false;
    report(diagnostic);
  };
  const known = module ? Object.keys(module.declaration.params.shape) : null;
  const chosen = new Map<string, ChosenValue>();
  for (const {chooser, choice} of made) {
    for (const value of choice ?? []) {
      const name = value.name.value;
      const problem =
        writtenMistake(spec, chooser, value) ??
        axisMistake(cell, chooser, value) ??
        otherMistake(chosen.get(name), value) ??
        (Object.hasOwn(cell, name) ? null : strangerMistake(module, known, chooser, value));
      if (problem) reporting(problem);
      else if (known?.includes(name) ?? true) chosen.set(name, value);
    }
  }
  const nodes = new Map<string, Node>([...chosen].map(([name, {node}]) => [name, node]));
  const isWhole = made.every(({choice}) => choice !== null);
  const params = cellParameters(spec, module, own, nodes, isWhole && isSound, report);
  return isSound ? params : null;
}

const text = ({reference: {value}, output}: ChooserFiles): string => `${value.stage}.${output}`;

const originOf = ({node, name}: ChosenValue): Span => node.origin ?? name.span;

function writtenMistake(spec: StageSpec, chooser: ChooserFiles, value: ChosenValue): Diagnostic | null {
  const written = spec.values.get(value.name.value);
  if (!written) return null;
  const name = value.name.value;
  const message = `expected ${name} either under \`with\` or from ${text(chooser)}, got both`;
  return mistake('value-and-choice', message, written.name.span, {
    hint: 'remove it here, or let the file leave it out',
    notes: [{message: 'chosen here', span: value.name.span}],
  });
}

function axisMistake(cell: Cell, chooser: ChooserFiles, value: ChosenValue): Diagnostic | null {
  const name = value.name.value;
  if (!Object.hasOwn(cell, name) || (value.node.kind === 'scalar' && value.node.value === cell[name]))
    return null;
  const message = `expected ${name} ${String(cell[name])} from ${text(chooser)}, as the axis ${name} says, got ${describe(value.node)}`;
  return mistake('axis-and-choice', message, chooser.reference.span, {
    hint: 'let the file leave it out, or take the axis away',
    notes: [{message: 'chosen here', span: originOf(value)}],
  });
}

function otherMistake(other: ChosenValue | undefined, value: ChosenValue): Diagnostic | null {
  if (!other || canonicalJson(jsonOf(other.node)) === canonicalJson(jsonOf(value.node))) return null;
  const name = value.name.value;
  const message = `expected one value of ${name}, got ${describe(other.node)} and ${describe(value.node)} from two choosers`;
  return mistake('choice-and-choice', message, value.node.span, {
    hint: `let one of the files leave ${name} out`,
    notes: [
      {message: 'one', span: originOf(other)},
      {message: 'the other', span: originOf(value)},
    ],
  });
}

function strangerMistake(
  module: LoadedStage | null,
  known: readonly string[] | null,
  chooser: ChooserFiles,
  {name}: ChosenValue,
): Diagnostic | null {
  const notes = [{message: 'chosen here', span: name.span}];
  if (!module) {
    const bad = variableMistake('a parameter', name);
    return bad && {...bad, span: chooser.reference.span, notes};
  }
  if (known?.includes(name.value)) return null;
  return {...unknownParameter(name.value, known ?? [], module.uses, chooser.reference.span), notes};
}
