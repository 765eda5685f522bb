// The file of a `matrix: {from: …}` → cells: a JSON list of flat objects, each a choice for some axes.
// Called when the stage that makes the file is done; its mistakes are places in that file.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {SourceFile, Span} from '../core/source.ts';
import {isName, isReserved} from '../spec/name.ts';
import {RESERVED_AXES} from '../spec/read-matrix.ts';
import type {Node} from '../spec/tree.ts';
import type {Cell, Scalar} from '../stage/define.ts';
import {CELL_LIMIT, cellKey, cellText} from './matrix.ts';

const SHAPE = 'a list of objects such as [{"lr": 0.1, "seed": 0}]';

/** Gives every mistake of the file; the cells come back in written order. */
export async function readCells(file: SourceFile): Promise<Result<readonly Cell[], readonly Diagnostic[]>> {
  let value: unknown;
  try {
    value = JSON.parse(file.text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return err([await syntaxMistake(file, error)]);
  }
  const problems = [...findProblems(value)];
  return problems.length === 0 ? ok(value as readonly Cell[]) : err(await place(file, problems));
}

interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function* findProblems(value: unknown): Generator<Problem> {
  if (!Array.isArray(value)) {
    yield {path: [], message: `expected ${SHAPE}, got ${kindOf(value)}`};
    return;
  }
  if (value.length === 0) yield {path: [], message: 'expected at least one cell, got an empty list'};
  if (value.length > CELL_LIMIT) {
    yield {path: [], message: `expected at most ${CELL_LIMIT} cells, got ${value.length}`};
    return;
  }
  const seen = new Map<string, number>();
  for (const [index, cell] of value.entries()) {
    const problems = [...cellProblems(index, cell)];
    yield* problems;
    if (problems.length > 0) continue;
    const key = cellKey(cell);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, index);
    else
      yield {
        path: [index],
        message: `expected each cell once, got ${cellText(cell)} again (the first is cell ${first + 1})`,
      };
  }
}

function* cellProblems(index: number, cell: unknown): Generator<Problem> {
  if (typeof cell !== 'object' || cell === null || Array.isArray(cell)) {
    yield {path: [index], message: `expected a cell such as {"lr": 0.1}, got ${kindOf(cell)}`};
    return;
  }
  const axes = Object.entries(cell);
  if (axes.length === 0) yield {path: [index], message: 'expected at least one axis in a cell, got none'};
  for (const [axis, value] of axes) {
    const path = [index, axis];
    if (!isName(axis) || isReserved(axis) || RESERVED_AXES.includes(axis)) {
      yield {path, message: `expected the name of an axis (letters, digits, _ and -), got '${axis}'`};
    } else if (!isScalar(value)) {
      yield {
        path,
        message: `expected a number, text, true, false or null for the axis ${axis}, got ${kindOf(value)}`,
      };
    } else if (typeof value === 'number' && !Number.isFinite(value)) {
      yield {path, message: `expected a finite number for the axis ${axis}, got one that is too large`};
    }
  }
}

const isScalar = (value: unknown): value is Scalar =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value);

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `the ${typeof value} ${JSON.stringify(value)}`;
}

async function syntaxMistake(file: SourceFile, error: SyntaxError): Promise<Diagnostic> {
  const {parseYaml} = await import('../spec/yaml.ts');
  const parsed = parseYaml(file);
  const position = /at position (\d+)/.exec(error.message)?.[1];
  const start = Math.min(position === undefined ? 0 : Number(position), file.text.length);
  const span: Span = parsed.mistakes[0]?.span ?? {file, start, end: Math.min(start + 1, file.text.length)};
  return mistake('bad-json', `expected JSON: ${SHAPE}`, span, {hint: error.message});
}

/** JSON is YAML, so the reader of pipelines knows where everything stands. */
async function place(file: SourceFile, problems: readonly Problem[]): Promise<readonly Diagnostic[]> {
  const {parseYaml} = await import('../spec/yaml.ts');
  const parsed = parseYaml(file);
  return problems.map(({path, message}) => {
    const start = {file, start: 0, end: 0};
    return mistake('bad-cells', message, parsed.tree ? spanAt(parsed.tree, path) : start);
  });
}

function spanAt(node: Node, path: readonly (string | number)[]): Span {
  const [step, ...rest] = path;
  if (node.kind === 'list' && typeof step === 'number') {
    const item = node.items[step];
    return item ? spanAt(item, rest) : node.span;
  }
  if (node.kind === 'map') {
    const entry = node.entries.find(({key}) => key.value === step);
    if (entry) return entry.key.span;
  }
  return node.span;
}
