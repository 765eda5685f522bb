// Follows the log files of running tasks and tells what came in. One timer serves all of them; a task that ends
// between two ticks costs one look at the file's size.

import {closeSync, fstatSync, openSync, readSync, statSync} from 'node:fs';
import {StringDecoder} from 'node:string_decoder';

const TICK_MS = 100;
/** A task that prints faster than this is told in excerpts; the file holds everything. Bytes per tick. */
const MOST_PER_TICK = 256 * 1024;

const TAIL_LINES = 20;
const TAIL_BYTES = 16 * 1024;

export interface Followed {
  readonly path: string;
  readonly onText: (text: string) => void;
  readonly decoder: StringDecoder;
  offset: number;
}

export class LogTail {
  readonly #followed = new Set<Followed>();
  #timer: NodeJS.Timeout | undefined;

  follow(path: string, onText: (text: string) => void): Followed {
    const followed: Followed = {path, onText, decoder: new StringDecoder('utf8'), offset: 0};
    this.#followed.add(followed);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
    return followed;
  }

  /** Tells the rest and forgets the file. */
  finish(followed: Followed): void {
    readNews(followed);
    const rest = followed.decoder.end();
    if (rest !== '') followed.onText(rest);
    this.#followed.delete(followed);
    if (this.#followed.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  #tick(): void {
    for (const followed of this.#followed) readNews(followed);
  }
}

function readNews(followed: Followed): void {
  const size = statSync(followed.path, {throwIfNoEntry: false})?.size ?? 0;
  if (size <= followed.offset) return;
  const skipped = Math.max(0, size - followed.offset - MOST_PER_TICK);
  const bytes = Buffer.allocUnsafe(size - followed.offset - skipped);
  const file = openSync(followed.path, 'r');
  let count: number;
  try {
    count = readSync(file, bytes, 0, bytes.length, followed.offset + skipped);
  } finally {
    closeSync(file);
  }
  followed.offset += skipped + count;
  const text = followed.decoder.write(bytes.subarray(0, count));
  if (skipped > 0) followed.onText(excerptOf(text, skipped));
  else if (text !== '') followed.onText(text);
}

/** It begins with a whole line: half of one could be half of a secret, which nobody would know for one. */
function excerptOf(text: string, skipped: number): string {
  const start = text.indexOf('\n') + 1;
  const rest = start === 0 ? '' : text.slice(start);
  return `[… ${skipped + Buffer.byteLength(text) - Buffer.byteLength(rest)} bytes]\n${rest}`;
}

/** The last lines of a log, however long it is. */
export function readTail(path: string): string[] {
  try {
    const file = openSync(path, 'r');
    try {
      const {size} = fstatSync(file);
      const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
      readSync(file, bytes, 0, bytes.length, size - bytes.length);
      return tailOf(bytes, size > bytes.length);
    } finally {
      closeSync(file);
    }
  } catch {
    return [];
  }
}

/** The last lines of a log. `isCut`: its bytes begin in the middle of a line. */
export function tailOf(bytes: Buffer, isCut = false): string[] {
  const lines = bytes.toString('utf8').trimEnd().split('\n');
  if (isCut) lines.shift();
  return lines.length === 1 && lines[0] === '' ? [] : lines.slice(-TAIL_LINES);
}
