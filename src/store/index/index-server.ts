// Where the index of the action cache lives: files in the store, or a Redis or Postgres server that a team shares,
// through Keyv and Keyv's own adapters. Packages are loaded when they are wanted.

import {join} from 'node:path';
import type {Keyv, KeyvStoreAdapter} from 'keyv';
import {err, ok, type Result} from '../../core/result.ts';
import type {StoreError} from '../store-error.ts';
import {FileIndex} from './file-index.ts';

/** `local`: files in the store's folder. */
export type IndexPlace =
  | {readonly kind: 'local'; readonly folder: string}
  | {readonly kind: 'redis' | 'postgres'; readonly url: string};

/** What `cache:` in pipe.config.yaml or PIPE_CACHE says; `undefined` for an address that we have no adapter for. */
export function parseIndexPlace(address: string): IndexPlace | undefined {
  if (/^rediss?:\/\/./.test(address)) return {kind: 'redis', url: address};
  if (/^postgres(ql)?:\/\/./.test(address)) return {kind: 'postgres', url: address};
  return undefined;
}

/** Before the fingerprint in keys. */
export const NAMESPACE = 'action';

/** How a place is named in messages: without its password. */
export const describePlace = (place: IndexPlace): string =>
  place.kind === 'local' ? join(place.folder, 'index') : place.url.replace(/\/\/[^@/]*@/, '//');

/** Opens the index. `files`: the adapter of a local one, where the caller has it. */
export async function openIndex(place: IndexPlace, files?: FileIndex): Promise<Result<Keyv, StoreError>> {
  try {
    const {Keyv} = await import('keyv');
    const store = files ?? (await openAdapter(place));
    // Without `throwOnErrors` a failing store looks like an empty one.
    const keyv = new Keyv({
      store,
      namespace: NAMESPACE,
      throwOnErrors: true,
      serialize: JSON.stringify,
      deserialize: JSON.parse,
    });
    // Errors are thrown as well; an event without a listener would end the process.
    keyv.on('error', () => undefined);
    return ok(keyv);
  } catch (error) {
    return err(indexError(error, place));
  }
}

async function openAdapter(place: IndexPlace): Promise<KeyvStoreAdapter> {
  switch (place.kind) {
    case 'local':
      return new FileIndex(place.folder, () => undefined);
    case 'redis': {
      const {default: KeyvRedis} = await import('@keyv/redis');
      // Never queue while there is no connection: a server that died must be an error now, not a run that hangs.
      const connection = {
        url: place.url,
        disableOfflineQueue: true,
        socket: {connectTimeout: 5_000, reconnectStrategy: false} as const,
      };
      return new KeyvRedis(connection, {throwOnConnectError: true, throwOnErrors: true});
    }
    case 'postgres': {
      const {default: KeyvPostgres} = await import('@keyv/postgres');
      const options = {
        uri: place.url,
        table: 'pipe_actions',
        connectionTimeoutMillis: 5_000,
        query_timeout: 30_000,
      };
      // It connects at once; a refusal before Keyv listens would end the process. The first question fails as well.
      return new KeyvPostgres(options).on('error', () => undefined);
    }
  }
}

/** A failure of the index as a value; a missing adapter says what to install. */
export function indexError(error: unknown, place: IndexPlace): StoreError {
  const path = describePlace(place);
  if (!(error instanceof Error)) throw error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  if (code === 'ERR_MODULE_NOT_FOUND' && place.kind !== 'local') {
    const message = `this cache needs a package that is not installed; run: npm install @keyv/${place.kind}`;
    return {reason: 'io', path, code, message};
  }
  const message = error.message === '' ? code : error.message;
  return {reason: 'io', path, code, message: `the index of the cache failed: ${message}`};
}
