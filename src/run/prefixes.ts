// Where a result can go on: the longest result of the same action with a smaller value of the parameter that its stage
// continues by, and the order among instances that this makes. A key never says how its result was come by.

import {type Action, type Fingerprint, fingerprintOf, type Prefix} from '../action/action.ts';
import type {Instance, InstanceId} from '../plan/plan.ts';
import type {Continues} from '../stage/define.ts';
import type {ActionCache} from '../store/store.ts';

/** No more values than these are looked for, from the next smaller one down: each is a look into the cache. */
const MOST_VALUES = 1_000;
/** Values that are looked for at once, as each may be a question to a store elsewhere. */
const AT_ONCE = 16;

/** How an action can be a continuation of others; `undefined` where its stage or its parameters say that it cannot. */
export function continuesOf({work}: Instance, {params}: Action): (Continues & {value: number}) | undefined {
  const continues = work.kind === 'module' ? work.continues : null;
  if (continues === null) return undefined;
  const value = params[continues.parameter];
  if (typeof value !== 'number' || !Number.isInteger(value)) return undefined;
  const isMet = Object.entries(continues.when ?? {}).every(([name, wanted]) => params[name] === wanted);
  return isMet ? {...continues, value} : undefined;
}

const withValue = (action: Action, parameter: string, value: number | null): Action => ({
  ...action,
  params: {...action.params, [parameter]: value},
});

/** The longest shorter result that is in the cache, here or elsewhere; a store that does not answer has none. */
export async function findPrefix(
  cache: ActionCache,
  instance: Instance,
  action: Action,
): Promise<Prefix | null> {
  const continues = continuesOf(instance, action);
  if (continues === undefined) return null;
  const {parameter, from, value} = continues;
  const last = Math.max(1, value - MOST_VALUES);
  for (let next = value - 1; next >= last; next -= AT_ONCE) {
    const values = Array.from({length: Math.min(AT_ONCE, next - last + 1)}, (_, at) => next - at);
    const found = await Promise.all(
      values.map(async (value): Promise<Prefix | null> => {
        const shorter = withValue(action, parameter, value);
        const fingerprint = fingerprintOf(shorter);
        const lookup = await cache.lookup(fingerprint, undefined, shorter);
        const isThere = lookup.ok && (lookup.value.status === 'hit' || lookup.value.status === 'elsewhere');
        const state = isThere && 'result' in lookup.value ? lookup.value.result.outputs[from] : undefined;
        return state === undefined || state.size === 0 ? null : {fingerprint, parameter, value, state};
      }),
    );
    const longest = found.find(each => each !== null);
    if (longest !== undefined) return longest;
  }
  return null;
}

interface Member {
  readonly family: Fingerprint;
  readonly value: number;
  readonly left: Promise<void>;
  readonly leave: () => void;
}

/** The instances of one run that can go on from one another, from when they are planned until they have their outcome. */
export class Families {
  readonly #members = new Map<InstanceId, Member>();

  join(instance: Instance, action: Action): void {
    const continues = continuesOf(instance, action);
    if (continues === undefined) return;
    const family = fingerprintOf(withValue(action, continues.parameter, null));
    let leave = (): void => {};
    const left = new Promise<void>(resolve => {
      leave = resolve;
    });
    this.#members.set(instance.id, {family, value: continues.value, left, leave});
  }

  leave(id: InstanceId): void {
    this.#members.get(id)?.leave();
    this.#members.delete(id);
  }

  /**
   * The end of the longest shorter one that this run still makes. To wait for it costs no time, as both train its part,
   * and spares that part.
   */
  shorterThan(id: InstanceId): Promise<void> | undefined {
    const own = this.#members.get(id);
    if (own === undefined) return undefined;
    const shorter = [...this.#members.values()]
      .filter(({family, value}) => family === own.family && value < own.value)
      .sort((a, b) => b.value - a.value);
    return shorter[0]?.left;
  }
}
