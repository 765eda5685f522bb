// Where a result can go on: the longest result of the same action with a smaller value of the parameter that its stage
// continues by, and the order among instances that this makes. A key never says how its result was come by.

import {type Action, type Fingerprint, fingerprintOf, type Prefix} from '../action/action.ts';
import type {Instance, InstanceId} from '../plan/plan.ts';
import type {Continues} from '../stage/define.ts';
import type {KnownValues} from '../store/index/known-values.ts';
import type {Stores} from './stores.ts';

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

/** What all that can go on from one another have in common. */
const familyOf = (action: Action, parameter: string): Fingerprint =>
  fingerprintOf(withValue(action, parameter, null));

/** To be told of results that others can go on from: `kept` where it was recorded here. */
export function rememberValue(
  values: KnownValues,
  instance: Instance,
  action: Action,
  how: 'met' | 'kept',
): void {
  const continues = continuesOf(instance, action);
  if (continues === undefined) return;
  const family = familyOf(action, continues.parameter);
  if (how === 'kept') values.keep(family, continues.value);
  else values.meet(family, continues.value);
}

/**
 * Values below `value` that a colleague may have made, who has told nobody: the next smaller ones, fractions, round
 * numbers. At most `AT_ONCE`, from the largest down.
 */
export function likelyValues(value: number): readonly number[] {
  const next = [1, 2, 3, 4].map(less => value - less);
  const fractions = [2, 3, 4, 5, 10].map(by => Math.floor(value / by));
  const round = [0, 1, 2, 3, 4, 5, 6].flatMap(power => [1, 2, 5].map(digit => digit * 10 ** power));
  const largest = round.filter(each => each < value).slice(-7);
  const likely = new Set([...next, ...fractions, ...largest].filter(each => each >= 1 && each < value));
  return [...likely].sort((a, b) => b - a);
}

/**
 * The longest shorter result that is in the cache: of all that were made here, and of likely ones that may be elsewhere. A
 * store that does not answer has none.
 */
export async function findPrefix(
  {cache, values}: Pick<Stores, 'cache' | 'values'>,
  instance: Instance,
  action: Action,
): Promise<Prefix | null> {
  const continues = continuesOf(instance, action);
  if (continues === undefined) return null;
  const {parameter, from, value} = continues;
  const known = values.below(familyOf(action, parameter), value);
  const wanted = [...new Set([...known, ...likelyValues(value)])].sort((a, b) => b - a);
  for (let first = 0; first < wanted.length; first += AT_ONCE) {
    const found = await Promise.all(
      wanted.slice(first, first + AT_ONCE).map(async (value): Promise<Prefix | null> => {
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
    const family = familyOf(action, continues.parameter);
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
