// What `pipe gc` calls: finds what nothing needs any more and, unless it is only asked to plan, removes it. Rows go
// before their blobs, so that a sweep which is killed leaves waste behind and never a row without its blobs. It never
// runs beside a run: see `RunGate`. Records of runs and lock files are never touched.

import {existsSync, readdirSync, statSync} from 'node:fs';
import {dirname, join} from 'node:path';
import type {Artifact, Fingerprint} from '../action/action.ts';
import {instancesFolder} from '../action/stage-code.ts';
import type {Diagnostic} from '../core/diagnostic.ts';
import type {Digest} from '../core/digest.ts';
import {err, ok, type Result} from '../core/result.ts';
import {
  namesIn,
  removeAtOnce,
  removeFile,
  removeOrphans,
  removeTree,
  staleSiblings,
} from '../host/atomic-file.ts';
import {forgetBoots} from '../host/presence.ts';
import {isSystemError} from '../host/system-error.ts';
import type {BlobShelf} from './blobs/blob-shelf.ts';
import type {CodeShelf} from './blobs/code-shelf.ts';
import type {Checkpoints} from './claims/checkpoint.ts';
import type {ClaimTable} from './claims/claim.ts';
import type {RunGate} from './claims/run-gate.ts';
import type {KeyvActionCache} from './index/action-cache.ts';
import type {Ledger} from './ledger/ledger.ts';
import {readLock} from './ledger/lock-file.ts';
import {publishedFolders} from './ledger/publications.ts';
import {KnownResults, type Retention, type RetentionPolicy, retain} from './retention.ts';
import type {Holder} from './store.ts';
import {ioError, type StoreError} from './store-error.ts';

export interface SweepParts {
  /** The project's folder, absolute: its modules and lock files say what is needed. */
  readonly project: string;
  /** The store's folder, absolute. */
  readonly store: string;
  readonly shelf: BlobShelf;
  readonly cache: KeyvActionCache;
  readonly claims: ClaimTable;
  readonly checkpoints: Checkpoints;
  readonly ledger: Ledger;
  readonly gate: RunGate;
  readonly code: CodeShelf;
}

/** `plan` looks and removes nothing. */
export type SweepMode = 'plan' | 'remove';

export interface Amount {
  readonly results: number;
  readonly blobs: number;
  readonly bytes: number;
}

export interface Sweep {
  readonly mode: SweepMode;
  readonly kept: Amount;
  /** What was removed; in mode `plan`, what would be. */
  readonly removed: Amount & {
    readonly checkpoints: number;
    /** Bundles of code that has changed since. */
    readonly bundles: number;
    /** Temporary files and folders of processes that are gone, and old blobs that were set aside. */
    readonly leftovers: number;
  };
  /** The results that go, the least recently used first. */
  readonly results: Retention['dropped'];
  /** True when what must stay takes more than the limit. */
  readonly isOverLimit: boolean;
}

/**
 * `busy`: a run or another sweep is under way. `doubt`: what a lock file protects cannot be known, so nothing is removed.
 */
export type SweepError =
  | StoreError
  | {readonly reason: 'busy'; readonly by: Holder}
  | {readonly reason: 'doubt'; readonly because: Diagnostic};

/** `now`: milliseconds since the epoch. */
export async function sweep(
  parts: SweepParts,
  policy: RetentionPolicy,
  mode: SweepMode,
  now: number,
): Promise<Result<Sweep, SweepError>> {
  try {
    const work = () => sweepAlone(parts, policy, mode, now);
    return await (mode === 'plan' ? work() : parts.gate.alone(work));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return err(ioError(error, parts.store));
  }
}

async function sweepAlone(
  parts: SweepParts,
  policy: RetentionPolicy,
  mode: SweepMode,
  now: number,
): Promise<Result<Sweep, SweepError>> {
  const {shelf, cache, store} = parts;
  const read = await knownResultsOf(parts);
  if (!read.ok) return read;
  const {known, rows} = read.value;
  const locked = lockedFingerprints(parts);
  if (!locked.ok) return err({reason: 'doubt', because: locked.error});
  known.addRoots(locked.value);
  const sizes = new Map(shelf.list().map(({digest, size}) => [digest, size]));
  const bundles = bundlesOf(parts);
  const retention = retain(known.list(), bundles.artifacts, shelf, sizes, policy, now);
  const isRow = new Set(rows);
  const rowsToDrop = retention.dropped.map(({fingerprint}) => fingerprint).filter(each => isRow.has(each));
  const blobsToDrop = [...sizes.keys()].filter(digest => !retention.blobs.has(digest));
  const checkpoints = staleCheckpoints(parts, retention, policy, now);
  const old = [...oldQuarantine(store, policy, now), ...staged(parts, now)];
  let leftovers = old.length;
  if (mode === 'remove') {
    const forgotten = await cache.forget(rowsToDrop);
    if (!forgotten.ok) return forgotten;
    for (const digest of blobsToDrop) removeFile(shelf.pathOf(digest));
    for (const fingerprint of checkpoints) parts.checkpoints.drop(fingerprint);
    for (const path of bundles.stale) removeAtOnce(path, join(store, 'tmp'));
    for (const path of old) removeTree(path);
    parts.claims.findDead(true);
  }
  const ofWorkers = bundles.current.map(folder => join(folder, instancesFolder));
  for (const folder of [join(store, 'tmp'), join(store, 'sandboxes'), ...ofWorkers]) {
    leftovers += removeOrphans(folder, now, mode === 'plan');
  }
  if (mode === 'remove') forgetBoots(store);
  const bytesOf = (digests: Iterable<Digest>): number => {
    let bytes = 0;
    for (const digest of digests) bytes += sizes.get(digest) ?? 0;
    return bytes;
  };
  const keptBytes = bytesOf(retention.blobs.keys());
  return ok({
    mode,
    kept: {results: countResults(retention.kept), blobs: retention.blobs.size, bytes: keptBytes},
    removed: {
      results: countResults(retention.dropped),
      blobs: blobsToDrop.length,
      bytes: bytesOf(blobsToDrop),
      checkpoints: checkpoints.length,
      bundles: bundles.stale.length,
      leftovers,
    },
    results: retention.dropped.filter(({results}) => results.length > 0),
    isOverLimit: policy.maxBytes !== null && keptBytes > policy.maxBytes,
  });
}

