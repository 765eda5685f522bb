// Whether a file may be opened as an LMDB database. LMDB maps what it is given and trusts it: a file of another kind,
// or one that a power cut or a full disk left short, ends the whole process. So its first pages are looked at before.

import {closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import {temporaryName} from '../../host/atomic-file.ts';
import {hasCode} from '../../host/system-error.ts';

/** In the layout of lmdb-js: a page header of 24 bytes, then the meta record, twice. */
const HEADER = 24;
const MAGIC = 0xbeefc0de;
const VERSION = 2;
const PAGE_SIZE_AT = HEADER + 24;
const LAST_PAGE_AT = HEADER + 120;
const META_BYTES = HEADER + 128;

/** Another process may be making the file at this very moment. */
const looks = 5;
const lookAgainMs = 20;

/**
 * Moves a file that is no whole database into `quarantine/` of its folder, so that a new one can be made.
 * Throws errors of the system.
 */
export async function setAsideUnlessWhole(path: string): Promise<void> {
  for (let look = 0; look < looks; look++) {
    if (isWholeDatabase(path)) return;
    await setTimeout(lookAgainMs);
  }
  const aside = join(dirname(path), 'quarantine', `${basename(path, '.lmdb')}-${temporaryName()}`);
  mkdirSync(dirname(aside), {recursive: true});
  renameSync(path, aside);
}

/** True for a whole database, and for a file that is not there yet or is empty. Throws errors of the system. */
export function isWholeDatabase(path: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return true;
    throw error;
  }
  try {
    const {size} = fstatSync(file);
    if (size === 0) return true;
    const first = readMeta(file, 0);
    if (first === undefined) return false;
    const second = readMeta(file, first.pageSize);
    if (second === undefined) return false;
    return [first, second].every(({pageSize, lastPage}) => size >= (lastPage + 1) * pageSize);
  } finally {
    closeSync(file);
  }
}

function readMeta(
  file: number,
  at: number,
): {readonly pageSize: number; readonly lastPage: number} | undefined {
  const bytes = Buffer.alloc(META_BYTES);
  if (readSync(file, bytes, 0, META_BYTES, at) < META_BYTES) return undefined;
  if (bytes.readUInt32LE(HEADER) !== MAGIC) return undefined;
  if ((bytes.readUInt32LE(HEADER + 4) & 0xffff) !== VERSION) return undefined;
  const pageSize = bytes.readUInt32LE(PAGE_SIZE_AT);
  const isPageSize = pageSize >= 512 && pageSize <= 65_536 && (pageSize & (pageSize - 1)) === 0;
  return isPageSize ? {pageSize, lastPage: Number(bytes.readBigUInt64LE(LAST_PAGE_AT))} : undefined;
}
