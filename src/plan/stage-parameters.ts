// The parameters of every cell of a stage: the values under `with`, and the axes that are parameters. They do not
// depend on any other stage, so they are checked even where the stages above have mistakes of their own.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {JsonObject} from '../core/json.ts';
import type {Located} from '../core/source.ts';
import type {StageSpec} from '../spec/spec.ts';
import {jsonOf, type Node} from '../spec/tree.ts';
import type {LoadedStage} from './catalogue.ts';
import {axesOf, type PlacedCell} from './matrix.ts';
import {checkParameters, unknownParameter} from './parameters.ts';

type Report = (diagnostic: Diagnostic) => void;

/** A cell of a stage's own matrix with the effective parameters that it gives. */
export interface BoundCell extends PlacedCell {
  readonly params: JsonObject;
}

/** Cells that had mistakes are left out, and reported. `module` is `null` for a command. */
export function bindCells(
  spec: StageSpec,
  module: LoadedStage | null,
  cells: readonly PlacedCell[],
  reportAll: Report,
): readonly BoundCell[] {
  const report = once(reportAll);
  const axes = axesOf(cells.map(({cell}) => cell));
  checkDoubles(spec, axes, report);
  const values = new Map<string, Node>([...spec.values].map(([name, {node}]) => [name, node]));
  if (!module) return cells.map(placed => ({...placed, params: shellParameters(values, placed)}));
  const known = Object.keys(module.declaration.params.shape);
  for (const {name} of spec.values.values()) {
    if (!known.includes(name.value)) report(unknownParameter(name.value, known, module.uses, name.span));
  }
  // What is written under a name that is not known may be meant for the one that is missing.
  const strangers = [...spec.values.keys(), ...axes].filter(name => !known.includes(name));
  const isEcho = (name: string): boolean => spec.isBroken || strangers.some(other => closest(other, [name]));
  return cells.flatMap(placed => {
    const nodes = new Map([...values, ...placed.nodes].filter(([name]) => known.includes(name)));
    const params = checkParameters(module, nodes, spec, isEcho, report);
    return params ? [{...placed, params}] : [];
  });
}

const shellParameters = (values: ReadonlyMap<string, Node>, placed: PlacedCell): JsonObject =>
  Object.fromEntries([...values, ...placed.nodes].map(([name, node]) => [name, jsonOf(node)]));

/** One message for one mistake, however many cells meet it. */
export function once(report: Report): Report {
  const seen = new Set<string>();
  return diagnostic => {
    const {code, message, span} = diagnostic;
    const key = `${code}\n${span?.file.path}\n${span?.start}\n${span?.end}\n${message}`;
    if (seen.has(key)) return;
    seen.add(key);
    report(diagnostic);
  };
}

function checkDoubles(spec: StageSpec, axes: readonly string[], report: Report): void {
  for (const {name} of spec.values.values()) {
    if (!axes.includes(name.value)) continue;
    const axis = axisNames(spec).find(other => other.value === name.value);
    const notes = axis ? [{message: 'the axis', span: axis.span}] : [];
    const message = `expected ${name.value} either under \`with\` or as an axis, got both`;
    report(mistake('value-and-axis', message, name.span, {notes, hint: 'remove one of them'}));
  }
}

/** The axes that a stage writes itself, each as often as it is written. */
export const axisNames = ({matrix}: StageSpec): readonly Located<string>[] =>
  matrix.kind === 'products' ? matrix.products.flatMap(({axes}) => axes.map(({name}) => name)) : [];
