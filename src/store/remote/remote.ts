// Stores beside this machine's own, as ports: bytes by digest, and rows by fingerprint. They are slow, may be down,
// and are not believed: whoever fetches a blob compares its bytes with its name, whoever gets a row decodes it.

import type {Digest} from '../../core/digest.ts';
import type {Result} from '../../core/result.ts';

/** A blob as every protocol names it. `size` in bytes. */
export interface BlobName {
  readonly digest: Digest;
  readonly size: number;
}

/** A row's key: the digest of an action, and the length of the text that was digested, which some protocols want. */
export type RowName = BlobName;

export interface RemoteError {
  /** The store, without secrets. */
  readonly place: string;
  readonly message: string;
  /** What its user can do; `null` where that is to wait or to ask whoever runs it. */
  readonly hint: string | null;
}

/** Bytes by digest, elsewhere. */
export interface BlobRemote {
  /** For people, without secrets. */
  readonly place: string;
  /** Which of these blobs are there. */
  has(blobs: readonly BlobName[]): Promise<Result<ReadonlySet<Digest>, RemoteError>>;
  /** Writes a blob's bytes, unchecked, to a new file at `to`; false where the store does not have it. */
  fetch(blob: BlobName, to: string, signal?: AbortSignal): Promise<Result<boolean, RemoteError>>;
  /** Sends the file at `from`, whose bytes are those of the blob. */
  push(blob: BlobName, from: string, signal?: AbortSignal): Promise<Result<void, RemoteError>>;
  close(): Promise<void>;
}

/**
 * `new`: keeps a row that is there already, where the protocol can say so in one step. `replace`: for a row whose
 * blobs are gone.
 */
export type PutMode = 'new' | 'replace';

/** Rows by fingerprint, elsewhere. */
export interface ActionRemote {
  readonly place: string;
  /** The text of a row; `undefined` where there is none. */
  get(row: RowName): Promise<Result<string | undefined, RemoteError>>;
  /** `blobs`: what the row names, all of which are there already. */
  put(
    row: RowName,
    text: string,
    blobs: readonly BlobName[],
    mode: PutMode,
  ): Promise<Result<'written' | 'kept', RemoteError>>;
  close(): Promise<void>;
}

/** One place that keeps both. */
export interface Remote {
  readonly blobs: BlobRemote;
  readonly actions: ActionRemote;
}

/** Rows are small; whatever claims to be a larger one is not read. Bytes. */
export const largestRow = 16 * 1024 * 1024;
