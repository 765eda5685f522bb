// What is last known of each instance of one pipeline: fingerprint, result, duration. A journal, read lazily.

import type {ActionResult, Fingerprint} from '../../action/action.ts';
import {isDigest} from '../../core/digest.ts';
import {isJsonObject, parseJson} from '../../core/json.ts';
import {Journal} from '../../host/journal.ts';
import type {InstanceId} from '../../plan/plan.ts';
import {isResult, isSameResult} from '../index/action-row.ts';
import type {LastState} from '../store.ts';

export class LastStates {
  readonly #journal: Journal;
  readonly #decoded = new Map<InstanceId, LastState>();

  constructor(path: string) {
    this.#journal = new Journal(path);
  }

  /** The same object every time, until it is set anew. */
  get(id: InstanceId): LastState | undefined {
    const known = this.#decoded.get(id);
    if (known !== undefined) return known;
    const state = decode(this.#journal.get(JSON.stringify(id)));
    if (state !== undefined) this.#decoded.set(id, state);
    return state;
  }

  /** Every instance that something is known of. */
  *ids(): Generator<InstanceId> {
    for (const [key] of this.#journal.entries()) yield parseJson(key) as unknown as InstanceId;
  }

  set(id: InstanceId, state: LastState): void {
    this.#decoded.set(id, state);
    this.#journal.set(JSON.stringify(id), JSON.stringify(state));
  }

  /** Forgets results of these actions, so that nothing recalls them; answers how many there were. */
  void(fingerprints: ReadonlySet<Fingerprint>): number {
    let voided = 0;
    for (const [key, line] of [...this.#journal.entries()]) {
      const state = decode(line);
      if (state?.result === undefined || state.resultOf === undefined || !fingerprints.has(state.resultOf))
        continue;
      const id: unknown = parseJson(key);
      this.set(id as InstanceId, {...state, status: 'unfinished', result: undefined, resultOf: undefined});
      voided++;
    }
    return voided;
  }

  /** True when this very result of this very action is what is known already. */
  isKnown(id: InstanceId, fingerprint: Fingerprint, result: ActionResult): boolean {
    const state = this.get(id);
    if (state?.status !== 'done' || state.fingerprint !== fingerprint || state.result === undefined)
      return false;
    return state.result === result || isSameResult(state.result, result);
  }

  /** Throws errors of the system. */
  save(): void {
    this.#journal.save();
  }
}

function decode(text: string | undefined): LastState | undefined {
  const value = text === undefined ? undefined : parseJson(text);
  if (!isJsonObject(value)) return undefined;
  const {fingerprint, status, result, resultOf, durationMs, run, at} = value;
  if (!isFingerprint(fingerprint) || typeof run !== 'string' || typeof at !== 'number') return undefined;
  if (status !== 'done' && status !== 'failed' && status !== 'unfinished') return undefined;
  const known: unknown = result;
  return {
    fingerprint,
    status,
    result: isResult(known) ? known : undefined,
    resultOf: isFingerprint(resultOf) ? resultOf : undefined,
    durationMs: typeof durationMs === 'number' ? durationMs : undefined,
    run,
    at,
  };
}

export const isFingerprint = (value: unknown): value is Fingerprint =>
  typeof value === 'string' && isDigest(value);
