// Files that are whole or absent: written under a temporary name that says whose it is, then renamed.

import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import {identityLabel, isLabelAlive, ownIdentity} from './process-identity.ts';
import {hasCode} from './store-error.ts';

let counter = 0;

/** A new name, unique on this host: `pid-born-n`. */
export const temporaryName = (): string => `${identityLabel(ownIdentity())}-${counter++}`;

/** A hidden name beside `path`, on the same file system, so that a rename brings it into place. */
export const temporaryBeside = (path: string): string => join(dirname(path), `.pipe-${temporaryName()}.tmp`);

/** Replaces `path` in one step; makes its folder if need be. Throws errors of the system. */
export function writeAtomically(path: string, content: string | Uint8Array): void {
  const temporary = temporaryBeside(path);
  try {
    const file = openWithFolder(temporary);
    try {
      writeFileSync(file, content);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, {force: true});
    throw error;
  }
}

function openWithFolder(path: string): number {
  try {
    return openSync(path, 'wx');
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    mkdirSync(dirname(path), {recursive: true});
    return openSync(path, 'wx');
  }
}

/** Removes from `folder` what processes that are gone left behind; returns how many entries. */
export function removeOrphans(folder: string, isDryRun = false): number {
  let removed = 0;
  for (const name of namesIn(folder)) {
    const label = name.startsWith('.pipe-') ? name.slice('.pipe-'.length) : name;
    if (isLabelAlive(label)) continue;
    if (!isDryRun) removeTree(join(folder, name));
    removed++;
  }
  return removed;
}

/** Removes the staged siblings that a killed process left beside a target. */
export function removeStaleSiblings(folder: string): void {
  for (const name of namesIn(folder)) {
    const match = /^\.pipe-(.+)\.tmp$/.exec(name);
    if (match?.[1] !== undefined && !isLabelAlive(match[1])) removeTree(join(folder, name));
  }
}

/** Names in a folder; none where there is no folder. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

/** Removes a file or folder, read-only folders included. */
export const removeTree = (path: string): void => rmSync(path, {recursive: true, force: true});

/** Removes a file; true if it was there. */
export function removeFile(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
