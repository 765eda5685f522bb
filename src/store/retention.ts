// Which results a store keeps: those of the lock files and of each pipeline's newest run always, others for as long as
// a run has used them lately, and, where there is a limit, the latest used of those first. Reads; never writes.

import type {ActionResult, Artifact, Fingerprint} from '../action/action.ts';
import type {Digest} from '../core/digest.ts';
import {byCodeUnit} from '../core/json.ts';
import type {InstanceId} from '../plan/plan.ts';
import type {BlobShelf} from './blobs/blob-shelf.ts';
import {decodeFolder} from './blobs/folder-blob.ts';
import type {Ledger} from './ledger/ledger.ts';

export interface RetentionPolicy {
  /** Results that a run has used within this time stay. Milliseconds. */
  readonly keepForMs: number;
  /** What the blobs may take in all; `null` for no limit. Results that must stay may exceed it. */
  readonly maxBytes: number | null;
}

/** An action that is known, with all that its results hold. */
export interface KnownResult {
  readonly fingerprint: Fingerprint;
  /** The instance that used it last; `null` where no run on this machine has. */
  readonly usedBy: InstanceId | null;
  /** When it was last made or used, in milliseconds since the epoch. */
  readonly usedAt: number;
  /** Named by a lock file or by its pipeline's newest run. */
  readonly isRoot: boolean;
  readonly results: readonly ActionResult[];
  /** Outputs whose bytes went on purpose, or are to go. */
  readonly droppedOutputs: ReadonlySet<string>;
  /** Of tries that failed. */
  readonly logs: readonly Digest[];
}

export interface Retention {
  readonly kept: readonly KnownResult[];
  /** Least recently used first. */
  readonly dropped: ReadonlyArray<KnownResult & {readonly because: 'age' | 'size'}>;
  /** Every blob that what is kept needs, with its size. */
  readonly blobs: ReadonlyMap<Digest, number>;
}

interface Use {
  usedBy: InstanceId | null;
  usedAt: number;
  isRoot: boolean;
  readonly results: ActionResult[];
  readonly droppedOutputs: Set<string>;
  readonly logs: Digest[];
}

/** All that is known of results: from the ledger, and from the rows of the index. */
export class KnownResults {
  readonly #uses = new Map<Fingerprint, Use>();

  /** Reads the records of all runs, one at a time. */
  addRuns(ledger: Ledger): void {
    const madeIn = new Map<string, Map<InstanceId, Fingerprint>>();
    const newest = new Map<string, ReadonlySet<Fingerprint>>();
    for (const id of ledger.runIds().toReversed()) {
      const record = ledger.run(id);
      if (record === undefined) continue;
      const {pipeline, startedAt} = record.header;
      const made = new Map<InstanceId, Fingerprint>();
      const used = new Set<Fingerprint>();
      madeIn.set(id, made);
      for (const [instance, entry] of record.instances) {
        let fingerprint: Fingerprint | null | undefined;
        if (entry.status === 'known') fingerprint = madeIn.get(entry.from)?.get(instance);
        else if (entry.status === 'unfinished') fingerprint = entry.fingerprint;
        else if ('fingerprint' in entry.outcome) fingerprint = entry.outcome.fingerprint;
        if (fingerprint === undefined || fingerprint === null) continue;
        const use = this.#use(fingerprint, startedAt, instance);
        used.add(fingerprint);
        if (entry.status === 'finished' && 'result' in entry.outcome) {
          use.results.push(entry.outcome.result);
          made.set(instance, fingerprint);
        } else if (entry.status === 'finished' && entry.outcome.status === 'failed') {
          if (entry.outcome.log) use.logs.push(entry.outcome.log);
        }
      }
      newest.set(pipeline, used);
    }
    for (const used of newest.values()) this.addRoots(used);
  }

  addRow(fingerprint: Fingerprint, results: readonly ActionResult[]): void {
    const use = this.#use(fingerprint, 0, null);
    for (const result of results) {
      use.usedAt = Math.max(use.usedAt, result.made.startedAt + result.made.durationMs);
      use.results.push(result);
    }
  }

  /** The bytes of these outputs of an action go, unless another action has the same. */
  addDropped(fingerprint: Fingerprint, outputs: Iterable<string>): void {
    for (const output of outputs) this.#use(fingerprint, 0, null).droppedOutputs.add(output);
  }

  /** These stay, whatever their age. */
  addRoots(fingerprints: Iterable<Fingerprint>): void {
    for (const fingerprint of fingerprints) this.#use(fingerprint, 0, null).isRoot = true;
  }

