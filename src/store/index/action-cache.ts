// Fingerprint → action and results, in Keyv. A hit is believed only if every blob of it is in place; a result is
// recorded only after its blobs. Several results of one action are kept, and a second different one is told.

import type {Keyv} from 'keyv';
import {type Action, type ActionResult, type Fingerprint, fingerprintOf} from '../../action/action.ts';
import {byCodeUnit} from '../../core/json.ts';
import {err, ok, type Result} from '../../core/result.ts';
import {isFull} from '../../host/reserve.ts';
import {isSystemError} from '../../host/system-error.ts';
import type {ActionCache, BlobStore, Lookup, Recorded} from '../store.ts';
import type {StoreError} from '../store-error.ts';
import {type ActionRow, isSameResult, keptResults, withResult} from './action-row.ts';
import {FileIndex} from './file-index.ts';
import {type IndexPlace, indexError, NAMESPACE, openIndex} from './index-server.ts';

/** Results that took longer than this (milliseconds) are worth a sync to the disk; others are sooner made again. */
const syncedFrom = 1_000;

/** An action with the results that it gave, as something else than the index knows them. */
export interface RememberedAction {
  readonly fingerprint: Fingerprint;
  readonly action: unknown;
  readonly results: readonly ActionResult[];
}

export interface Mending {
  /** What a local index is made again from. */
  readonly remembered: () => Iterable<RememberedAction>;
  /** Told in one sentence when a local index was damaged, and mended. */
  readonly onMended: (sentence: string) => void;
}

const NO_MENDING: Mending = {remembered: () => [], onMended: () => undefined};

export class KeyvActionCache implements ActionCache {
  readonly #place: IndexPlace;
  readonly #blobs: BlobStore;
  readonly #mending: Mending;
  /** The adapter of a local index. */
  readonly #files: FileIndex | undefined;
  #index: Promise<Result<Keyv, StoreError>> | undefined;
  /** Parts that were set aside and not yet made again. */
  #damages = 0;
  readonly #setAside: string[] = [];
  #isTold = false;

  constructor(place: IndexPlace, blobs: BlobStore, mending: Mending = NO_MENDING) {
    this.#place = place;
    this.#blobs = blobs;
    this.#mending = mending;
    this.#files =
      place.kind === 'local' ? new FileIndex(place.folder, aside => this.#note(aside)) : undefined;
  }

  /** Where parts of a local index are now that proved to be damaged, absolute. */
  get setAside(): readonly string[] {
    return this.#setAside;
  }

  async lookup(fingerprint: Fingerprint, recalled?: ActionResult): Promise<Result<Lookup, StoreError>> {
    if (recalled !== undefined && this.#findLoss(recalled) === undefined) {
      return ok({status: 'hit', result: recalled});
    }
    const row = await this.#row(fingerprint);
    if (!row.ok) return row;
    const results = [...(row.value?.results ?? [])].reverse();
    let lost: Lookup | undefined;
    const dropped = row.value?.dropped ?? [];
    for (const result of results) {
      const loss = this.#findLoss(result);
      if (loss === undefined) return ok({status: 'hit', result});
      // What was dropped is of the newest one.
      if (result === results[0] && this.#findLoss(result, dropped) === undefined)
        return ok({status: 'dropped', result, outputs: dropped});
      lost ??= {status: 'lost', ...loss};
    }
    return ok(lost ?? {status: 'miss'});
  }

  async record(action: Action, result: ActionResult): Promise<Result<Recorded, StoreError>> {
    if (result.made.durationMs >= syncedFrom) {
      for (const artifact of Object.values(result.outputs)) {
        const synced = await this.#blobs.sync(artifact);
        if (!synced.ok) return synced;
      }
    }
    const loss = this.#findLoss(result);
    if (loss !== undefined) return err(loss.error);
    const row = await this.#update(action, before => withResult(before, result));
    if (!row.ok) return row;
    if (result.made.durationMs >= syncedFrom) {
      const synced = await this.#ask(async () => this.#files?.sync(`${NAMESPACE}:${fingerprintOf(action)}`));
      if (!synced.ok) return synced;
    }
    const earlier = row.value.results.filter(other => !isSameResult(other, result));
    return ok({differsFrom: earlier.at(-1)});
  }

  async drop(fingerprint: Fingerprint, outputs: readonly string[]): Promise<Result<void, StoreError>> {
    return this.#ask(async index => {
      const before = await this.#read(index, fingerprint);
      if (before !== undefined) await index.set(fingerprint, {...before, dropped: outputs});
    });
  }

  /** For those who look at all that there is. */
  rowOf(fingerprint: Fingerprint): Promise<Result<ActionRow | undefined, StoreError>> {
    return this.#row(fingerprint);
  }

  async note(action: Action): Promise<Result<void, StoreError>> {
    const row = await this.#update(action, before => before);
    return row.ok ? ok(undefined) : row;
  }

  async resultsOf(fingerprint: Fingerprint): Promise<Result<readonly ActionResult[], StoreError>> {
    const row = await this.#row(fingerprint);
    return row.ok ? ok(row.value?.results ?? []) : row;
  }

