// Folders that have to be there. Node's own recursive `mkdir` says ENOENT for whatever it does not know (a file system
// that can only be read, a disk that cannot be read, no descriptors left): here an error is the one of the system.

import {mkdirSync} from 'node:fs';
import {dirname} from 'node:path';
import {hasCode} from './system-error.ts';

/** Makes a folder and those around it; answers the first that was made, if any. Throws errors of the system. */
export function makeFolder(path: string, mode = 0o777): string | undefined {
  try {
    return mkdirSync(path, {recursive: true, mode});
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    return makeStepwise(path, mode);
  }
}

function makeStepwise(path: string, mode: number): string | undefined {
  try {
    mkdirSync(path, mode);
    return path;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return undefined;
    if (!hasCode(error, 'ENOENT') || dirname(path) === path) throw error;
  }
  const first = makeStepwise(dirname(path), mode);
  mkdirSync(path, mode);
  return first ?? path;
}
