// Which files a list of names, folders and globs means: `files:` and `code:` of a pipeline. Sorted by code unit;
// links are followed, loops and unreadable folders are errors, and what matches nothing is said to.

import {type BigIntStats, type Dirent, readdirSync, realpathSync, statSync} from 'node:fs';
import {join, relative, resolve, sep} from 'node:path';
import picomatch from 'picomatch';
import {byCodeUnit} from '../../core/json.ts';
import {err, ok, type Result} from '../../core/result.ts';
import type {FileProblem} from '../store.ts';
import {ioError} from '../store-error.ts';

/** A file, and the pattern that named it first. */
export interface ListedFile {
  readonly pattern: string;
  /** Where finding it took a look at it already: a second one would cost as much as the first. */
  readonly state: BigIntStats | undefined;
}

/**
 * Files by path relative to `root` (with `/`). A folder is every file
 * below it. `!pattern` takes away of what is listed before it. Globs match as shells do: `*` stops at `/`, `**` does not, and names that begin
 * with a dot have to be asked for.
 */
export function listFiles(
  root: string,
  patterns: readonly string[],
): Result<ReadonlyMap<string, ListedFile>, readonly FileProblem[]> {
  const found = new Map<string, ListedFile>();
  const problems: FileProblem[] = [];
  for (const pattern of patterns) {
    if (pattern.startsWith('!')) {
      const isExcluded = exclusionOf(pattern);
      for (const path of found.keys()) if (isExcluded(path)) found.delete(path);
      continue;
    }
    let matches = 0;
    const walk = new Walk(root, (path, state) => {
      matches++;
      if (!found.has(path)) found.set(path, {pattern, state});
    });
    try {
      walk.find(pattern);
      if (matches === 0 && !walk.sawFolder) problems.push({pattern, error: {reason: 'no-match', pattern}});
    } catch (error) {
      if (error instanceof LinkLoop) {
        problems.push({pattern, error: {reason: 'refused', path: error.path, message: error.message}});
      } else problems.push({pattern, error: ioError(error, pattern)});
    }
  }
  if (problems.length > 0) return err(problems);
  return ok(new Map([...found].sort((a, b) => byCodeUnit(a[0], b[0]))));
}

/** Whether a glob matches any file; the walk ends with the first. */
export function matchesFile(root: string, glob: string): boolean {
  const walk = new Walk(root, () => {
    throw new Found();
  });
  try {
    walk.find(glob);
  } catch (error) {
    // What cannot be walked is said by the stage that reads it.
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
  }
  return walk.sawFolder;
}

class Found extends Error {}

class LinkLoop extends Error {
  override readonly name = 'LinkLoop';
  readonly path: string;
  constructor(path: string) {
    super('expected a folder that ends, got a symbolic link to a folder around it');
    this.path = path;
  }
}

type OnFile = (path: string, state?: BigIntStats) => void;

class Walk {
  /** True when the pattern names a folder, which may well be empty. */
  sawFolder = false;
  readonly #root: string;
  readonly #onFile: OnFile;

  constructor(root: string, onFile: OnFile) {
    this.#root = root;
    this.#onFile = onFile;
  }

  find(pattern: string): void {
    const plain = normalise(this.#root, pattern);
    const state = statSync(`${this.#root}/${plain}`, {bigint: true, throwIfNoEntry: false});
    if (state !== undefined) {
      this.#take(plain, state);
      return;
    }
    const {base, isGlob} = picomatch.scan(plain);
    if (!isGlob) return;
    const isMatch = picomatch(plain);
    const start = base === '' ? '.' : base;
    const top = statSync(join(this.#root, start), {throwIfNoEntry: false});
    if (top?.isDirectory())
      this.#below(start, [], path => {
        if (isMatch(path)) this.#onFile(path);
      });
  }

  #take(path: string, state: BigIntStats): void {
    if (state.isDirectory()) {
      this.sawFolder = true;
      this.#below(path, [], this.#onFile);
    } else this.#onFile(path, state);
  }

  /** `above`: real paths of the folders that are being walked, to notice loops. */
  #below(folder: string, above: readonly string[], onFile: OnFile): void {
    const absolute = join(this.#root, folder);
    const entries = readdirSync(absolute, {withFileTypes: true});
    const trail = above.length > 0 ? above : [realpathSync(absolute)];
    for (const entry of entries) {
      const path = folder === '.' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) this.#below(path, [...trail, join(trail.at(-1) ?? '', entry.name)], onFile);
      else if (entry.isSymbolicLink()) this.#throughLink(path, entry, trail, onFile);
      else onFile(path);
    }
  }

  #throughLink(path: string, entry: Dirent, trail: readonly string[], onFile: OnFile): void {
    const link = join(trail.at(-1) ?? '', entry.name);
    if (!statSync(link).isDirectory()) {
      onFile(path);
      return;
    }
    const real = realpathSync(link);
    if (trail.includes(real)) throw new LinkLoop(path);
    this.#below(path, [...trail, real], onFile);
  }
}

/** Paths that are normal already, as nearly all are: names without a leading dot between single slashes. */
const PLAIN = /^(?:[\w-][\w.-]*)(?:\/[\w-][\w.-]*)*$/;

/** `./a//b/` → `a/b`; `.` for the root itself. */
function normalise(root: string, pattern: string): string {
  if (PLAIN.test(pattern)) return pattern;
  const path = relative(root, resolve(root, pattern)).split(sep).join('/');
  return path === '' ? '.' : path;
}

/** A folder that is excluded takes along what is below it. */
function exclusionOf(pattern: string): (path: string) => boolean {
  const glob = pattern.slice(1).replace(/^\.\//, '').replace(/\/+$/, '');
  return picomatch([glob, `${glob}/**`], {dot: true});
}
