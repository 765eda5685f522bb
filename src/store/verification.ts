// What `pipe verify` calls: everything that the store holds against what it should be. Damaged blobs are set aside, and
// what was made from them is voided: nobody can say any more what its stage had read. Records are looked at, not changed.

import {join} from 'node:path';
import type {Artifact, Fingerprint} from '../action/action.ts';
import {type Digest, isDigest} from '../core/digest.ts';
import {isJsonObject, type Json} from '../core/json.ts';
import {ok, type Result} from '../core/result.ts';
import type {KeyvActionCache} from './index/action-cache.ts';
import type {Ledger} from './ledger/ledger.ts';
import {readLock} from './ledger/lock-file.ts';
import type {BlobStore, Verification} from './store.ts';
import type {StoreError} from './store-error.ts';

export interface VerifiedParts {
  /** The project's folder, absolute: where lock files are. */
  readonly project: string;
  readonly blobs: BlobStore;
  readonly cache: KeyvActionCache;
  readonly ledger: Ledger;
}

export interface StoreVerification extends Verification {
  /** Rows of the action cache that were read; damaged ones have been made again by that. */
  readonly rows: number;
  /** Actions that had read a damaged blob: their results are voided, and made again by the next run. */
  readonly voided: readonly Fingerprint[];
  /** Records with lines that are not what was written: path in the store → number of lines, which are passed over. */
  readonly records: ReadonlyMap<string, number>;
  /** Lock files that cannot be read, with what is wrong. */
  readonly locks: ReadonlyMap<string, string>;
}

export async function verifyStore(
  {project, blobs, cache, ledger}: VerifiedParts,
  onProgress?: (done: number, total: number) => void,
): Promise<Result<StoreVerification, StoreError>> {
  const verified = await blobs.verify(onProgress);
  if (!verified.ok) return verified;
  const damaged = new Set(verified.value.damaged.map(({digest}) => digest));
  const rows = await cache.fingerprints();
  if (!rows.ok) return rows;
  const voided: Fingerprint[] = [];
  for (const fingerprint of rows.value) {
    const action = await cache.actionOf(fingerprint);
    if (!action.ok) return action;
    if (damaged.size > 0 && hasRead(action.value as Json | undefined, damaged, blobs))
      voided.push(fingerprint);
  }
  if (voided.length > 0) {
    ledger.void(new Set(voided));
    const forgotten = await cache.forget(voided);
    if (!forgotten.ok) return forgotten;
  }
  const records = ledger.damage();
  return ok({
    ...verified.value,
    rows: rows.value.length,
    voided,
    records,
    locks: unreadable(project, ledger),
  });
}

/** Whether a damaged blob is named anywhere in an action, or lies in a folder that is. */
function hasRead(value: Json | undefined, damaged: ReadonlySet<Digest>, blobs: BlobStore): boolean {
  if (typeof value === 'string') return isDigest(value) && damaged.has(value);
  if (typeof value !== 'object' || value === null) return false;
  if (isFolder(value)) {
    const files = blobs.filesOf(value);
    // Its listing was damaged: whatever it held was read through that.
    if (!files.ok || files.value.some(({digest}) => damaged.has(digest))) return true;
  }
  return Object.values(value).some(each => hasRead(each, damaged, blobs));
}

function isFolder(value: unknown): value is Artifact & {readonly kind: 'folder'} {
  return (
    isJsonObject(value) &&
    value.kind === 'folder' &&
    typeof value.size === 'number' &&
    typeof value.digest === 'string' &&
    isDigest(value.digest)
  );
}

function unreadable(project: string, ledger: Ledger): Map<string, string> {
  const wrong = new Map<string, string>();
  for (const path of ledger.lockPaths(project)) {
    const read = readLock(join(project, path), path);
    if (!read.ok) wrong.set(path, read.error.message);
  }
  return wrong;
}
