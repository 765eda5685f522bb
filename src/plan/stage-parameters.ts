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
  const known = module && Object.keys(module.declaration.params.shape);
  for (const {name} of module && known ? spec.values.values() : []) {
    if (!known?.includes(name.value))
      report(unknownParameter(name.value, known ?? [], module?.uses ?? '', name.span));
  }
  const isWhole = spec.choosers.length === 0;
  return cells.flatMap(placed => {
    const params = cellParameters(spec, module, placed, new Map(), isWhole, report);
    return params ? [{...placed, params}] : [];
  });
}

/**
 * The effective parameters of one cell: what the stage writes, the cell's own axes, and what was `chosen`. Where not
 * all is chosen yet (`isWhole`), what is there is checked, and comes back without defaults.
 */
export function cellParameters(
  spec: StageSpec,
  module: LoadedStage | null,
  placed: PlacedCell,
  chosen: ReadonlyMap<string, Node>,
  isWhole: boolean,
  report: Report,
): JsonObject | null {
  const nodes = new Map<string, Node>([...spec.values].map(([name, {node}]) => [name, node]));
  for (const [name, node] of [...placed.nodes, ...chosen]) nodes.set(name, node);
  if (!module) return Object.fromEntries([...nodes].map(([name, node]) => [name, jsonOf(node)]));
  const known = Object.keys(module.declaration.params.shape);
  // What is written under a name that is not known may be meant for the one that is missing.
  const strangers = [...nodes.keys()].filter(name => !known.includes(name));
  const isEcho = (name: string): boolean => spec.isBroken || strangers.some(other => closest(other, [name]));
  for (const name of strangers) nodes.delete(name);
  return checkParameters(module, nodes, spec, {isEcho, isWhole}, report);
}

/** One message for one mistake, however many cells meet it. */
export function once(report: Report): Report {
  const seen = new Set<string>();
  return diagnostic => {
    const {code, message, span, notes} = diagnostic;
    const places = [span, ...notes.map(note => note.span)].map(
      at => `${at?.file.path}:${at?.start}:${at?.end}`,
    );
    const key = [code, message, ...places].join('\n');
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
