// A matrix → cells: the product of the axes in written order (the first varies slowest), less what is excluded;
// for a list, one product after the other. Cells are unique.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {byCodeUnit} from '../core/json.ts';
import type {ExcludeSpec, ProductSpec} from '../spec/spec.ts';
import type {ScalarNode} from '../spec/tree.ts';
import type {Cell} from '../stage/define.ts';

/** A cell, and where each of its values was written. */
export interface PlacedCell {
  readonly cell: Cell;
  readonly nodes: ReadonlyMap<string, ScalarNode>;
}

export const EMPTY_CELL: PlacedCell = {cell: {}, nodes: new Map()};

/** More cells than this are a mistake rather than a study. */
export const CELL_LIMIT = 100_000;

type Report = (diagnostic: Diagnostic) => void;

export function expandProducts(products: readonly ProductSpec[], report: Report): readonly PlacedCell[] {
  const all: PlacedCell[] = [];
  const seen = new Map<string, PlacedCell>();
  for (const product of products) {
    let isReported = false;
    for (const placed of expandProduct(product, report)) {
      const key = cellKey(placed.cell);
      const first = seen.get(key);
      if (!first) {
        seen.set(key, placed);
        all.push(placed);
      } else if (!isReported) {
        isReported = true;
        reportDuplicate(placed, first, report);
      }
    }
  }
  return all;
}

function expandProduct(product: ProductSpec, report: Report): readonly PlacedCell[] {
  const {axes, exclude} = product;
  const [first] = axes;
  if (!first) return [];
  const size = axes.reduce((count, axis) => count * axis.values.length, 1);
  if (size > CELL_LIMIT) {
    const message = `expected a matrix of at most ${CELL_LIMIT} cells, got ${size}`;
    report(
      mistake('too-many-cells', message, first.name.span, {hint: 'leave values out, or split the stage'}),
    );
    return [];
  }
  const excludes = exclude.filter(partial => isSound(partial, product, report));
  let cells: PlacedCell[] = [EMPTY_CELL];
  for (const {name, values} of axes) {
    cells = cells.flatMap(({cell, nodes}) =>
      values.map(node => ({
        cell: {...cell, [name.value]: node.value},
        nodes: new Map(nodes).set(name.value, node),
      })),
    );
  }
  const kept = cells.filter(({cell}) => !excludes.some(partial => agrees(cell, partial)));
  if (kept.length === 0) {
    const hint = 'every cell is excluded: remove an entry of `exclude`';
    report(mistake('empty-matrix', 'expected at least one cell, got none', first.name.span, {hint}));
  }
  return kept;
}

const agrees = (cell: Cell, partial: ExcludeSpec): boolean =>
  partial.length > 0 && partial.every(({axis, value}) => cell[axis.value] === value.value);

function isSound(partial: ExcludeSpec, product: ProductSpec, report: Report): boolean {
  return partial
    .map(({axis, value}) => {
      const declared = product.axes.find(({name}) => name.value === axis.value);
      if (!declared) {
        const names = product.axes.map(({name}) => name.value);
        const near = closest(axis.value, names);
        const hint = near === undefined ? `axes here are ${names.join(', ')}` : `did you mean ${near}?`;
        const message = `expected an axis of this product, got '${axis.value}'`;
        report(mistake('unknown-axis', message, axis.span, {hint}));
        return false;
      }
      if (declared.values.some(node => node.value === value.value)) return true;
      const hint = `its values are ${declared.values.map(node => String(node.value)).join(', ')}`;
      const message = `expected a value of the axis ${axis.value}, got ${String(value.value)}`;
      report(mistake('unknown-value', message, value.span, {hint}));
      return false;
    })
    .every(sound => sound);
}

function reportDuplicate(placed: PlacedCell, first: PlacedCell, report: Report): void {
  const [here] = placed.nodes.values();
  const [there] = first.nodes.values();
  if (!here || !there) return;
  const notes = [{message: 'first here', span: there.origin ?? there.span}];
  const message = `expected each cell once, got ${cellText(placed.cell)} in two products`;
  report(mistake('duplicate-cell', message, here.origin ?? here.span, {notes}));
}

/** Equal for equal cells, whatever the order of their axes. */
export const cellKey = (cell: Cell): string =>
  JSON.stringify(Object.entries(cell).sort(([a], [b]) => byCodeUnit(a, b)));

/** `lr=0.1,seed=1`, for people. */
export const cellText = (cell: Cell): string =>
  Object.entries(cell)
    .map(([axis, value]) => `${axis}=${String(value)}`)
    .join(',');

/** The axes of several cells in order of first appearance. */
export const axesOf = (cells: Iterable<Cell>): readonly string[] => {
  const axes = new Set<string>();
  for (const cell of cells) for (const axis of Object.keys(cell)) axes.add(axis);
  return [...axes];
};
