// An append-only file of `key<TAB>value` lines where the last line of a key counts: loads 10,000 lines in milliseconds,
// takes appends of several processes, survives truncation at any byte, and is rewritten when it is mostly waste.
// What it holds is never the only copy of anything that cannot be made again: a damaged line is a forgotten line.

import {closeSync, constants, fstatSync, openSync, readSync, statSync, writeFileSync} from 'node:fs';
import {writeAtomically} from './atomic-file.ts';
import {readStoreFile, setAside} from './store-file.ts';
import {hasCode} from './system-error.ts';

const compactAbove = 1_000;

/**
 * Keys hold no tab and no line break; values hold no line break. `isValid` recognises whole values: whatever it
 * refuses is a torn line. Nothing is read before the first question, nothing written before `save`.
 */
export class Journal {
  readonly #path: string;
  readonly #isValid: (value: string) => boolean;
  #entries: Map<string, string> | undefined;
  #pending: string[] = [];
  #lines = 0;

  constructor(path: string, isValid: (value: string) => boolean) {
    this.#path = path;
    this.#isValid = isValid;
  }

  get(key: string): string | undefined {
    return this.#load().get(key);
  }

  set(key: string, value: string): void {
    const entries = this.#load();
    if (entries.get(key) === value) return;
    entries.set(key, value);
    this.#pending.push(`${key}\t${value}\n`);
  }

  keys(): IterableIterator<string> {
    return this.#load().keys();
  }

  entries(): IterableIterator<[string, string]> {
    return this.#load().entries();
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
    for (const [key, value] of [...this.#read(), ...this.#pendingEntries()]) {
      if (keep(key, value)) kept.set(key, value);
    }
    let text = '';
    for (const [key, value] of kept) text += `${key}\t${value}\n`;
    writeAtomically(this.#path, text);
    this.#entries = kept;
    this.#lines = kept.size;
    this.#pending = [];
  }

  /** Bytes on disk. */
  get size(): number {
    return statSync(this.#path, {throwIfNoEntry: false})?.size ?? 0;
  }

  #pendingEntries(): Array<[string, string]> {
    return this.#pending.map(line => {
      const tab = line.indexOf('\t');
      return [line.slice(0, tab), line.slice(tab + 1, -1)];
    });
  }

  #load(): Map<string, string> {
    this.#entries ??= this.#read();
    return this.#entries;
  }

  #read(): Map<string, string> {
    const entries = new Map<string, string>();
    const text = readStoreFile(this.#path)?.toString('utf8') ?? '';
    this.#lines = 0;
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      const tab = text.indexOf('\t', start);
      if (tab !== -1 && tab < end) {
        const value = text.slice(tab + 1, end);
        if (this.#isValid(value)) entries.set(text.slice(start, tab), value);
      }
      this.#lines++;
      start = end + 1;
    }
    return entries;
  }
}

/** Appends whole lines; a line that a killed process left unfinished does not swallow them. Throws errors of the system. */
export function appendLines(path: string, lines: string): void {
  const open = openForAppend(path);
  if (open === undefined) {
    writeAtomically(path, lines);
    return;
  }
  try {
    writeFileSync(open.file, endsCleanly(open) ? lines : `\n${lines}`);
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