  async actionOf(fingerprint: Fingerprint): Promise<Result<Action | undefined, StoreError>> {
    const row = await this.#row(fingerprint);
    return row.ok ? ok(row.value?.action) : row;
  }

  /** Fingerprints of all rows, for the sweep; none for a shared index, whose rows are not ours to remove. */
  async fingerprints(): Promise<Result<readonly Fingerprint[], StoreError>> {
    if (this.#place.kind !== 'local') return ok([]);
    return this.#ask(async () => (this.#files?.names() ?? []) as readonly Fingerprint[]);
  }

  /** Forgets rows; for the sweep. */
  async forget(fingerprints: readonly Fingerprint[]): Promise<Result<void, StoreError>> {
    return this.#ask(async index => {
      if (fingerprints.length > 0) await index.deleteMany([...fingerprints]);
    });
  }

  async close(): Promise<void> {
    const index = await this.#index;
    this.#index = undefined;
    // A server that is gone cannot be taken leave of.
    if (index?.ok) await index.value.disconnect().catch(() => undefined);
  }

  #note(aside: string): void {
    this.#damages++;
    this.#setAside.push(aside);
  }

  #findLoss(
    result: ActionResult,
    dropped: readonly string[] = [],
  ): {readonly output: string; readonly error: StoreError} | undefined {
    for (const [output, artifact] of Object.entries(result.outputs).sort((a, b) => byCodeUnit(a[0], b[0]))) {
      if (dropped.includes(output)) continue;
      const error = this.#blobs.findLoss(artifact);
      if (error !== undefined) return {output, error};
    }
    return undefined;
  }

  #row(fingerprint: Fingerprint): Promise<Result<ActionRow | undefined, StoreError>> {
    return this.#ask(index => this.#read(index, fingerprint));
  }

  /** Whoever makes a result holds its claim, so nobody else on this machine writes the row meanwhile. */
  #update(action: Action, change: (row: ActionRow) => ActionRow): Promise<Result<ActionRow, StoreError>> {
    const fingerprint = fingerprintOf(action);
    return this.#ask(async index => {
      const before = await this.#read(index, fingerprint);
      const after = change(before ?? {format: 1, action, results: [], dropped: []});
      if (after !== before) await index.set(fingerprint, after);
      return after;
    });
  }

  /** A row that proves to be damaged is made again, and all others that are missing with it. */
  async #read(index: Keyv, fingerprint: Fingerprint): Promise<ActionRow | undefined> {
    const value: unknown = await index.get(fingerprint);
    if (this.#damages === 0) return this.#decode(value, fingerprint);
    await this.#mend(index);
    return this.#decode(await index.get(fingerprint), fingerprint);
  }

  async #mend(index: Keyv): Promise<void> {
    let rows = 0;
    for (const {fingerprint, action, results} of this.#mending.remembered()) {
      if (await index.has(fingerprint)) continue;
      const whole = results.filter(result => this.#findLoss(result) === undefined);
      // The sweep has removed it.
      if (whole.length === 0 && results.length > 0) continue;
      const row = await this.#decode({format: 1, action, results: whole.slice(-keptResults)}, fingerprint);
      if (row === undefined) continue;
      try {
        await index.set(fingerprint, row);
      } catch (error) {
        // A full disk: what has no room is made again later, or by running.
        if (!isFull(error)) throw error;
        break;
      }
      rows++;
    }
    const damages = this.#damages;
    this.#damages = 0;
    // Rows are met one by one: one line says what is the matter, `verify` lists all.
    if (damages + rows === 0 || this.#isTold) return;
    this.#isTold = true;
    const again = rows === 1 ? '1 row was' : `${rows} rows were`;
    const what = damages === 0 ? 'was not whole' : 'was damaged and is set aside in cache/quarantine';
    this.#mending.onMended(`cache/index ${what}: ${again} made again from the records of runs`);
  }

  async #open(): Promise<Result<Keyv, StoreError>> {
    const files = this.#files;
    const index = await openIndex(this.#place, files);
    if (!index.ok || files === undefined) return index;
    try {
      if (files.isWhole) return index;
      await this.#mend(index.value);
    } catch (error) {
      return err(indexError(error, this.#place));
    }
    try {
      files.markWhole();
    } catch (error) {
      // A store that can only be read. The next one looks again.
      if (!isSystemError(error)) throw error;
    }
    return index;
  }

  /** The schemas are loaded with the first row: a run that finds everything as it was reads none. */
  async #decode(value: unknown, fingerprint: Fingerprint): Promise<ActionRow | undefined> {
    if (value === undefined) return undefined;
    const {decodeRow} = await import('./row-schema.ts');
    return decodeRow(value, fingerprint);
  }

  async #ask<T>(question: (index: Keyv) => Promise<T>): Promise<Result<T, StoreError>> {
    this.#index ??= this.#open();
    const index = await this.#index;
    if (!index.ok) {
      this.#index = undefined;
      return index;
    }
    try {
      return ok(await question(index.value));
    } catch (error) {
      return err(indexError(error, this.#place));
    }
  }
}
