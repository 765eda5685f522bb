// What can go wrong between the store and the disk, as values with a place and a way to mend it.

import {type Digest, shortDigest} from '../core/digest.ts';

export type StoreError =
  /** A blob that should be there is not. */
  | {readonly reason: 'missing-blob'; readonly digest: Digest}
  /** A blob whose bytes are not those of its name; it was moved to `setAside`. */
  | {readonly reason: 'damaged-blob'; readonly digest: Digest; readonly setAside: string}
  /** Something that cannot be an artifact: a socket, a link that leaves its folder, a name that is not UTF-8. */
  | {readonly reason: 'refused'; readonly path: string; readonly message: string}
  /** A file that changed while it was read. */
  | {readonly reason: 'changed'; readonly path: string}
  /** `code` as the system gives it: `ENOSPC`, `EACCES`, …; for a shared cache, what its client says. */
  | {readonly reason: 'io'; readonly path: string; readonly code: string; readonly message: string};

/** One sentence for people, with what to do where we know it. */
export function describeStoreError(error: StoreError): string {
  switch (error.reason) {
    case 'missing-blob':
      return `Expected the blob ${shortDigest(error.digest)} in the store, but it is gone`;
    case 'damaged-blob':
      return `The bytes of the blob ${shortDigest(error.digest)} were not its own; it was moved to ${error.setAside}`;
    case 'refused':
      return `${error.path}: ${error.message}`;
    case 'changed':
      return `${error.path} changed while it was read; leave it alone until the stage that writes it has ended`;
    case 'io':
      return `${error.path}: ${meaningOf(error.code) ?? error.message}`;
  }
}

/** An exception of `node:fs` as a value. What is not an error of the system is a bug and is thrown on. */
export function ioError(error: unknown, path: string): StoreError {
  if (!isSystemError(error)) throw error;
  return {reason: 'io', path: error.path ?? path, code: error.code, message: error.message};
}

/** True for exceptions of the operating system, which carry a code such as `ENOENT`. */
export const isSystemError = (error: unknown): error is NodeJS.ErrnoException & {readonly code: string} =>
  error instanceof Error &&
  'code' in error &&
  typeof error.code === 'string' &&
  /^E[A-Z0-9]+$/.test(error.code);

/** True where the exception says one of these codes. */
export const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  isSystemError(error) && codes.includes(error.code);

function meaningOf(code: string): string | undefined {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full; free some space (`pipe gc` shows what the store could give back)';
    case 'EACCES':
    case 'EPERM':
      return 'no permission; check the owner and the mode of the file and of its folder';
    case 'EROFS':
      return 'the file system is read-only';
    case 'EMFILE':
    case 'ENFILE':
      return 'too many open files; raise the limit (`ulimit -n`) or lower `--jobs`';
    case 'ENOENT':
      return 'no such file or folder';
    case 'ENOTDIR':
      return 'a file is where a folder should be; move it away';
    case 'ELOOP':
      return 'a loop of symbolic links';
    case 'ENAMETOOLONG':
      return 'the name is too long for the file system';
    default:
      return undefined;
  }
}
