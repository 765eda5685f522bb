// Files of the store as they are read: what is no regular file (somebody's folder, a named pipe that would never answer)
// is moved aside, so that it is neither an error for ever nor waited for.

import {closeSync, constants, existsSync, fstatSync, openSync, readFileSync, renameSync} from 'node:fs';
import {hasCode} from './system-error.ts';

/** What is at a path, and its bytes if that is a regular file. */
export type ReadFile =
  | {readonly is: 'file'; readonly bytes: Buffer}
  | {readonly is: 'absent'}
  /** A folder, a named pipe, a socket, a link that leads in a circle. */
  | {readonly is: 'other'};

/** Reads a file, and never waits for the other end of a pipe. Throws errors of the system. */
export function readRegularFile(path: string): ReadFile {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return {is: 'absent'};
    if (hasCode(error, 'ENXIO', 'ELOOP')) return {is: 'other'};
    throw error;
  }
  try {
    return fstatSync(file).isFile() ? {is: 'file', bytes: readFileSync(file)} : {is: 'other'};
  } finally {
    closeSync(file);
  }
}

/** The bytes of a file; `undefined` where there is none. What is none is moved aside. Throws errors of the system. */
export function readStoreFile(path: string): Buffer | undefined {
  const read = readRegularFile(path);
  if (read.is === 'file') return read.bytes;
  if (read.is === 'other') setAside(path);
  return undefined;
}

/** Moves what is at `path` to a name beside it that says so; answers that name. Throws errors of the system. */
export function setAside(path: string): string {
  for (let n = 1; ; n++) {
    const aside = `${path}.aside${n === 1 ? '' : `-${n}`}`;
    if (existsSync(aside)) continue;
    renameSync(path, aside);
    return aside;
  }
}
