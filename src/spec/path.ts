// Paths as a pipeline writes them: relative, with forward slashes, never leaving the folder that they start from.

import {err, ok, type Result} from '../core/result.ts';

export interface WrittenPath {
  /** Without `./`, doubled or trailing slashes; `.` for the folder itself. */
  readonly path: string;
  readonly isFolder: boolean;
}

/** The normal form of a relative path or glob, or what is wrong with it. */
export function readPath(text: string): Result<WrittenPath, string> {
  if (text.trim() === '') return err('expected a path, got nothing');
  if (text !== text.trim()) return err(`expected a path without spaces around it, got '${text}'`);
  if (hasControlCharacter(text)) return err('expected a path without control characters');
  if (text.includes('\\')) return err(`expected forward slashes in a path, got '${text}'`);
  if (text.startsWith('/') || /^[A-Za-z]:/.test(text)) return err(`expected a relative path, got '${text}'`);
  if (text.startsWith('~')) return err(`expected a relative path, got '${text}': ~ is not expanded`);
  const segments = text.split('/').filter(segment => segment !== '' && segment !== '.');
  if (segments.includes('..')) return err(`expected a path without '..', got '${text}'`);
  const isFolder = text.endsWith('/') || segments.length === 0;
  const path = segments.length === 0 ? '.' : segments.join('/');
  // `./~` and `./C:` are not, without what stands before them, what they were.
  const normal = path === text ? undefined : readPath(path);
  return normal?.ok === false ? normal : ok({path, isFolder});
}

export const isGlob = (path: string): boolean => /[*?[\]{}!]/.test(path);

/** True if one path is the other, or lies in it. `.` holds everything. */
export const isWithin = (path: string, folder: string): boolean =>
  folder === '.' || path === folder || path.startsWith(`${folder}/`);

const hasControlCharacter = (text: string): boolean =>
  [...text].some(letter => letter < ' ' || letter === '\x7f');
