// Drops the bytes of temporary outputs. Their rows say so before the bytes go, so that a process which is killed between
// the two leaves waste and no lie. What any other result needs stays; so does all, while a run or a sweep is under way.

import type {Artifact, Fingerprint} from '../action/action.ts';
import type {Digest} from '../core/digest.ts';
import {err, ok, type Result} from '../core/result.ts';
import {removeFile} from '../host/atomic-file.ts';
import {isSystemError} from '../host/system-error.ts';
import {blobsBelow, retain} from './retention.ts';
import {ioError, type StoreError} from './store-error.ts';
import {bundlesOf, knownResultsOf, type SweepParts} from './sweep.ts';

/** Outputs of the newest result of an action. */
export interface DroppedOutputs {
  readonly fingerprint: Fingerprint;
  readonly outputs: Readonly<Record<string, Artifact>>;
}

export interface Freed {
  readonly blobs: number;
  readonly bytes: number;
}

/** `null`: somebody else works with the store, so that everything was left as it is. */
export type Dropping = Result<Freed | null, StoreError>;

export async function dropOutputs(parts: SweepParts, drops: readonly DroppedOutputs[]): Promise<Dropping> {
  try {
    const dropped = await parts.gate.alone(() => dropAlone(parts, drops));
    if (dropped.ok) return dropped;
    const {error} = dropped;
    return error.reason === 'busy' ? ok(null) : err(error);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return err(ioError(error, parts.store));
  }
}

async function dropAlone(parts: SweepParts, drops: readonly DroppedOutputs[]): Promise<Dropping> {
  const {cache, shelf} = parts;
  for (const {fingerprint, outputs} of drops) {
    const noted = await cache.drop(fingerprint, Object.keys(outputs));
    if (!noted.ok) return noted;
  }
  const read = await knownResultsOf(parts);
  if (!read.ok) return read;
  const {known} = read.value;
  for (const {fingerprint, outputs} of drops) known.addDropped(fingerprint, Object.keys(outputs));
  const sizes = new Map(shelf.list().map(({digest, size}) => [digest, size]));
  const everything = {keepForMs: Number.POSITIVE_INFINITY, maxBytes: null};
  const {blobs: needed} = retain(known.list(), bundlesOf(parts).artifacts, shelf, sizes, everything, 0);
  const going = new Set<Digest>();
  for (const {outputs} of drops) {
    for (const digest of blobsBelow(shelf, Object.values(outputs))) {
      if (sizes.has(digest) && !needed.has(digest)) going.add(digest);
    }
  }
  let bytes = 0;
  for (const digest of going) {
    bytes += sizes.get(digest) ?? 0;
    removeFile(shelf.pathOf(digest));
  }
  return ok({blobs: going.size, bytes});
}
