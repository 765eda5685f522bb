// A folder as a blob: canonical JSON that lists its files and, by digest, its folders (a Merkle tree).
// Equal folders are equal bytes on every machine; what is read from a shared store is checked like any other input.

import {type Digest, isDigest} from '../../core/digest.ts';
import {byCodeUnit, canonicalJson, isJsonObject, type Json, parseJson} from '../../core/json.ts';

export interface FolderFile {
  readonly digest: Digest;
  readonly size: number;
  readonly isExecutable: boolean;
}

/** Entries by name, sorted by code unit. */
export interface FolderBlob {
  readonly files: ReadonlyMap<string, FolderFile>;
  readonly folders: ReadonlyMap<string, Digest>;
}

/** `{"files": {name: {"digest", "executable", "size"}}, "folders": {name: digest}}` */
export function encodeFolder(folder: FolderBlob): string {
  const files = [...folder.files].map(([name, file]): [string, Json] => [
    name,
    {digest: file.digest, executable: file.isExecutable, size: file.size},
  ]);
  return canonicalJson({files: Object.fromEntries(files), folders: Object.fromEntries(folder.folders)});
}

/** `undefined` for anything that this store would not have written: such a blob is treated as damaged. */
export function decodeFolder(text: string): FolderBlob | undefined {
  const value = parseJson(text);
  if (!isJsonObject(value) || !isJsonObject(value.files) || !isJsonObject(value.folders)) return undefined;
  const files = new Map<string, FolderFile>();
  for (const [name, file] of Object.entries(value.files).sort(byName)) {
    if (!isEntryName(name) || !isJsonObject(file)) return undefined;
    const {digest, size, executable} = file;
    if (typeof digest !== 'string' || !isDigest(digest)) return undefined;
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
    if (typeof executable !== 'boolean') return undefined;
    files.set(name, {digest, size, isExecutable: executable});
  }
  const folders = new Map<string, Digest>();
  for (const [name, digest] of Object.entries(value.folders).sort(byName)) {
    if (!isEntryName(name) || files.has(name) || typeof digest !== 'string' || !isDigest(digest))
      return undefined;
    folders.set(name, digest);
  }
  return {files, folders};
}

/** What may stand in a folder: one step down, never up or away. */
export const isEntryName = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !name.includes('\0');

const byName = (a: readonly [string, unknown], b: readonly [string, unknown]): number =>
  byCodeUnit(a[0], b[0]);
