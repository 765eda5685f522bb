// What has to survive a power cut: bytes reach the disk by a sync of the file, names by one of the folder.

import {closeSync, fsyncSync, openSync} from 'node:fs';
import {dirname} from 'node:path';
import {hasCode} from './system-error.ts';

/** Brings a file's bytes to the disk. Throws errors of the system. */
export function syncFile(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Brings the names of `paths` to the disk, and those of the folders around them up to `top`, which is there for long.
 * Throws errors of the system; where folders cannot be synced (Windows, some network file systems) nothing happens.
 */
export function syncNames(paths: Iterable<string>, top: string): void {
  const folders = new Set<string>();
  for (const path of paths) {
    let folder = dirname(path);
    for (; folder.startsWith(`${top}/`); folder = dirname(folder)) folders.add(folder);
    folders.add(folder);
  }
  for (const folder of folders) {
    try {
      syncFile(folder);
    } catch (error) {
      if (!hasCode(error, 'EISDIR', 'EPERM', 'EINVAL', 'EBADF', 'ENOTSUP', 'EACCES')) throw error;
    }
  }
}
