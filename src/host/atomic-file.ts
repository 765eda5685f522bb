// Files that are whole or absent: written under a temporary name that says whose it is, then renamed.

import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import {syncNames} from './durable.ts';
import {makeFolder} from './folder.ts';
import {isOfEarlierBoot, Observer} from './presence.ts';
import {identityIn, identityLabel, isAlive, ownIdentity} from './process-identity.ts';
import {hasCode} from './system-error.ts';

const dayMs = 24 * 60 * 60 * 1000;
let counter = 0;

/** A new name that nobody else makes: `pid-born-boot-space-n`. */
export const temporaryName = (): string => `${identityLabel(ownIdentity())}-${counter++}`;

/** A hidden name beside `path`, on the same file system, so that a rename brings it into place. */
export const temporaryBeside = (path: string): string => join(dirname(path), `.pipe-${temporaryName()}.tmp`);

/**
 * Replaces `path` in one step; makes its folder if need be. `durable`: it survives a power cut right afterwards, and one
 * in between leaves the old file; else a power cut may leave an empty file. `temporary`: where it is written first, on the
 * same file system. Throws errors of the system.
 */
export function writeAtomically(
  path: string,
  content: string | Uint8Array,
  durability: 'durable' | 'fleeting' = 'fleeting',
  temporary = temporaryBeside(path),
): void {
  try {
    const file = openWithFolder(temporary);
    try {
      writeFileSync(file, content);
      if (durability === 'durable') fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameIntoFolder(temporary, path);
    if (durability === 'durable') syncNames([path], dirname(dirname(path)));
  } catch (error) {
    rmSync(temporary, {force: true});
    throw error;
  }
}

/**
 * Writes a file that a user named: in one step where it is a file or absent, also behind a symbolic link; into a device or
 * pipe, such as /dev/null, which a rename would replace. Throws errors of the system.
 */
export function writeNamedFile(path: string, content: string | Uint8Array): void {
  const state = statSync(path, {throwIfNoEntry: false});
  if (state === undefined) writeAtomically(path, content);
  else if (state.isFile()) writeAtomically(realpathSync(path), content);
  else writeFileSync(path, content);
}

/** Renames; makes the folder of the new place if need be. Throws errors of the system. */
export function renameIntoFolder(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    makeFolder(dirname(to));
    renameSync(from, to);
  }
}

/** Opens a new file to write; makes its folder if need be. Throws errors of the system. */
export function openWithFolder(path: string, mode = 0o666): number {
  try {
    return openSync(path, 'wx', mode);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    makeFolder(dirname(path));
    return openSync(path, 'wx', mode);
  }
}

/**
 * Removes what processes that are gone left in `folder`, a folder right below a store's; returns how many entries.
 * What a process left of which nothing is known stays for a day.
 */
export function removeOrphans(folder: string, now: number, isDryRun = false): number {
  const observer = new Observer(dirname(folder));
  let removed = 0;
  for (const name of namesIn(folder)) {
    if (observer.isAlive(name) !== false || isYoungForeigner(folder, name, dirname(folder), now)) continue;
    if (!isDryRun) removeTree(join(folder, name));
    removed++;
  }
  return removed;
}

/** Removes the staged siblings that a killed process, which worked with `store`, left beside a target. */
export function removeStaleSiblings(folder: string, store: string): void {
  for (const path of staleSiblings(folder, store)) removeTree(path);
}

/**
 * What processes that are gone, and that worked with `store`, staged in a folder and never put into place. With `now`, what
 * others staged of whom nothing can be known counts as well after a day.
 */
export function staleSiblings(folder: string, store: string, now?: number): readonly string[] {
  return namesIn(folder)
    .filter(name => {
      const label = /^\.pipe-(.+)\.tmp$/.exec(name)?.[1];
      const identity = label === undefined ? undefined : identityIn(label);
      if (label === undefined || identity === undefined) return false;
      const known = isAlive(identity);
      const alive = known === 'unknown' && isOfEarlierBoot(store, identity) ? false : known;
      return alive === 'unknown' ? now !== undefined && isOlderThanADay(join(folder, name), now) : !alive;
    })
    .map(name => join(folder, name));
}

const isOlderThanADay = (path: string, now: number): boolean => {
  const state = statSync(path, {throwIfNoEntry: false});
  return state !== undefined && Math.abs(now - state.ctimeMs) >= dayMs;
};

/** Commands that only look write temporary files as well, and give no signs of life. */
function isYoungForeigner(folder: string, name: string, store: string, now: number): boolean {
  const identity = identityIn(name);
  if (identity === undefined || isAlive(identity) !== 'unknown' || isOfEarlierBoot(store, identity))
    return false;
  return !isOlderThanADay(join(folder, name), now);
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

/**
 * Removes a folder in one step, as others see it: a kill leaves it as it was, or the rest of it in `temporary`, where every
 * run sweeps. Throws errors of the system.
 */
export function removeAtOnce(path: string, temporary: string): void {
  const away = join(temporary, temporaryName());
  try {
    renameIntoFolder(path, away);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    // On another disk, or on one that is full: gone it has to be.
    removeTree(path);
    return;
  }
  removeTree(away);
}

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
