// Decides whether: takes an instance whose producers have results, and answers with its result from the cache or
// with the reason why it has to run. It executes nothing and writes nothing.

import {type Action, type ActionResult, type Fingerprint, fingerprintOf} from '../action/action.ts';
import type {StageFailure, Staleness} from '../action/outcome.ts';
import type {Instance, InstanceId} from '../plan/plan.ts';
import {hasOutputs} from '../store/index/action-row.ts';
import type {LastState} from '../store/store.ts';
import {describeStoreError, type StoreError} from '../store/store-error.ts';
import type {ActionBuilder, Made} from './action-builder.ts';
import {frozenResult} from './frozen.ts';
import {rememberValue} from './prefixes.ts';
import type {RunRequest} from './request.ts';
import type {Stores} from './stores.ts';

/** An instance that has to run, with all that it takes. */
export interface Due {
  readonly will: 'execute';
  readonly action: Action;
  readonly fingerprint: Fingerprint;
  readonly stale: Staleness;
  /** What the instance gave the last time, whatever the action was then. */
  readonly previous: ActionResult | undefined;
}

/** What an instance is asked for: a result, its bytes as well, or to be made anew whatever there is. */
export type Need = 'result' | 'bytes' | 'anew';

/** What a request asks of an instance. `isSelected`: it is among what the run is about. */
export const needOf = (
  id: InstanceId,
  {forced, wanted}: Pick<RunRequest, 'forced' | 'wanted'>,
  isSelected: boolean,
): Need => (isSelected && forced.has(id) ? 'anew' : wanted.has(id) ? 'bytes' : 'result');

/** False for what is to run although its result is known: then it is made from the start as well. */
export const canReuse = ({stale}: Due): boolean => stale.why !== 'forced' && stale.why !== 'volatile';

export type Decision =
  | {
      readonly will: 'reuse';
      readonly fingerprint: Fingerprint;
      readonly result: ActionResult;
      /** Outputs whose bytes went when all that takes them was done. */
      readonly dropped: readonly string[];
      /** Of a frozen instance that would run otherwise: why; `null` where it could not even run. */
      readonly frozen?: Staleness | null;
    }
  | Due
  /** It cannot run: a declared file is not there, its code does not compile, the store does not answer. */
  | {readonly will: 'fail'; readonly fingerprint: Fingerprint | null; readonly failure: StageFailure};

export class Rebuilder {
  readonly #stores: Stores;
  readonly #actions: ActionBuilder;

  constructor(stores: Stores, actions: ActionBuilder) {
    this.#stores = stores;
    this.#actions = actions;
  }

  async decide(instance: Instance, madeBy: (id: InstanceId) => Made, need: Need): Promise<Decision> {
    const decision = await this.#decideByKey(instance, madeBy, need);
    if (decision.will === 'reuse' || need === 'anew') return decision;
    const frozen = await frozenResult(this.#stores, instance);
    if (frozen === undefined) return decision;
    const {fingerprint, result} = frozen;
    const why = decision.will === 'execute' ? decision.stale : null;
    return {will: 'reuse', fingerprint, result, dropped: [], frozen: why};
  }

  /** Why an instance runs whatever its producers give; `undefined` where that depends on them. */
  runsAnyway(instance: Instance, isForced: boolean): Staleness | undefined {
    if (isForced) return {why: 'forced'};
    const last = this.#stores.lastStateOf(instance.id);
    if (instance.isFrozen && last?.result !== undefined) return undefined;
    if (instance.isVolatile) return {why: 'volatile'};
    return last === undefined ? {why: 'never-run'} : undefined;
  }

  async #decideByKey(instance: Instance, madeBy: (id: InstanceId) => Made, need: Need): Promise<Decision> {
    const built = await this.#actions.build(instance, madeBy);
    if (!built.ok) return {will: 'fail', fingerprint: null, failure: built.error};
    const action = built.value;
    const fingerprint = fingerprintOf(action);
    const last = this.#stores.lastStateOf(instance.id);
    const previous = last?.result;
    const due = (stale: Staleness): Due => ({will: 'execute', action, fingerprint, stale, previous});
    if (need === 'anew') return due({why: 'forced'});
    if (instance.isVolatile) return due({why: 'volatile'});
    const recalled = recalledResult(last, fingerprint, action);
    const lookup = await this.#stores.cache.lookup(fingerprint, recalled, action);
    if (!lookup.ok) return {will: 'fail', fingerprint, failure: storeFailure(lookup.error)};
    switch (lookup.value.status) {
      case 'hit':
      case 'elsewhere':
        rememberValue(this.#stores.values, instance, action, 'met');
        return {will: 'reuse', fingerprint, result: lookup.value.result, dropped: []};
      case 'dropped': {
        const {result, outputs} = lookup.value;
        const [output] = outputs;
        if (need === 'bytes' && output !== undefined) return due({why: 'dropped', output});
        return {will: 'reuse', fingerprint, result, dropped: outputs};
      }
      case 'lost':
        return due({why: 'lost', output: lookup.value.output});
      case 'miss':
        return due(await this.#explainMiss(last, action, fingerprint));
    }
  }

  async #explainMiss(
    last: LastState | undefined,
    action: Action,
    fingerprint: Fingerprint,
  ): Promise<Staleness> {
    if (last === undefined) return {why: 'never-run'};
    if (last.fingerprint === fingerprint) return {why: last.status === 'done' ? 'never-run' : 'unfinished'};
    // A try that was killed left no action behind; the last one that succeeded did.
    for (const earlier of [last.fingerprint, last.resultOf]) {
      const before = earlier === undefined ? undefined : await this.#stores.cache.actionOf(earlier);
      if (before?.ok && before.value !== undefined) {
        return {why: 'changed', changes: this.#stores.explain(before.value, action)};
      }
    }
    return {why: 'never-run'};
  }
}

/** What is remembered as the result of this very action: it spares a look into the index. */
export function recalledResult(
  last: LastState | undefined,
  fingerprint: Fingerprint,
  {outputs}: Action,
): ActionResult | undefined {
  const {result, resultOf} = last ?? {};
  return resultOf === fingerprint && result !== undefined && hasOutputs(result, outputs) ? result : undefined;
}

export const storeFailure = (error: StoreError): StageFailure => ({
  reason: 'store',
  message: describeStoreError(error),
});