/** All that the ledger and the index know, and the fingerprints of the index. */
export async function knownResultsOf({
  cache,
  ledger,
}: Pick<SweepParts, 'cache' | 'ledger'>): Promise<
  Result<{readonly known: KnownResults; readonly rows: readonly Fingerprint[]}, StoreError>
> {
  const rows = await cache.fingerprints();
  if (!rows.ok) return rows;
  const known = new KnownResults();
  known.addRuns(ledger);
  for (const fingerprint of rows.value) {
    const row = await cache.rowOf(fingerprint);
    if (!row.ok) return row;
    known.addRow(fingerprint, row.value?.results ?? []);
    known.addDropped(fingerprint, row.value?.dropped ?? []);
  }
  return ok({known, rows: rows.value});
}

const countResults = (known: Retention['kept']): number =>
  known.filter(({results}) => results.length > 0).length;

function lockedFingerprints({project, ledger}: SweepParts): Result<ReadonlySet<Fingerprint>, Diagnostic> {
  const locked = new Set<Fingerprint>();
  for (const path of ledger.lockPaths(project)) {
    const read = readLock(join(project, path), path);
    if (!read.ok) return read;
    for (const {fingerprint} of read.value.values()) locked.add(fingerprint);
  }
  return ok(locked);
}

/** What killed processes staged beside files of the store and of the project. */
function staged({project, store, ledger}: SweepParts, now: number): string[] {
  const folders = new Set([store, project, join(project, 'pipelines')]);
  for (const {header} of ledger.runs()) folders.add(dirname(join(project, header.file)));
  for (const name of ['runs', 'last', 'code', 'python', 'plans', 'published', 'detached', 'index'])
    folders.add(join(store, name));
  for (const shard of namesIn(join(store, 'index'))) folders.add(join(store, 'index', shard));
  for (const folder of publishedFolders(project, store)) folders.add(folder);
  return [...folders].flatMap(folder => staleSiblings(folder, store, now));
}

export interface Bundles {
  /** Of modules that are still there. */
  readonly artifacts: readonly Artifact[];
  /** Absolute paths of their folders. */
  readonly current: readonly string[];
  /** Absolute paths of folders that hold bundles of code that has changed. */
  readonly stale: readonly string[];
}

export function bundlesOf({project, store, code}: SweepParts): Bundles {
  const artifacts: Artifact[] = [];
  const current = new Set<string>();
  for (const stage of code.modules()) {
    if (!existsSync(join(project, stage.module))) continue;
    artifacts.push(stage.bundle, stage.maps);
    current.add(code.folderOf(stage));
  }
  const folder = join(store, 'code');
  const stale = namesIn(folder)
    .map(name => join(folder, name))
    .filter(path => !current.has(path) && statSync(path, {throwIfNoEntry: false})?.isDirectory() === true);
  // Sources of Python stages are laid out again in a moment, from the project itself.
  const python = join(store, 'python', 'code');
  return {
    artifacts,
    current: [...current],
    stale: [...stale, ...namesIn(python).map(name => join(python, name))],
  };
}

/** Those of actions that have their result, and those that nobody went on with for as long as results stay. */
function staleCheckpoints(
  {checkpoints}: SweepParts,
  {kept}: Retention,
  {keepForMs}: RetentionPolicy,
  now: number,
): Fingerprint[] {
  const done = new Set(kept.filter(({results}) => results.length > 0).map(({fingerprint}) => fingerprint));
  return checkpoints
    .list()
    .filter(({fingerprint, changedAt}) => done.has(fingerprint) || now - changedAt >= keepForMs)
    .map(({fingerprint}) => fingerprint);
}

function oldQuarantine(store: string, {keepForMs}: RetentionPolicy, now: number): string[] {
  const folder = join(store, 'quarantine');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map(name => join(folder, name))
    .filter(path => now - (statSync(path, {throwIfNoEntry: false})?.ctimeMs ?? now) >= keepForMs);
}
