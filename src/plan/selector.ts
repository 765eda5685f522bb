// Selectors: `train`, `train[optimizer=sam,seed=1..3]`, `grid[lr=0.1|0.2]`, `fit[name="a,b"]`. Text ↔ value;
// what a selector selects is decided elsewhere.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {Located, SourceFile} from '../core/source.ts';
import type {Scalar} from '../stage/define.ts';

export interface Selector {
  readonly stage: Located<string>;
  readonly axes: readonly AxisChoice[];
}
/** An instance is selected if its value on the axis is one of these. */
export interface AxisChoice {
  readonly axis: Located<string>;
  readonly values: readonly Located<ValueChoice>[];
}
export type ValueChoice =
  | {readonly kind: 'value'; readonly text: string}
  /** Whole numbers, both ends included. */
  | {readonly kind: 'range'; readonly from: number; readonly to: number};

const EXAMPLE = 'stage or stage[axis=value,…], such as train[optimizer=sam,seed=1..3]';
const RANGE = /^(-?\d+)\.\.(-?\d+)$/;

/** `where` is how the text came in, for the place of its mistakes: `target`, `--only`. */
export function parseSelector(text: string, where: string): Result<Selector, Diagnostic> {
  return new SelectorParser({path: where, text}).parse();
}

class SelectorParser {
  readonly #file: SourceFile;
  #at = 0;

  constructor(file: SourceFile) {
    this.#file = file;
  }

  parse(): Result<Selector, Diagnostic> {
    const stage = this.#take(/[A-Za-z_][A-Za-z0-9_-]*/y);
    if (!stage) return this.#fail(`expected ${EXAMPLE}`);
    const axes: AxisChoice[] = [];
    if (this.#skip('[')) {
      do {
        const choice = this.#choice();
        if (!choice.ok) return choice;
        const double = axes.find(({axis}) => axis.value === choice.value.axis.value);
        if (double)
          return this.#fail(
            `expected each axis once, got ${double.axis.value} twice`,
            '|',
            choice.value.axis,
          );
        axes.push(choice.value);
      } while (this.#skip(','));
      if (!this.#skip(']')) return this.#fail("expected ',' or ']'");
    }
    if (this.#at < this.#file.text.length)
      return this.#fail(`expected ${axes.length > 0 ? 'nothing more' : EXAMPLE}`);
    return ok({stage, axes});
  }

  #choice(): Result<AxisChoice, Diagnostic> {
    const axis = this.#take(/[A-Za-z_][A-Za-z0-9_-]*/y);
    if (!axis) return this.#fail('expected an axis');
    if (!this.#skip('=')) return this.#fail(`expected '=' after the axis ${axis.value}`);
    const values: Located<ValueChoice>[] = [];
    do {
      const value = this.#value();
      if (!value) return this.#fail(`expected a value for the axis ${axis.value}`);
      values.push(value);
    } while (this.#skip('|'));
    return ok({axis, values});
  }

  #value(): Located<ValueChoice> | null {
    const quoted = this.#take(/"(?:[^"\\]|\\.)*"/y);
    if (quoted) {
      const text = unquote(quoted.value);
      return text === null ? null : {value: {kind: 'value', text}, span: quoted.span};
    }
    const bare = this.#take(/[^"|,\]]+/y);
    const text = bare?.value.trim();
    if (!bare || !text) return null;
    const range = RANGE.exec(text);
    if (!range) return {value: {kind: 'value', text}, span: bare.span};
    return {value: {kind: 'range', from: Number(range[1]), to: Number(range[2])}, span: bare.span};
  }

  #take(pattern: RegExp): Located<string> | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#file.text);
    if (!match) return null;
    const start = this.#at;
    this.#at = pattern.lastIndex;
    return {value: match[0], span: {file: this.#file, start, end: this.#at}};
  }

  #skip(character: string): boolean {
    if (!this.#file.text.startsWith(character, this.#at)) return false;
    this.#at++;
    return true;
  }

  #fail(message: string, joiner?: string, at?: Located<string>): Result<never, Diagnostic> {
    const rest = this.#file.text.slice(this.#at);
    const got = at ? '' : `, got ${rest === '' ? 'the end' : `'${rest}'`}`;
    const span = at?.span ?? {file: this.#file, start: this.#at, end: this.#file.text.length};
    const hint = joiner === undefined ? `a selector is ${EXAMPLE}` : `several values are joined by ${joiner}`;
    return err(
      mistake('bad-selector', message + got, span, {hint: message.includes(EXAMPLE) ? undefined : hint}),
    );
  }
}

function unquote(text: string): string | null {
  try {
    return String(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Text that `parseSelector` reads as the same selector. */
export function printSelector(selector: Selector): string {
  const axes = selector.axes.map(
    ({axis, values}) => `${axis.value}=${values.map(({value}) => printChoice(value)).join('|')}`,
  );
  return axes.length === 0 ? selector.stage.value : `${selector.stage.value}[${axes.join(',')}]`;
}

function printChoice(choice: ValueChoice): string {
  if (choice.kind === 'range') return `${choice.from}..${choice.to}`;
  const {text} = choice;
  const isBare = text !== '' && text.trim() === text && !/["|,\]]/.test(text) && !RANGE.test(text);
  return isBare ? text : JSON.stringify(text);
}

/** Numbers are compared as numbers: `0.10` and `1e-1` select 0.1. */
export function isChosen(value: Scalar, choice: ValueChoice): boolean {
  if (choice.kind === 'range') {
    const [low, high] = [Math.min(choice.from, choice.to), Math.max(choice.from, choice.to)];
    return typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high;
  }
  return String(value) === choice.text || (typeof value === 'number' && Number(choice.text) === value);
}
