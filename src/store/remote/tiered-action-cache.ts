// The action cache of this machine before one elsewhere. What is found here is answered from here; what is made here is
// sent there in its own time.

import type {Action, ActionResult, Fingerprint} from '../../action/action.ts';
import {ok, type Result} from '../../core/result.ts';
import type {KeyvActionCache} from '../index/action-cache.ts';
import type {ActionCache, Lookup, Recorded} from '../store.ts';
import type {StoreError} from '../store-error.ts';
import type {RemoteTier} from './tier.ts';

export class TieredActionCache implements ActionCache {
  readonly #local: KeyvActionCache;
  readonly #tier: RemoteTier;

  constructor(local: KeyvActionCache, tier: RemoteTier) {
    this.#local = local;
    this.#tier = tier;
  }

  async lookup(
    fingerprint: Fingerprint,
    recalled: ActionResult | undefined,
    action: Action,
  ): Promise<Result<Lookup, StoreError>> {
    const here = await this.#local.lookup(fingerprint, recalled);
    if (!here.ok || here.value.status === 'hit') return here;
    const result = await this.#tier.find(action);
    return result === undefined ? here : ok({status: 'elsewhere', result});
  }

  async record(action: Action, result: ActionResult): Promise<Result<Recorded, StoreError>> {
    // Made elsewhere, recorded there, and none of its blobs need be here.
    if (this.#tier.holds(result)) return ok({differsFrom: undefined});
    const recorded = await this.#local.record(action, result);
    if (recorded.ok) this.#tier.keep(action, result);
    return recorded;
  }

  drop(fingerprint: Fingerprint, outputs: readonly string[]): Promise<Result<void, StoreError>> {
    return this.#local.drop(fingerprint, outputs);
  }

  note(action: Action): Promise<Result<void, StoreError>> {
    return this.#local.note(action);
  }

  resultsOf(fingerprint: Fingerprint): Promise<Result<readonly ActionResult[], StoreError>> {
    return this.#local.resultsOf(fingerprint);
  }

  actionOf(fingerprint: Fingerprint): Promise<Result<Action | undefined, StoreError>> {
    return this.#local.actionOf(fingerprint);
  }

  async close(): Promise<void> {
    await this.#tier.close();
    await this.#local.close();
  }
}
