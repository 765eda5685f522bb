// One stage against its declaration and its neighbours' names: everything that can be said of a stage before
// its instances are known. Nothing here depends on which cells its producers have.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Located} from '../core/source.ts';
import {isVariable} from '../spec/name.ts';
import {readPath} from '../spec/path.ts';
import {reportOverlaps} from '../spec/read-outputs.ts';
import {type InputSpec, type OutputSpec, type Reference, referencesOf, type StageSpec} from '../spec/spec.ts';
import type {InputArity} from '../stage/define.ts';
import type {StageDeclaration, StageModules} from './catalogue.ts';
import {EMPTY_CELL, expandProducts, type PlacedCell} from './matrix.ts';
import {unknownParameter} from './parameters.ts';
import type {OutputPlan, Work} from './plan.ts';

type Report = (diagnostic: Diagnostic) => void;

export interface BoundStage {
  readonly spec: StageSpec;
  readonly work: Work;
  /** `null` for shell stages. */
  readonly declaration: StageDeclaration | null;
  readonly outputs: Readonly<Record<string, OutputPlan>>;
  /** `null` where the cells are in a file. */
  readonly cells: readonly PlacedCell[] | null;
}

/** What is known of the other stages by name. */
export interface Neighbours {
  readonly stages: ReadonlyMap<string, StageSpec>;
  readonly modules: StageModules;
}

/** `null` where the stage cannot be expanded; then its mistakes are reported, here or before. */
export function bindStage(spec: StageSpec, neighbours: Neighbours, reportOutside: Report): BoundStage | null {
  let isSound = !spec.isBroken;
  const report: Report = diagnostic => {
    isSound = false;
    reportOutside(diagnostic);
  };
  checkReferences(spec, neighbours, report);
  const cells = readCells(spec, report);
  if (!spec.work) return null;
  if (spec.work.kind === 'shell') {
    checkVariables(spec, cells, report);
    const {command, code} = spec.work;
    const work: Work = {kind: 'shell', command: command.value, code: code.map(({value}) => value)};
    const outputs = outputsOf(spec.outputs ?? [WHOLE_FOLDER(spec)]);
    return isSound ? {spec, work, declaration: null, outputs, cells} : null;
  }
  const loaded = neighbours.modules.byUses.get(spec.work.uses.value);
  if (!loaded) return null;
  const {declaration} = loaded;
  const uses = spec.work.uses;
  checkValues(spec, cells, declaration, report);
  checkInputs(spec, declaration, report);
  const outputs = outputsOf(moduleOutputs(declaration, uses, report));
  const work: Work = {
    kind: 'module',
    uses: uses.value,
    path: loaded.path,
    usesDevice: declaration.usesDevice ?? false,
  };
  return isSound ? {spec, work, declaration, outputs, cells} : null;
}

const WHOLE_FOLDER = (spec: StageSpec): OutputSpec => ({
  name: 'out',
  kind: 'folder',
  path: {value: '.', span: spec.name.span},
});

const outputsOf = (outputs: readonly OutputSpec[]): Readonly<Record<string, OutputPlan>> =>
  Object.fromEntries(outputs.map(({name, kind, path}) => [name, {kind, path: path.value}]));

function moduleOutputs(declaration: StageDeclaration, uses: Located<string>, report: Report): OutputSpec[] {
  const outputs = Object.entries(declaration.outputs).map(([name, declared]): OutputSpec => {
    const {kind, name: written} = typeof declared === 'string' ? {kind: declared, name} : declared;
    const path = readPath(written);
    if (!path.ok) {
      const message = `the stage module's output ${name} has a bad path: ${path.error}`;
      report(mistake('bad-module', message, uses.span));
    }
    return {name, kind, path: {value: path.ok ? path.value.path : name, span: uses.span}};
  });
  reportOverlaps(outputs, report);
  return outputs;
}

function checkReferences(spec: StageSpec, neighbours: Neighbours, report: Report): void {
  for (const reference of referencesOf(spec)) {
    const producer = neighbours.stages.get(reference.value.stage);
    if (!producer) report(unknownStage(reference, neighbours.stages.keys()));
    else checkOutput(reference, outputNames(producer, neighbours.modules), report);
  }
}

function unknownStage(reference: Located<Reference>, known: Iterable<string>): Diagnostic {
  const names = [...known];
  const near = closest(reference.value.stage, names);
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : names.length <= 20
        ? `its stages are ${names.join(', ')}`
        : undefined;
  const message = `expected a stage of this pipeline, got '${reference.value.stage}'`;
  return mistake('unknown-stage', message, reference.span, {hint});
}

/** `null` where they are not known because of another mistake. */
function outputNames(spec: StageSpec, modules: StageModules): readonly string[] | null {
  if (!spec.work || spec.isBroken) return null;
  if (spec.work.kind === 'shell') return spec.outputs?.map(({name}) => name) ?? ['out'];
  const loaded = modules.byUses.get(spec.work.uses.value);
  return loaded ? Object.keys(loaded.declaration.outputs) : null;
}

