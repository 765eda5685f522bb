// An append-only file of `key<TAB>value<TAB>checksum` lines where the last line of a key counts: loads 10,000 lines in
// milliseconds, takes appends of several processes, survives truncation at any byte, and is rewritten when it is mostly
// waste. What it holds is never the only copy of anything that cannot be made again: a damaged line is a forgotten line.

import {closeSync, constants, fstatSync, openSync, readSync, statSync, writeFileSync} from 'node:fs';
import {writeAtomically} from './atomic-file.ts';
import {CUT, checkedValue, hasColumn, uncut, withColumn} from './checked-line.ts';
import {readStoreFile, setAside} from './store-file.ts';
import {hasCode} from './system-error.ts';

const compactAbove = 1_000;

/**
 * Keys hold no tab and no line break; values hold no line break. Nothing is read before the first question, nothing
 * written before `save`. Checksums are looked at when a line is asked for.
 */
export class Journal {
  readonly #path: string;
  /** Values with their checksums. */
  #entries: Map<string, string> | undefined;
  #pending: string[] = [];
  #lines = 0;

  constructor(path: string) {
    this.#path = path;
  }

  get(key: string): string | undefined {
    const stored = this.#load().get(key);
    return stored === undefined ? undefined : checkedValue(key, stored);
  }

  set(key: string, value: string): void {
    const entries = this.#load();
    const stored = withColumn(key, value);
    if (entries.get(key) === stored) return;
    entries.set(key, stored);
    this.#pending.push(`${key}\t${stored}\n`);
  }

  *entries(): Generator<[string, string], void> {
    for (const [key, stored] of this.#load()) {
      const value = checkedValue(key, stored);
      if (value !== undefined) yield [key, value];
    }
  }

  /** How many lines on disk are not what was written; one that a kill cut short is none. Throws errors of the system. */
  countDamaged(): number {
    let damaged = 0;
    for (const [key, stored] of linesOf(readStoreFile(this.#path)?.toString('utf8') ?? '')) {
      if (!stored.endsWith(CUT) && checkedValue(key, stored) === undefined) damaged++;
    }
    return damaged;
  }

  /** Entries with different keys. */
  get count(): number {
    return this.#load().size;
  }

  /** How many lines wait for `save`. */
  get unsaved(): number {
    return this.#pending.length;
  }

  /** Appends what is new in one write; rewrites the file when more than half of it is outdated. Throws errors of the system. */
  save(): void {
    if (this.#pending.length === 0) return;
    appendLines(this.#path, this.#pending.join(''));
    this.#lines += this.#pending.length;
    this.#pending = [];
    if (this.#lines > compactAbove && this.#lines > 2 * this.#load().size) this.retain(() => true);
  }

  /** Rewrites the file with the entries that `keep` wants. */
  retain(keep: (key: string, value: string) => boolean): void {
    // Other processes may have appended since: they count.
    const kept = new Map<string, string>();
    for (const [key, stored] of [...this.#read(), ...linesOf(this.#pending.join(''))]) {
      const value = checkedValue(key, stored);
      if (value !== undefined && keep(key, value)) kept.set(key, stored);
    }
    let text = '';
    for (const [key, stored] of kept) text += `${key}\t${stored}\n`;
    writeAtomically(this.#path, text);
    this.#entries = kept;
    this.#lines = kept.size;
    this.#pending = [];
  }

  /** Bytes on disk. */
  get size(): number {
    return statSync(this.#path, {throwIfNoEntry: false})?.size ?? 0;
  }

  #load(): Map<string, string> {
    this.#entries ??= this.#read();
    return this.#entries;
  }

  #read(): Map<string, string> {
    const entries = new Map<string, string>();
    this.#lines = 0;
    for (const [key, line] of linesOf(readStoreFile(this.#path)?.toString('utf8') ?? '')) {
      const stored = uncut(line);
      // What a kill cut short does not take the place of what was known.
      if (hasColumn(stored)) entries.set(key, stored);
      this.#lines++;
    }
    return entries;
  }
}

/** Key, and what stands behind it; the last line only with its line break. */
function* linesOf(text: string): Generator<readonly [string, string], void> {
  let start = 0;
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
    const tab = text.indexOf('\t', start);
    if (tab !== -1 && tab < end) yield [text.slice(start, tab), text.slice(tab + 1, end)];
    else if (end > start) yield [uncut(text.slice(start, end)), text[end - 1] === CUT ? CUT : ''];
    start = end + 1;
  }
}

/** Appends whole lines; a line that a killed process left unfinished does not swallow them, and is marked. Throws errors of the system. */
export function appendLines(path: string, lines: string): void {
  const open = openForAppend(path);
  if (open === undefined) {
    writeAtomically(path, lines);
    return;
  }
  try {
    writeFileSync(open.file, endsCleanly(open) ? lines : `${CUT}\n${lines}`);
  } finally {
    closeSync(open.file);
  }
}

interface OpenFile {
  readonly file: number;
  /** Bytes. */
  readonly size: number;
}

function openForAppend(path: string): OpenFile | undefined {
  try {
    // Not to wait for the other end of a named pipe.
    const file = openSync(path, constants.O_RDWR | constants.O_APPEND | constants.O_NONBLOCK);
    const state = fstatSync(file);
    if (state.isFile()) return {file, size: state.size};
    closeSync(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    if (!hasCode(error, 'EISDIR', 'ENXIO')) throw error;
  }
  setAside(path);
  return undefined;
}

function endsCleanly({file, size}: OpenFile): boolean {
  if (size === 0) return true;
  const last = Buffer.alloc(1);
  readSync(file, last, 0, 1, size - 1);
  return last[0] === 10;
}
