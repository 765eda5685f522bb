// A Keyv storage adapter over LMDB: embedded, memory-mapped, several processes at once, safe against kills.
// Keys are those of Keyv (`namespace:key`); a value is stored behind the moment at which it expires.

import {EventEmitter} from 'node:events';
import {getSystemErrorName} from 'node:util';
import type {KeyvStoreAdapter, StoredData} from 'keyv';
import type {RootDatabase} from 'lmdb';

/** LMDB's own limit on keys, in bytes. */
const longestKey = 1_978;

export class LmdbAdapter extends EventEmitter implements KeyvStoreAdapter {
  readonly opts: {readonly dialect: 'lmdb'; readonly url: string};
  namespace?: string;
  readonly #database: RootDatabase<string, string>;
  readonly #now: () => number;

  /** `url`: the path of the database. Use `openLmdb`, which loads the package when it is wanted. */
  constructor(database: RootDatabase<string, string>, url: string, now: () => number = Date.now) {
    super();
    this.opts = {dialect: 'lmdb', url};
    this.#database = database;
    this.#now = now;
  }

  async get<Value>(key: string): Promise<StoredData<Value> | undefined> {
    // Keyv stores serialised values, and gets back the text that it gave.
    return this.#read(key) as StoredData<Value> | undefined;
  }

  async getMany<Value>(keys: string[]): Promise<Array<StoredData<Value | undefined>>> {
    return keys.map(key => this.#read(key) as StoredData<Value | undefined>);
  }

  /** Resolves when the value has been committed. */
  async set(key: string, value: string, ttl?: number): Promise<void> {
    if (Buffer.byteLength(key) > longestKey) {
      throw new RangeError(`Expected a key of at most ${longestKey} bytes, got ${Buffer.byteLength(key)}`);
    }
    await committed(this.#database.put(key, wrap(value, ttl, this.#now())));
  }

  async setMany(entries: Array<{key: string; value: string; ttl?: number}>): Promise<void> {
    await Promise.all(entries.map(({key, value, ttl}) => this.set(key, value, ttl)));
  }

  /** True if there was such a key. */
  async delete(key: string): Promise<boolean> {
    const wasThere = this.#read(key) !== undefined;
    await committed(this.#database.remove(key));
    return wasThere;
  }

  /** True if there was any of the keys. */
  async deleteMany(keys: string[]): Promise<boolean> {
    const deleted = await Promise.all(keys.map(key => this.delete(key)));
    return deleted.includes(true);
  }

  /** Removes the keys of this namespace; without one, all of them. */
  async clear(): Promise<void> {
    if (this.namespace === undefined) return this.#database.clearAsync();
    const keys = [...this.#database.getKeys(rangeOf(this.namespace))];
    await Promise.all(keys.map(key => this.#database.remove(key)));
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
    const range = namespace === undefined ? {} : rangeOf(namespace);
    for (const {key, value} of this.#database.getRange(range)) {
      const text = unwrap(value, this.#now());
      if (text !== undefined) yield [key, text as Awaited<Value>];
    }
  }

  async disconnect(): Promise<void> {
    await this.#database.close();
  }

  #read(key: string): string | undefined {
    return unwrap(this.#database.get(key), this.#now());
  }
}

/** A write that fails (a full disk) rejects twice: at once without a reason, and a moment later with the system's. */
async function committed(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!(error instanceof Error) || !('commitError' in error)) throw systemError(error);
    throw systemError(await Promise.resolve(error.commitError).catch((reason: unknown) => reason));
  }
}

/** LMDB gives the system's numbers; everybody else knows their names. */
export function systemError(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'number') return error;
  if (error.code <= 0) return error;
  return Object.assign(new Error(error.message), {code: getSystemErrorName(-error.code)});
}

/** Opens or makes the database file `path`. The package is loaded here: 40 ms that a run without misses never pays. */
export async function openLmdb(path: string): Promise<LmdbAdapter> {
  const {open} = await import('lmdb');
  return new LmdbAdapter(
    open<string, string>({path, encoding: 'string', noSubdir: true, eventTurnBatching: false}),
    path,
  );
}

/** All keys that begin with `namespace:`; `;` is the next code unit after `:`. */
const rangeOf = (namespace: string): {start: string; end: string} => ({
  start: `${namespace}:`,
  end: `${namespace};`,
});

const wrap = (value: string, ttl: number | undefined, now: number): string =>
  ttl === undefined ? `\n${value}` : `${now + ttl}\n${value}`;

function unwrap(stored: string | undefined, now: number): string | undefined {
  if (stored === undefined) return undefined;
  const end = stored.indexOf('\n');
  const isExpired = end > 0 && Number(stored.slice(0, end)) <= now;
  return isExpired ? undefined : stored.slice(end + 1);
}
