// What is wrong with the text itself, before or beside its YAML: more than can be read, bytes that are no text, directives that change how
// values are read, numbers that cannot be held as they are written.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {SourceFile} from '../core/source.ts';

/** Reading as much takes seconds, and gigabytes where it is all short values. Characters. */
const SIZE_LIMIT = 4 * 1024 ** 2;

/** Why the text, from `offset` on, is not read at all; `null` where it is. */
export const textMistake = (file: SourceFile, offset: number): Diagnostic | null =>
  sizeMistake(file, offset) ?? characterMistake(file, offset) ?? directiveMistake(file, offset);

function sizeMistake(file: SourceFile, offset: number): Diagnostic | null {
  const size = file.text.length - offset;
  if (size <= SIZE_LIMIT) return null;
  const expected = `at most ${SIZE_LIMIT.toLocaleString('en')} characters of YAML`;
  const message = `expected ${expected}, got ${size.toLocaleString('en')}`;
  const hint = 'long lists belong into files that stages read, or that `matrix: {from: …}` names';
  return mistake('yaml-size', message, {file, start: offset, end: offset}, {hint});
}

/** What no text has: the trace of bytes that are not UTF-8, and the control characters that YAML forbids. */
function characterMistake(file: SourceFile, offset: number): Diagnostic | null {
  const start = file.text.slice(offset).search(/[^\P{Cc}\t\n\r\x85]|\ufffd/u) + offset;
  if (start < offset) return null;
  const span = {file, start, end: start + 1};
  if (file.text[start] === '\ufffd') {
    const hint = 'save the file as UTF-8';
    return mistake('not-utf-8', 'expected text in UTF-8, got bytes that are none', span, {hint});
  }
  const code = file.text.charCodeAt(start).toString(16).toUpperCase().padStart(4, '0');
  const hint =
    code === '0000' ? 'is the file saved as UTF-16, or no text at all? Save it as UTF-8' : 'remove it';
  return mistake('control-character', `expected text, got the control character U+${code}`, span, {hint});
}

/** `%YAML 1.1` would make a boolean of `yes` and a number of `1:30`. */
function directiveMistake(file: SourceFile, offset: number): Diagnostic | null {
  const found = /^\ufeff?(?:[ \t]*(?:#.*)?\r?\n)*(%.*)/.exec(file.text.slice(offset));
  const directive = found?.[1]?.trimEnd();
  if (!found || directive === undefined) return null;
  const start = offset + found[0].indexOf('%', found[0].length - (found[1]?.length ?? 0));
  const message = `expected a pipeline, got the YAML directive '${directive}'`;
  const span = {file, start, end: start + directive.length};
  return mistake('yaml-directive', message, span, {hint: 'remove it: pipelines are YAML 1.2'});
}

/** Why a number is not what its source says, and what to write instead. */
export function numberProblem(value: number, source: string): {message: string; hint: string} | null {
  if (!Number.isFinite(value)) {
    return {
      message: `expected a finite number, got ${source}`,
      hint: 'put it into quotes if it is meant as text',
    };
  }
  if (/^[-+]?(?:\d+|0o[0-7]+|0x[\da-f]+)$/i.test(source) && !Number.isSafeInteger(value)) {
    const message = `expected an integer of at most ${Number.MAX_SAFE_INTEGER}, got ${source}`;
    return {message, hint: 'it cannot be held exactly as a number: put it into quotes and keep it as text'};
  }
  if (/^[-+]?0\d/.test(source)) {
    const hint = `write ${value} for the number, "${source}" for text`;
    return {message: `expected a number without leading zeros, got ${source}`, hint};
  }
  return null;
}