function checkOutput(reference: Located<Reference>, known: readonly string[] | null, report: Report): void {
  const {stage, output} = reference.value;
  if (output === null || known === null || known.includes(output)) return;
  const near = closest(output, known);
  const hint =
    near !== undefined ? `did you mean ${stage}.${near}?` : `its outputs are ${known.join(', ') || 'none'}`;
  const message = `expected an output of the stage ${stage}, got '${output}'`;
  report(mistake('unknown-output', message, reference.span, {hint}));
}

function readCells(spec: StageSpec, report: Report): readonly PlacedCell[] | null {
  switch (spec.matrix.kind) {
    case 'none':
      return [EMPTY_CELL];
    case 'from':
      return null;
    case 'products':
      return expandProducts(spec.matrix.products, report);
  }
}

const axisNodes = (cells: readonly PlacedCell[] | null): Set<string> =>
  new Set(cells?.flatMap(({nodes}) => [...nodes.keys()]) ?? []);

function checkValues(
  spec: StageSpec,
  cells: readonly PlacedCell[] | null,
  declaration: StageDeclaration,
  report: Report,
): void {
  const known = Object.keys(declaration.params.shape);
  for (const {name} of spec.values.values()) {
    if (!known.includes(name.value)) report(unknownParameter(name.value, known, name.span));
  }
  checkDoubles(spec, axisNodes(cells), report);
}

function checkDoubles(spec: StageSpec, axes: ReadonlySet<string>, report: Report): void {
  for (const {name} of spec.values.values()) {
    if (!axes.has(name.value)) continue;
    const axis =
      spec.matrix.kind === 'products'
        ? spec.matrix.products.flatMap(({axes: all}) => all).find(other => other.name.value === name.value)
        : undefined;
    const notes = axis ? [{message: 'the axis', span: axis.name.span}] : [];
    const message = `expected ${name.value} either under \`with\` or as an axis, got both`;
    report(mistake('value-and-axis', message, name.span, {notes, hint: 'remove one of them'}));
  }
}

/** Variables that every process has or that the runner sets. */
const RESERVED_VARIABLE = /^(?:out|in|PATH|HOME|LANG|TMPDIR|PWD|SHELL|USER|IFS|(?:in|out)_.*|PIPE_.*|LD_.*)$/;

function checkVariables(spec: StageSpec, cells: readonly PlacedCell[] | null, report: Report): void {
  const axes =
    spec.matrix.kind === 'products'
      ? spec.matrix.products.flatMap(product => product.axes.map(({name}) => name))
      : [];
  const names = new Map(
    [...axes, ...[...spec.values.values()].map(({name}) => name)].map(name => [name.value, name]),
  );
  for (const name of names.values()) checkVariable('a parameter', name, report);
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
  checkDoubles(spec, axisNodes(cells), report);
}

function checkVariable(what: string, name: Located<string>, report: Report): void {
  if (!isVariable(name.value)) report(unsafeVariable(what, name));
  else if (RESERVED_VARIABLE.test(name.value)) {
    const message = `expected another name for a parameter of a command: $${name.value} has a meaning of its own`;
    report(
      mistake('bad-name', message, name.span, {hint: 'out, in_…, out_…, PIPE_… and PATH are set by pipe'}),
    );
  }
}

function unsafeVariable(what: string, name: Located<string>): Diagnostic {
  const message = `expected a name for ${what} of a command that can be an environment variable, got '${name.value}'`;
  return mistake('bad-name', message, name.span, {hint: `such as ${name.value.replaceAll('-', '_')}`});
}

function checkInputs(spec: StageSpec, declaration: StageDeclaration, report: Report): void {
  const declared = Object.entries(declaration.inputs);
  for (const input of spec.inputs.values()) {
    const arity = declaration.inputs[input.name.value];
    if (arity === undefined || !Object.hasOwn(declaration.inputs, input.name.value)) {
      report(unknownInput(input.name, Object.keys(declaration.inputs)));
    } else checkArity(input, arity, report);
  }
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
    const message = `expected the input ${name}, got none`;
    report(mistake('missing-input', message, spec.name.span, {hint: `add it: in: ${example}`}));
  }
}

function unknownInput(name: Located<string>, known: readonly string[]): Diagnostic {
  const near = closest(name.value, known);
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : known.length > 0
        ? `its inputs are ${known.join(', ')}`
        : 'it has no inputs';
  return mistake('unknown-input', `expected an input of the stage module, got '${name.value}'`, name.span, {
    hint,
  });
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

/** A value that is given to an instance as a parameter although it cannot be one. */
export const axisWithoutUse = (
  axis: Located<string>,
  known: readonly string[],
  carried: readonly string[],
): Diagnostic => {
  const near = closest(axis.value, [...known, ...carried]);
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : `its parameters are ${known.join(', ') || 'none'}; axes of its inputs are ${carried.join(', ') || 'none'}`;
  const message = `expected an axis that is a parameter of the stage module or an axis of an input, got '${axis.value}'`;
  return mistake('unknown-axis', message, axis.span, {hint});
};