  /** Sorted: least recently used first. */
  list(): readonly KnownResult[] {
    return [...this.#uses]
      .map(([fingerprint, use]) => ({fingerprint, ...use}))
      .sort((a, b) => a.usedAt - b.usedAt || byCodeUnit(a.fingerprint, b.fingerprint));
  }

  #use(fingerprint: Fingerprint, usedAt: number, usedBy: InstanceId | null): Use {
    let use = this.#uses.get(fingerprint);
    if (use === undefined) {
      use = {usedBy, usedAt, isRoot: false, results: [], droppedOutputs: new Set(), logs: []};
      this.#uses.set(fingerprint, use);
    }
    if (usedAt >= use.usedAt && usedBy !== null) use.usedBy = usedBy;
    use.usedAt = Math.max(use.usedAt, usedAt);
    return use;
  }
}

/**
 * Decides what stays. `sizes`: every blob of the shelf. `others`: artifacts that stay in any case (bundles).
 * `now` in milliseconds since the epoch.
 */
export function retain(
  known: readonly KnownResult[],
  others: readonly Artifact[],
  shelf: BlobShelf,
  sizes: ReadonlyMap<Digest, number>,
  policy: RetentionPolicy,
  now: number,
): Retention {
  const contents = new Contents(shelf);
  const users = new Map<Digest, number>();
  let bytes = 0;
  const count = (digests: Iterable<Digest>): void => {
    for (const digest of digests) {
      const before = users.get(digest) ?? 0;
      if (before === 0) bytes += sizes.get(digest) ?? 0;
      users.set(digest, before + 1);
    }
  };
  const uncount = (digests: Iterable<Digest>): void => {
    for (const digest of digests) {
      const left = (users.get(digest) ?? 0) - 1;
      if (left > 0) users.set(digest, left);
      else {
        users.delete(digest);
        bytes -= sizes.get(digest) ?? 0;
      }
    }
  };
  for (const artifact of others) count(contents.ofArtifact(artifact));
  const isFresh = ({isRoot, usedAt}: KnownResult): boolean => isRoot || now - usedAt < policy.keepForMs;
  const fresh = known.filter(isFresh);
  const dropped: Array<KnownResult & {because: 'age' | 'size'}> = known
    .filter(result => !isFresh(result))
    .map(result => ({...result, because: 'age'}));
  for (const result of fresh) count(contents.of(result));
  const kept: KnownResult[] = [];
  for (const result of fresh) {
    if (result.isRoot || policy.maxBytes === null || bytes <= policy.maxBytes) kept.push(result);
    else {
      uncount(contents.of(result));
      dropped.push({...result, because: 'size'});
    }
  }
  const blobs = new Map<Digest, number>();
  for (const digest of users.keys()) {
    const size = sizes.get(digest);
    if (size !== undefined) blobs.set(digest, size);
  }
  return {kept, dropped, blobs};
}

/** Every blob that these artifacts consist of. */
export function* blobsBelow(shelf: BlobShelf, artifacts: Iterable<Artifact>): Generator<Digest> {
  const contents = new Contents(shelf);
  for (const artifact of artifacts) yield* contents.ofArtifact(artifact);
}

/** The blobs that artifacts consist of; folders are read once each. */
export class Contents {
  readonly #shelf: BlobShelf;
  readonly #folders = new Map<Digest, ReadonlySet<Digest>>();

  constructor(shelf: BlobShelf) {
    this.#shelf = shelf;
  }

  of({results, droppedOutputs, logs}: KnownResult): ReadonlySet<Digest> {
    const digests = new Set<Digest>(logs);
    for (const {outputs, log} of results) {
      digests.add(log);
      for (const [name, artifact] of Object.entries(outputs)) {
        if (droppedOutputs.has(name)) continue;
        for (const digest of this.ofArtifact(artifact)) digests.add(digest);
      }
    }
    return digests;
  }

  ofArtifact({kind, digest}: Artifact): ReadonlySet<Digest> {
    return kind === 'file' ? new Set([digest]) : this.#ofFolder(digest);
  }

  /** A folder that is gone or damaged has no contents to keep: its maker has to run again. */
  #ofFolder(digest: Digest): ReadonlySet<Digest> {
    const known = this.#folders.get(digest);
    if (known !== undefined) return known;
    const found = new Set([digest]);
    const bytes = this.#shelf.read(digest);
    const folder = bytes.ok ? decodeFolder(bytes.value.toString('utf8')) : undefined;
    for (const file of folder?.files.values() ?? []) found.add(file.digest);
    for (const below of folder?.folders.values() ?? []) {
      for (const each of this.#ofFolder(below)) found.add(each);
    }
    this.#folders.set(digest, found);
    return found;
  }
}
