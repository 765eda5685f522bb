// What `pipe verify` calls: everything that the store holds against what it should be. Damaged blobs and rows are set
// aside wherever they are met, and what was made from a damaged blob is voided: nobody can say any more what its stage
// had read. Beyond that nothing is changed, unless a repair is asked for.

import {relative} from 'node:path';
import type {Action, Fingerprint} from '../action/action.ts';
import {type ContentsOf, taintedBy} from '../action/taint.ts';
import {err, ok, type Result} from '../core/result.ts';
import {isSystemError} from '../host/system-error.ts';
import type {CodeShelf} from './blobs/code-shelf.ts';
import type {RunGate} from './claims/run-gate.ts';
import type {KeyvActionCache} from './index/action-cache.ts';
import {type Finding, type FindingKind, inspect} from './inspection.ts';
import type {Ledger} from './ledger/ledger.ts';
import type {BlobStore, Holder} from './store.ts';
import {ioError, type StoreError} from './store-error.ts';

export interface VerifiedParts {
  /** The project's folder, absolute: where lock files are. */
  readonly project: string;
  /** The store's folder, absolute. */
  readonly store: string;
  readonly blobs: BlobStore;
  readonly cache: KeyvActionCache;
  readonly ledger: Ledger;
  readonly code: CodeShelf;
  readonly gate: RunGate;
  /** True where bytes may be in a store elsewhere. */
  readonly isTiered: boolean;
}

export interface StoreVerification {
  readonly blobs: number;
  readonly bytes: number;
  /** Rows of the action cache that were read. */
  readonly rows: number;
  /** Actions that had read a damaged blob: their results are voided, and made again by the next run. */
  readonly voided: readonly Fingerprint[];
  readonly findings: readonly Found[];
}

export interface Found {
  readonly kind: FindingKind;
  readonly path: string;
  readonly wrong: string;
  /** What was done about it; `null` for nothing. */
  readonly done: string | null;
}

/** `busy`: a repair waits for nobody, and works beside nobody. */
export type VerifyError = StoreError | {readonly reason: 'busy'; readonly by: Holder};

export interface VerifyOptions {
  readonly repairs: boolean;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export async function verifyStore(
  parts: VerifiedParts,
  options: VerifyOptions,
): Promise<Result<StoreVerification, VerifyError>> {
  try {
    const work = () => verifyAlone(parts, options);
    return await (options.repairs ? parts.gate.alone(work) : work());
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return err(ioError(error, parts.store));
  }
}

async function verifyAlone(
  parts: VerifiedParts,
  {repairs, onProgress}: VerifyOptions,
): Promise<Result<StoreVerification, StoreError>> {
  const {project, blobs, cache, ledger} = parts;
  const verified = await blobs.verify(onProgress);
  if (!verified.ok) return verified;
  const damaged = new Set(verified.value.damaged.map(({digest}) => digest));
  const found: Found[] = verified.value.damaged.map(({digest, setAside}) => ({
    kind: 'blob',
    path: digest,
    wrong: 'not the bytes of its name',
    done: `moved to ${setAside}; what made it runs again`,
  }));
  const rows = await cache.fingerprints();
  if (!rows.ok) return rows;
  const actions: (readonly [Fingerprint, Action])[] = [];
  for (const fingerprint of rows.value) {
    const action = await cache.actionOf(fingerprint);
    if (!action.ok) return action;
    if (action.value !== undefined) actions.push([fingerprint, action.value]);
  }
  const voided = damaged.size === 0 ? [] : taintedBy(damaged, actions, contentsOf(blobs));
  for (const aside of cache.setAside) {
    const done = `moved to ${relative(project, aside)}; made again from the records of runs where they have it`;
    found.push({kind: 'row', path: 'cache/index', wrong: 'a row that is not what was written', done});
  }
  if (voided.length > 0) {
    ledger.void(new Set(voided));
    const forgotten = await cache.forget(voided);
    if (!forgotten.ok) return forgotten;
  }
  const findings: Finding[] = [];
  for (const fingerprint of rows.value) findings.push(...(await lostResults(parts, fingerprint)));
  findings.push(...inspect(parts));
  for (const {kind, path, wrong, mend} of findings) {
    found.push({kind, path, wrong, done: repairs && mend !== null ? await mend() : null});
  }
  const {blobs: count, bytes} = verified.value;
  return ok({blobs: count, bytes, rows: rows.value.length, voided, findings: found});
}

/** A row all of whose results lack bytes, other than those that went on purpose: nothing believes it, and its instances run again when they are wanted. */
async function lostResults(
  {cache, blobs, isTiered}: VerifiedParts,
  fingerprint: Fingerprint,
): Promise<readonly Finding[]> {
  if (isTiered) return [];
  const row = await cache.rowOf(fingerprint);
  if (!row.ok || row.value === undefined || row.value.results.length === 0) return [];
  const {results, dropped} = row.value;
  const isLost = results.every(({outputs}) =>
    Object.entries(outputs).some(
      ([name, artifact]) => !dropped.includes(name) && blobs.findLoss(artifact) !== undefined,
    ),
  );
  if (!isLost) return [];
  const mend = async (): Promise<string> => {
    const forgotten = await cache.forget([fingerprint]);
    return forgotten.ok ? 'dropped' : 'could not be dropped';
  };
  return [
    {
      kind: 'result',
      path: fingerprint,
      wrong: 'its bytes are gone; it is made again when it is wanted',
      mend,
    },
  ];
}

/** What lies below an artifact; of a folder whose listing is gone, that listing. */
const contentsOf =
  (blobs: BlobStore): ContentsOf =>
  artifact => {
    const files = blobs.filesOf(artifact);
    if (files.ok) return files.value.map(({digest}) => digest);
    return 'digest' in files.error ? [files.error.digest] : [];
  };
