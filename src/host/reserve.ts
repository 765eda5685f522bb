// A little room on the disk that a store keeps for itself: when the disk is full, what must still be written (who is at
// work, how a run ended, what the sweep needs) gets a piece of it, so that a full disk ends stages and not the runner.

import {closeSync, fstatSync, ftruncateSync, openSync, statfsSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {makeFolder} from './folder.ts';
import {hasCode} from './system-error.ts';

const SIZE = 256 * 1024;
/** What one write gets. Bytes. */
const PIECE = 4 * 1024;
/** The reserve is filled up again only where there is much more room than that. Bytes. */
const ROOM = 8 * 1024 * 1024;

export const isFull = (error: unknown): boolean => hasCode(error, 'ENOSPC', 'EDQUOT');

const pathOf = (store: string): string => join(store, 'reserve');

/** Fills up the reserve where the disk has room; what fails is tried again by the next run. */
export function fillReserve(store: string): void {
  const path = pathOf(store);
  if ((statSync(path, {throwIfNoEntry: false})?.size ?? 0) >= SIZE) return;
  try {
    makeFolder(store);
    const {bavail, bsize} = statfsSync(store);
    if (bavail * bsize >= ROOM) writeFileSync(path, Buffer.alloc(SIZE));
  } catch {
    // A store that can only be read, or something in the reserve's place.
  }
}

/** Does a small write, with pieces of the reserve where the disk is full. Throws what it throws, when nothing is left. */
export function withReserve<T>(store: string, write: () => T): T {
  for (;;) {
    try {
      return write();
    } catch (error) {
      if (!isFull(error) || !giveUpPiece(store)) throw error;
    }
  }
}

/** Bytes that are free for us on the file system of a folder; `undefined` where it does not say. */
export function freeBytes(folder: string): number | undefined {
  try {
    const {bavail, bsize} = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

function giveUpPiece(store: string): boolean {
  try {
    const file = openSync(pathOf(store), 'r+');
    try {
      const {size} = fstatSync(file);
      if (size === 0) return false;
      ftruncateSync(file, Math.max(0, size - PIECE));
      return true;
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}
