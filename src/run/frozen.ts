// Frozen stages: what an instance gave last stands in for what it would give now.

import type {Action, ActionResult, Fingerprint} from '../action/action.ts';
import type {Instance} from '../plan/plan.ts';
import type {Stores} from './stores.ts';

export interface FrozenResult {
  readonly action: Action;
  readonly fingerprint: Fingerprint;
  readonly result: ActionResult;
}

/** The last result of a frozen instance; `undefined` for others, and where its bytes or outputs are not there. */
export async function frozenResult(
  {cache, lastStateOf}: Pick<Stores, 'cache' | 'lastStateOf'>,
  instance: Instance,
): Promise<FrozenResult | undefined> {
  const last = instance.isFrozen ? lastStateOf(instance.id) : undefined;
  if (last?.result === undefined || last.resultOf === undefined) return undefined;
  const {result, resultOf: fingerprint} = last;
  if (Object.keys(instance.outputs).some(name => result.outputs[name] === undefined)) return undefined;
  const action = await cache.actionOf(fingerprint);
  if (!action.ok || action.value === undefined) return undefined;
  const lookup = await cache.lookup(fingerprint, result, action.value);
  const isThere = lookup.ok && (lookup.value.status === 'hit' || lookup.value.status === 'elsewhere');
  return isThere ? {action: action.value, fingerprint, result} : undefined;
}
