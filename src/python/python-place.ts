// A place in a Python file: its parser counts lines from 1 and bytes of UTF-8, we count UTF-16.

import {readFileSync} from 'node:fs';
import type {Span} from '../core/source.ts';

export interface PythonPlace {
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** `undefined` where the file is no longer there. `shown`: its path for people. */
export function placeInFile(path: string, shown: string, place: PythonPlace): Span | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  const start = offsetOf(text, place.line, place.column);
  const end = offsetOf(text, place.endLine, place.endColumn);
  return {file: {path: shown, text}, start, end: Math.max(end, start + 1)};
}

function offsetOf(text: string, line: number, column: number): number {
  let lineStart = 0;
  for (let at = 1; at < line; at++) {
    const next = text.indexOf('\n', lineStart);
    if (next === -1) return text.length;
    lineStart = next + 1;
  }
  const lineEnd = text.indexOf('\n', lineStart);
  const lineText = text.slice(lineStart, lineEnd === -1 ? text.length : lineEnd);
  return lineStart + Buffer.from(lineText).subarray(0, column).toString().length;
}
