// What can go wrong between the store and the disk, as values with a place and a way to mend it.

import {type Digest, shortDigest} from '../core/digest.ts';
import {isSystemError, meaningOf} from '../host/system-error.ts';

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
