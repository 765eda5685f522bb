// The file of a `matrix: {from: …}` → cells: a JSON list of flat objects, each a choice for some axes. Mistakes are
// places in that file.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {SourceFile, Span} from '../core/source.ts';
import {parseJson} from '../spec/json-tree.ts';
import {isName} from '../spec/name.ts';
import {RESERVED_AXES, readAxisValue} from '../spec/read-matrix.ts';
import {moved} from '../spec/reference.ts';
import {describe, type MapNode, type Node, type ScalarNode} from '../spec/tree.ts';
import type {Scalar} from '../stage/define.ts';
import {CELL_LIMIT, cellKey, cellText, type PlacedCell} from './matrix.ts';

const SHAPE = 'a list of objects such as [{"lr": 0.1, "seed": 0}]';

/**
 * The cells in written order, or every mistake of the file. `place` is where the pipeline names the file: there the
 * values stand for whoever takes them, and they remember where they were written.
 */
export function readCells(
  file: SourceFile,
  place: Span,
): Result<readonly PlacedCell[], readonly Diagnostic[]> {
  const {tree, mistakes: found} = parseJson(file);
  const mistakes = [...found];
  const reader = new CellReader(place, diagnostic => mistakes.push(diagnostic));
  const cells = tree ? reader.read(tree) : [];
  return mistakes.length === 0 ? ok(cells) : err(mistakes.map(each => readFrom(each, place)));
}

/** With the place of the pipeline that reads the file. */
export const readFrom = (diagnostic: Diagnostic, place: Span): Diagnostic => ({
  ...diagnostic,
  notes: [...diagnostic.notes, {message: 'the file is read here', span: place}],
});

class CellReader {
  readonly #place: Span;
  readonly #report: (diagnostic: Diagnostic) => void;
  readonly #seen = new Map<string, MapNode>();

  constructor(place: Span, report: (diagnostic: Diagnostic) => void) {
    this.#place = place;
    this.#report = report;
  }

  read(tree: Node): readonly PlacedCell[] {
    if (tree.kind !== 'list') return this.#fail(`expected ${SHAPE}, got ${describe(tree)}`, tree.span);
    const {length} = tree.items;
    if (length === 0) return this.#fail('expected at least one cell, got an empty list', tree.span);
    if (length > CELL_LIMIT) {
      return this.#fail(`expected at most ${CELL_LIMIT} cells, got ${length}`, tree.span);
    }
    return tree.items.flatMap(item => this.#cell(item));
  }

  #cell(node: Node): readonly PlacedCell[] {
    if (node.kind !== 'map' || node.entries.length === 0) {
      return this.#fail(`expected a cell such as {"lr": 0.1}, got ${describe(node)}`, node.span);
    }
    const nodes = new Map<string, ScalarNode>();
    const cell: Record<string, Scalar> = {};
    for (const {key, value} of node.entries) {
      if (!isName(key.value) || RESERVED_AXES.includes(key.value)) {
        const message = `expected the name of an axis (letters, digits, _ and -), got '${key.value}'`;
        this.#fail(message, key.span);
        continue;
      }
      const scalar = readAxisValue(key.value, value, this.#report);
      const placed = scalar && moved(scalar, this.#place);
      if (placed?.kind !== 'scalar') continue;
      nodes.set(key.value, placed);
      cell[key.value] = placed.value;
    }
    if (nodes.size < node.entries.length) return [];
    const same = this.#seen.get(cellKey(cell));
    if (same) {
      const notes = [{message: 'first here', span: same.span}];
      const message = `expected each cell once, got ${cellText(cell)} again`;
      this.#report(mistake('bad-cells', message, node.span, {notes}));
      return [];
    }
    this.#seen.set(cellKey(cell), node);
    return [{cell, nodes}];
  }

  #fail(message: string, span: Span): readonly [] {
    this.#report(mistake('bad-cells', message, span));
    return [];
  }
}
