// What decided, beside the sources themselves, which files a bundle was made of: files that would have been found
// first, folders in which computed imports look, manifests and records of installed packages. A bundle is used again
// only while all of them say what they said. Synchronous: a stat per file.

import {dirname, join, relative, resolve, sep} from 'node:path';
import {type Digest, digestJson} from '../core/digest.ts';
import {byCodeUnit} from '../core/json.ts';
import {digestFolder, filesBelow} from './installed-packages.ts';

/** Paths are relative to the project. */
export interface Witnesses {
  /** `null`: there was no such file. */
  readonly files: Readonly<Record<string, Digest | null>>;
  /** Patterns of computed imports, `lib/**` + `/*.ts` → the names that matched. */
  readonly listings: Readonly<Record<string, Digest>>;
  /** Folders of linked packages → their contents. */
  readonly folders: Readonly<Record<string, Digest>>;
}

type DigestFile = (path: string) => Digest | undefined;

/** Of the files that a pattern of a computed import names, by their names. */
export const digestListing = (pattern: string, project: string): Digest =>
  digestJson('files', listPattern(pattern, project));

/** Whether a pattern of a computed import names a path. What stands between the first star and the last is any text. */
export function isNamedBy(pattern: string, path: string): boolean {
  const start = pattern.slice(0, pattern.indexOf('*'));
  const end = pattern.slice(pattern.lastIndexOf('*') + 1);
  return path.startsWith(start) && path.endsWith(end) && path.length >= start.length + end.length;
}

function listPattern(pattern: string, project: string): string[] {
  const start = pattern.slice(0, pattern.indexOf('*'));
  const folder = resolve(project, start.endsWith('/') ? start : dirname(start));
  const store = join(project, 'cache');
  return filesBelow(folder, path => path === store)
    .map(path => relative(project, path).split(sep).join('/'))
    .filter(path => isNamedBy(pattern, path))
    .sort(byCodeUnit);
}

/** True when everything is as it was. */
export function areUnchanged(
  {files, listings, folders}: Witnesses,
  project: string,
  digestFile: DigestFile,
): boolean {
  return (
    Object.entries(files).every(
      ([path, digest]) => (digestFile(resolve(project, path)) ?? null) === digest,
    ) &&
    Object.entries(listings).every(([pattern, digest]) => digestListing(pattern, project) === digest) &&
    Object.entries(folders).every(
      ([path, digest]) => digestFolder(resolve(project, path), digestFile) === digest,
    )
  );
}
