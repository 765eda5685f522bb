// A Keyv storage adapter over a folder: one file per row, `index/ab/cdef…`, replaced in one step, each with a checksum
// of its own. Several processes work in it at once; damage costs the row that it hits, which is moved aside and told; a
// full disk is an error of one write. Nothing is mapped into memory, and nothing is read but what is asked for.

import {EventEmitter} from 'node:events';
import {renameSync} from 'node:fs';
import {basename, dirname, join, relative, sep} from 'node:path';
import type {KeyvStoreAdapter, StoredData} from 'keyv';
import {type Digest, digestBytes, isDigest} from '../../core/digest.ts';
import {namesIn, removeFile, removeTree, temporaryName, writeAtomically} from '../../host/atomic-file.ts';
import {checkedText, withChecksum} from '../../host/checked-text.ts';
import {syncFile, syncNames} from '../../host/durable.ts';
import {makeFolder} from '../../host/folder.ts';
import {type ReadFile, readRegularFile, readStoreFile} from '../../host/store-file.ts';
import {hasCode} from '../../host/system-error.ts';

/** What stands in an index once it has been made whole: without it, the rows are made again from what else is known. */
const STAMP = 'format';
const FORMAT = '1\n';

export class FileIndex extends EventEmitter implements KeyvStoreAdapter {
  readonly opts: {readonly dialect: 'files'; readonly url: string};
  namespace?: string;
  readonly #store: string;
  readonly #folder: string;
  readonly #onDamage: (aside: string) => void;

  /** `store`: the store's folder. `onDamage` is told where what was damaged is from now on, absolute. */
  constructor(store: string, onDamage: (aside: string) => void) {
    super();
    this.#store = store;
    this.#folder = join(store, 'index');
    this.#onDamage = onDamage;
    this.opts = {dialect: 'files', url: this.#folder};
  }

  /** False for one that is new, or that lost more than rows. Throws errors of the system. */
  get isWhole(): boolean {
    try {
      return readStoreFile(join(this.#folder, STAMP))?.toString('latin1') === FORMAT;
    } catch (error) {
      if (!hasCode(error, 'ENOTDIR')) throw error;
      this.#setAside(this.#folder);
      return false;
    }
  }

  markWhole(): void {
    this.#write(join(this.#folder, STAMP), FORMAT);
  }

  async get<Value>(key: string): Promise<StoredData<Value> | undefined> {
    // Keyv stores serialised values, and gets back the text that it gave.
    return this.#read(key) as StoredData<Value> | undefined;
  }

  async getMany<Value>(keys: string[]): Promise<Array<StoredData<Value | undefined>>> {
    return keys.map(key => this.#read(key) as StoredData<Value | undefined>);
  }

  /** When the promise resolves, the row is there for every process; after a power cut, perhaps not: see `sync`. */
  async set(key: string, value: string): Promise<void> {
    this.#write(this.#pathOf(key), encode(key, value));
  }

  async setMany(entries: Array<{key: string; value: string}>): Promise<void> {
    for (const {key, value} of entries) await this.set(key, value);
  }

  /** Makes a row survive a power cut. Throws errors of the system. */
  sync(key: string): void {
    const path = this.#pathOf(key);
    syncFile(path);
    syncNames([path], this.#store);
  }

  /** True if there was such a key. */
  async delete(key: string): Promise<boolean> {
    return removeFile(this.#pathOf(key));
  }

  /** True if there was any of the keys. */
  async deleteMany(keys: string[]): Promise<boolean> {
    return keys.map(key => removeFile(this.#pathOf(key))).includes(true);
  }

  /** Removes all keys, whatever their namespace: there is one index per store. */
  async clear(): Promise<void> {
    removeTree(this.#folder);
  }

  async has(key: string): Promise<boolean> {
    return this.#read(key) !== undefined;
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return keys.map(key => this.#read(key) !== undefined);
  }

  async *iterator<Value>(
    namespace = this.namespace,
  ): AsyncGenerator<Array<string | Awaited<Value> | undefined>, void> {
    for (const path of this.#paths()) {
      const row = this.#readRow(path);
      if (row === undefined || (namespace !== undefined && !row.key.startsWith(`${namespace}:`))) continue;
      yield [row.key, row.value as Awaited<Value>];
    }
  }

  async disconnect(): Promise<void> {}

  /** The digests that name the rows, which are not read. Throws errors of the system. */
  names(): readonly Digest[] {
    return [...this.#paths()].map(path => path.slice(-65).replace(sep, '') as Digest);
  }

  *#paths(): Generator<string, void> {
    for (const shard of namesIn(this.#folder)) {
      if (!/^[0-9a-f]{2}$/.test(shard)) continue;
      for (const rest of namesIn(join(this.#folder, shard))) {
        if (isDigest(shard + rest)) yield join(this.#folder, shard, rest);
      }
    }
  }

  #pathOf(key: string): string {
    const name = nameOf(key);
    return join(this.#folder, name.slice(0, 2), name.slice(2));
  }

  #read(key: string): string | undefined {
    const row = this.#readRow(this.#pathOf(key));
    return row?.key === key ? row.value : undefined;
  }

  #readRow(path: string): {readonly key: string; readonly value: string} | undefined {
    let read: ReadFile;
    try {
      read = readRegularFile(path);
    } catch (error) {
      if (!hasCode(error, 'ENOTDIR', 'EIO')) throw error;
      // The index, or a folder of it, is something else, or the disk cannot read it.
      this.#setAside(hasCode(error, 'EIO') ? path : this.#firstFile(path));
      return undefined;
    }
    if (read.is === 'absent') return undefined;
    const row = read.is === 'file' ? decode(read.bytes) : undefined;
    const [shard = '', rest = ''] = relative(this.#folder, path).split(sep);
    if (row !== undefined && nameOf(row.key) === shard + rest) return row;
    this.#setAside(path);
    return undefined;
  }

  #firstFile(path: string): string {
    const shard = dirname(path);
    return namesIn(this.#folder).includes(basename(shard)) ? shard : this.#folder;
  }

  #setAside(path: string): void {
    const aside = join(this.#store, 'quarantine', `index-${temporaryName()}`);
    makeFolder(dirname(aside));
    try {
      renameSync(path, aside);
    } catch (error) {
      // Another process was first.
      if (hasCode(error, 'ENOENT')) return;
      throw error;
    }
    this.#onDamage(aside);
  }

  /** What is in the way of a row is damage. */
  #write(path: string, text: string): void {
    try {
      this.#replace(path, text);
    } catch (error) {
      if (!hasCode(error, 'EISDIR', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY')) throw error;
      this.#setAside(hasCode(error, 'EISDIR', 'ENOTEMPTY') ? path : this.#firstFile(path));
      this.#replace(path, text);
    }
  }

  /** What a killed process leaves is where every run sweeps, and never between the rows. */
  #replace(path: string, text: string): void {
    writeAtomically(path, text, 'fleeting', join(this.#store, 'tmp', temporaryName()));
  }
}

/** A key ends in the digest that names its file; others are digested. */
function nameOf(key: string): Digest {
  const end = key.slice(-64);
  return isDigest(end) ? end : digestBytes(key);
}

/** A checksum of all that follows, the key, the value: a line each. */
const encode = (key: string, value: string): string => withChecksum(`${key}\n${value}\n`);

function decode(stored: Buffer): {readonly key: string; readonly value: string} | undefined {
  const text = checkedText(stored);
  const end = text?.indexOf('\n') ?? -1;
  return text === undefined || end === -1
    ? undefined
    : {key: text.slice(0, end), value: text.slice(end + 1, -1)};
}
