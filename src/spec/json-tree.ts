// JSON text → located tree, for files that a plan reads. Strict: what is no JSON is a mistake at its place, as is what
// a pipeline could not say either (a key twice, a number that cannot be held exactly).

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Located, SourceFile, Span} from '../core/source.ts';
import {isReserved} from './name.ts';
import type {Entry, Node} from './tree.ts';
import {numberProblem} from './yaml-text.ts';

const DEPTH_LIMIT = 100;

/** What a text holds and what is wrong with it. `tree` is `null` where the text is no JSON. */
export interface ParsedJson {
  readonly tree: Node | null;
  readonly mistakes: readonly Diagnostic[];
}

export function parseJson(file: SourceFile): ParsedJson {
  const reader = new JsonReader(file);
  try {
    return {tree: reader.readWhole(), mistakes: reader.mistakes};
  } catch (error) {
    if (!(error instanceof NoJson)) throw error;
    return {tree: null, mistakes: [error.diagnostic]};
  }
}

/** Ends the reading at the first place that is no JSON: what follows could only be guessed at. */
class NoJson extends Error {
  readonly diagnostic: Diagnostic;
  constructor(diagnostic: Diagnostic) {
    super(diagnostic.message);
    this.diagnostic = diagnostic;
  }
}

const SPACE = /[ \t\n\r]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in text
const TEXT = /"(?:[^"\\\u0000-\u001f]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /[A-Za-z_$][\w$]*/y;
const WORDS: Readonly<Record<string, boolean | null>> = {true: true, false: false, null: null};

class JsonReader {
  readonly mistakes: Diagnostic[] = [];
  readonly #file: SourceFile;
  #at = 0;

  constructor(file: SourceFile) {
    this.#file = file;
    if (file.text.startsWith('\ufeff')) this.#at = 1;
  }

  readWhole(): Node {
    const node = this.#read(0);
    if (this.#at < this.#file.text.length) this.#fail('the end of the text');
    return node;
  }

  /** One value, and the space around it. */
  #read(depth: number): Node {
    if (depth > DEPTH_LIMIT) this.#fail(`at most ${DEPTH_LIMIT} nested levels`);
    this.#take(SPACE);
    const start = this.#at;
    const node = this.#value(start, depth);
    this.#take(SPACE);
    return node;
  }

  #value(start: number, depth: number): Node {
    const {text} = this.#file;
    switch (text[start]) {
      case '{': {
        const entries = this.#entries(depth);
        return {kind: 'map', entries, span: this.#span(start), origin: null};
      }
      case '[': {
        const items = this.#items(depth);
        return {kind: 'list', items, span: this.#span(start), origin: null};
      }
      case '"':
        return {kind: 'scalar', value: this.#text(), span: this.#span(start), origin: null};
    }
    const number = this.#take(NUMBER);
    if (number !== '') return this.#number(number, start);
    const word = this.#take(WORD);
    this.#at = start;
    if (!Object.hasOwn(WORDS, word)) {
      const hint = /^(?:NaN|Infinity)$/.test(word) ? 'JSON has no such number: leave it out' : undefined;
      this.#fail('a value', hint);
    }
    this.#at += word.length;
    return {kind: 'scalar', value: WORDS[word] ?? null, span: this.#span(start), origin: null};
  }

  #number(source: string, start: number): Node {
    const value = Number(source);
    const span = this.#span(start);
    const problem = numberProblem(value, source);
    if (problem) this.mistakes.push(mistake('bad-number', problem.message, span, {hint: problem.hint}));
    return {kind: 'scalar', value: value === 0 ? 0 : value, span, origin: null};
  }

  #items(depth: number): Node[] {
    this.#at++;
    const items: Node[] = [];
    if (this.#isNext(']')) return items;
    do items.push(this.#read(depth + 1));
    while (this.#isNext(','));
    if (!this.#isNext(']')) this.#fail('`,` or `]`');
    return items;
  }

  #entries(depth: number): Entry[] {
    this.#at++;
    const entries = new Map<string, Entry>();
    if (this.#isNext('}')) return [];
    do {
      const key = this.#key();
      const value = this.#read(depth + 1);
      const first = entries.get(key.value);
      if (first) this.#reportDouble(key, first);
      else if (isReserved(key.value)) this.#reportReserved(key);
      else entries.set(key.value, {key, value});
    } while (this.#isNext(','));
    if (!this.#isNext('}')) this.#fail('`,` or `}`');
    return [...entries.values()];
  }

  #key(): Located<string> {
    this.#take(SPACE);
    const start = this.#at;
    if (this.#file.text[start] !== '"') this.#fail('a key in double quotes');
    const value = this.#text();
    const span = this.#span(start);
    if (!this.#isNext(':')) this.#fail('`:` after the key');
    return {value, span};
  }

  #text(): string {
    const source = this.#take(TEXT);
    if (source === '') this.#fail('text in double quotes on one line, with the escapes of JSON');
    return String(JSON.parse(source));
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [found = ''] = pattern.exec(this.#file.text) ?? [];
    this.#at += found.length;
    return found;
  }

  #isNext(sign: string): boolean {
    this.#take(SPACE);
    if (this.#file.text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #span(start: number): Span {
    return {file: this.#file, start, end: this.#at};
  }

  #fail(wanted: string, hint?: string): never {
    const {text} = this.#file;
    const start = Math.min(this.#at, text.length);
    const [got = ''] = /^(?:[\w$.+-]+|.)/su.exec(text.slice(start, start + 40)) ?? [];
    const what = got === '' ? 'the end' : `'${got === '\n' ? '\\n' : got}'`;
    const span = {file: this.#file, start, end: start + got.length};
    throw new NoJson(mistake('bad-json', `expected ${wanted} in JSON, got ${what}`, span, {hint}));
  }

  #reportDouble(key: Located<string>, first: Entry): void {
    const notes = [{message: 'first here', span: first.key.span}];
    const message = `expected each key once, got '${key.value}' a second time`;
    this.mistakes.push(mistake('duplicate-key', message, key.span, {notes}));
  }

  #reportReserved(key: Located<string>): void {
    const message = `'${key.value}' cannot be a key: every JavaScript object has one`;
    this.mistakes.push(mistake('reserved-key', message, key.span, {hint: 'choose another name'}));
  }
}
