// Fingerprint → action and results, in Keyv. A hit is believed only if every blob of it is in place; a result is
// recorded only after its blobs. Several results of one action are kept, and a second different one is told.

import type {Keyv} from 'keyv';
import {type Action, type ActionResult, type Fingerprint, fingerprintOf} from '../../action/action.ts';
import {byCodeUnit} from '../../core/json.ts';
import {err, ok, type Result} from '../../core/result.ts';
import type {ActionCache, BlobStore, Lookup, Recorded} from '../store.ts';
import type {StoreError} from '../store-error.ts';
import {type ActionRow, isSameResult, withResult} from './action-row.ts';
import {type IndexPlace, indexError, openIndex} from './index-server.ts';

/** Results that took longer than this (milliseconds) are worth a sync to the disk; others are sooner made again. */
const syncedFrom = 1_000;

export class KeyvActionCache implements ActionCache {
  readonly #place: IndexPlace;
  readonly #blobs: BlobStore;
  #index: Promise<Result<Keyv, StoreError>> | undefined;

  constructor(place: IndexPlace, blobs: BlobStore) {
    this.#place = place;
    this.#blobs = blobs;
  }

  async lookup(fingerprint: Fingerprint, recalled?: ActionResult): Promise<Result<Lookup, StoreError>> {
    if (recalled !== undefined && this.#findLoss(recalled) === undefined) {
      return ok({status: 'hit', result: recalled});
    }
    const row = await this.#row(fingerprint);
    if (!row.ok) return row;
    const results = [...(row.value?.results ?? [])].reverse();
    let lost: Lookup | undefined;
    for (const result of results) {
      const loss = this.#findLoss(result);
      if (loss === undefined) return ok({status: 'hit', result});
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
    const earlier = row.value.results.filter(other => !isSameResult(other, result));
    return ok({differsFrom: earlier.at(-1)});
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
    return this.#ask(async index => {
      const found: Fingerprint[] = [];
      if (index.store.iterator === undefined) return found;
      for await (const [key] of index.store.iterator('action')) {
        found.push(String(key).slice('action:'.length) as Fingerprint);
      }
      return found;
    });
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

  #findLoss(result: ActionResult): {readonly output: string; readonly error: StoreError} | undefined {
    for (const [output, artifact] of Object.entries(result.outputs).sort((a, b) => byCodeUnit(a[0], b[0]))) {
      const error = this.#blobs.findLoss(artifact);
      if (error !== undefined) return {output, error};
    }
    return undefined;
  }

  #row(fingerprint: Fingerprint): Promise<Result<ActionRow | undefined, StoreError>> {
    return this.#ask(async index => this.#decode(await index.get(fingerprint), fingerprint));
  }

  /** Whoever makes a result holds its claim, so nobody else on this machine writes the row meanwhile. */
  #update(action: Action, change: (row: ActionRow) => ActionRow): Promise<Result<ActionRow, StoreError>> {
    const fingerprint = fingerprintOf(action);
    return this.#ask(async index => {
      const before = await this.#decode(await index.get(fingerprint), fingerprint);
      const after = change(before ?? {format: 1, action, results: []});
      if (after !== before) await index.set(fingerprint, after);
      return after;
    });
  }

  /** The schemas are loaded with the first row: a run that finds everything as it was reads none. */
  async #decode(value: unknown, fingerprint: Fingerprint): Promise<ActionRow | undefined> {
    if (value === undefined) return undefined;
    const {decodeRow} = await import('./row-schema.ts');
    return decodeRow(value, fingerprint);
  }

  async #ask<T>(question: (index: Keyv) => Promise<T>): Promise<Result<T, StoreError>> {
    this.#index ??= openIndex(this.#place);
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
