// esbuild's messages as diagnostics with a place and a caret.

import {readFileSync} from 'node:fs';
import {join, relative, sep} from 'node:path';
import type {Location, Message} from 'esbuild';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Span} from '../core/source.ts';

/** `base`: the folder that esbuild's paths are relative to; `project`: what people's paths are relative to. */
export function diagnoseMessages(
  messages: readonly Message[],
  base: string,
  project: string,
  module: string,
): readonly Diagnostic[] {
  return messages.map(({text, location, notes}) => {
    const span = location === null ? undefined : spanOf(location, base, project);
    const more = notes.flatMap(note => {
      const place = note.location === null ? undefined : spanOf(note.location, base, project);
      return place === undefined ? [] : [{message: note.text, span: place}];
    });
    const isImport = text.startsWith('Could not resolve') || text.startsWith('Expected the package');
    const hint = isImport && text.startsWith('Could') ? 'check the path and its extension' : undefined;
    const what = span === undefined ? `${module}: ${text}` : text;
    return mistake(isImport ? 'unknown-import' : 'stage-syntax', what, span, {hint, notes: more});
  });
}

/** Where a message points, as text: `stages/train.ts:12:3`. */
export const placeText = (location: Location, base: string, project: string): string =>
  `${shown(location.file, base, project)}:${location.line}:${location.column + 1}`;

function spanOf(location: Location, base: string, project: string): Span | undefined {
  const text = readText(join(base, location.file));
  if (text === undefined) return undefined;
  let lineStart = 0;
  for (let line = 1; line < location.line; line++) lineStart = text.indexOf('\n', lineStart) + 1;
  // esbuild counts bytes of UTF-8, we count UTF-16.
  const bytes = Buffer.from(location.lineText);
  const before = bytes.subarray(0, location.column).toString().length;
  const length = bytes.subarray(location.column, location.column + location.length).toString().length;
  const start = lineStart + before;
  return {file: {path: shown(location.file, base, project), text}, start, end: start + Math.max(1, length)};
}

const shown = (file: string, base: string, project: string): string =>
  relative(project, join(base, file)).split(sep).join('/');

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
