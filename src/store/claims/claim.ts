// Who is making what, across the processes that share a store. A claim is a symbolic link `claims/KEY.N` that says whose
// it is: making one is a single step that fails where it is already, on every file system, also on a full disk. The
// highest N holds. Whoever takes over from the dead makes N + 1, of which again only one can be made; so N is the
// fencing token: a holder that was only thought dead finds a higher one, and knows that it holds nothing any more.

import {readlinkSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import type {Digest} from '../../core/digest.ts';
import {namesIn, removeFile, temporaryName} from '../../host/atomic-file.ts';
import {makeFolder} from '../../host/folder.ts';
import {giveSigns, Observer} from '../../host/presence.ts';
import {identityIn, identityLabel, isNeighbour, ownIdentity} from '../../host/process-identity.ts';
import {withReserve} from '../../host/reserve.ts';
import {hasCode} from '../../host/system-error.ts';
import type {Claim, Claims, Holder} from '../store.ts';
import {ioError} from '../store-error.ts';

/** Waiting polls: quickly at first, as most stages are short. */
const firstPollMs = 5;
const longestPollMs = 200;
/** How often a claim is tried for that others try for at the same moment. */
const tries = 1_000;

/** Claims of this process, over all its tables, by token. */
const live = new Set<string>();

/** A link in the folder of claims: the N-th of its key, and the token of who made it. */
interface Link {
  readonly n: number;
  readonly token: string;
}

export class ClaimTable implements Claims {
  readonly #store: string;
  readonly #folder: string;
  readonly #observer: Observer;
  readonly #held = new Map<string, () => void>();

  /** `store`: the store's folder. */
  constructor(store: string, observer = new Observer(store)) {
    this.#store = store;
    this.#folder = join(store, 'claims');
    this.#observer = observer;
  }

  async acquire(key: Digest): Promise<Claim> {
    const token = temporaryName();
    let leave: (() => void) | undefined;
    const giveUp = (): void => {
      live.delete(token);
      leave?.();
    };
    // Before the link is there: another try of this process must not take it for that of a dead one.
    live.add(token);
    try {
      leave = giveSigns(this.#store);
      const taken = await this.#take(key, token);
      if (typeof taken === 'number') return this.#hold(key, taken, token, leave);
      giveUp();
      return {status: 'taken', by: holderOf(taken.token)};
    } catch (error) {
      giveUp();
      return {status: 'failed', error: ioError(error, this.#folder)};
    }
  }

  async wait(key: Digest, signal: AbortSignal): Promise<'released' | 'aborted'> {
    for (let pause = firstPollMs; !signal.aborted; pause = Math.min(longestPollMs, pause * 1.5)) {
      const top = this.#linksOf(key).at(-1);
      if (top === undefined || !this.#isLive(top)) return 'released';
      await setTimeout(pause, undefined, {signal}).catch(() => undefined);
    }
    return 'aborted';
  }

  /** How many claims are left of holders that are gone; `remove` takes them out. For the sweep, which is alone. */
  findDead(remove: boolean): number {
    const dead = namesIn(this.#folder).filter(name => {
      const token = readToken(join(this.#folder, name));
      return token === undefined || !this.#isLive({n: 0, token});
    });
    if (remove) for (const name of dead) removeFile(join(this.#folder, name));
    return dead.length;
  }

  /** Gives up every claim of this table. */
  async close(): Promise<void> {
    for (const release of [...this.#held.values()]) release();
  }

  #hold(key: Digest, n: number, token: string, leave: () => void): Claim & {readonly status: 'held'} {
    const path = this.#pathOf(key, n);
    const isHeld = (): boolean => live.has(token) && this.#linksOf(key).at(-1)?.token === token;
    const release = (): void => {
      if (!this.#held.delete(token)) return;
      live.delete(token);
      if (readToken(path) === token) removeQuietly(path);
      leave();
    };
    this.#held.set(token, release);
    return {status: 'held', isHeld, release};
  }

  /** The N under which `token` holds the key now, or who holds it. */
  async #take(key: Digest, token: string): Promise<number | Link> {
    for (let left = tries; left > 0; left--) {
      const before = this.#linksOf(key);
      const top = before.at(-1);
      if (top !== undefined && this.#isLive(top)) return top;
      const n = (top?.n ?? 0) + 1;
      if (!this.#link(key, n, token)) continue;
      // What was looked at may have changed before the link was made: then somebody else may hold the key by now.
      const after = this.#linksOf(key);
      const isFirst = top === undefined || after.some(link => link.n === top.n && link.token === top.token);
      if (isFirst && after.at(-1)?.token === token && (top !== undefined || after.length === 1)) {
        for (const link of after) if (link.n < n) removeQuietly(this.#pathOf(key, link.n));
        return n;
      }
      removeQuietly(this.#pathOf(key, n));
      await setTimeout(Math.random() * firstPollMs);
    }
    throw Object.assign(new Error(`the claim of ${key} changes all the time`), {code: 'EBUSY'});
  }

  #isLive({token}: Link): boolean {
    const identity = identityIn(token);
    if (identity === undefined) return false;
    if (identityLabel(identity) === identityLabel(ownIdentity())) return live.has(token);
    return this.#observer.isAlive(token) !== false;
  }

  /** Of one key, in order of N. */
  #linksOf(key: Digest): Link[] {
    const links: Link[] = [];
    for (const name of namesIn(this.#folder)) {
      if (!name.startsWith(`${key}.`)) continue;
      const token = readToken(join(this.#folder, name));
      if (token !== undefined) links.push({n: Number(name.slice(key.length + 1)), token});
    }
    return links.sort((a, b) => a.n - b.n);
  }

  #pathOf(key: Digest, n: number): string {
    return join(this.#folder, `${key}.${n}`);
  }

  /** False where there is such a link already. */
  #link(key: Digest, n: number, token: string): boolean {
    const path = this.#pathOf(key, n);
    for (;;) {
      try {
        withReserve(this.#store, () => symlinkSync(token, path));
        return true;
      } catch (error) {
        if (hasCode(error, 'EEXIST')) return false;
        if (!hasCode(error, 'ENOENT')) throw error;
        makeFolder(this.#folder);
      }
    }
  }
}

/** Who made a token, or a file that is named by one. */
export function holderOf(token: string): Holder {
  const identity = identityIn(token);
  const isHere = identity !== undefined && isNeighbour(identity);
  return {pid: identity?.pid ?? 0, where: isHere ? 'here' : 'elsewhere'};
}

function readToken(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    // Gone meanwhile, or not one of ours.
    if (hasCode(error, 'ENOENT', 'EINVAL')) return undefined;
    throw error;
  }
}

function removeQuietly(path: string): void {
  try {
    removeFile(path);
  } catch {
    // It stays, and counts for nothing: its token is no longer live.
  }
}
