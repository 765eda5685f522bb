// Signs of life between processes that share a store's folder and may know nothing of one another: other containers,
// other machines. Whoever holds something there keeps a file in `running/` and moves its time on, again and again.
// An observer never compares clocks: it watches whether a sign changes, and counts how long *it* has watched in vain.

import {readdirSync, type Stats, statfsSync, statSync, unlinkSync, utimesSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {syncNames} from './durable.ts';
import {makeFolder} from './folder.ts';
import {identityIn, identityLabel, isAlive, ownIdentity, type ProcessIdentity} from './process-identity.ts';
import {withReserve} from './reserve.ts';
import {hasCode} from './system-error.ts';

const beatMs = 3_000;
/** How long a sign must not have changed, under an observer's eyes, until its process counts as dead. */
const silentMs = 45_000;
/** The longest that one look counts for: an observer that was itself stopped has seen nothing. */
const lookMs = 1_000;

/** Where signs are, in a store's folder. */
export const signsOf = (store: string): string => join(store, 'running');
/** Where the boots are noted that had a store's file system for themselves. */
const bootsOf = (store: string): string => join(store, 'boots');

/** What a sign's mode says of the file system, as its process sees it. */
const LOCAL_MODE = 0o644;
const SHARED_MODE = 0o600;

interface Sign {
  holders: number;
  beat: number;
  timer: NodeJS.Timeout;
}

/** The signs that this process gives, by path. */
const given = new Map<string, Sign>();

/** Gives signs of life in a store until the answer is called, as often as this was called. Throws errors of the system. */
export function giveSigns(store: string): () => void {
  const path = join(signsOf(store), identityLabel(ownIdentity()));
  let sign = given.get(path);
  if (sign === undefined) {
    makeSign(path, store);
    sign = {holders: 0, beat: 1, timer: setInterval(() => beat(path, store), beatMs).unref()};
    given.set(path, sign);
  }
  const held = sign;
  held.holders++;
  let isHeld = true;
  return () => {
    if (!isHeld) return;
    isHeld = false;
    if (--held.holders > 0) return;
    clearInterval(held.timer);
    given.delete(path);
    removeQuietly(path);
  };
}

/** An empty file, for which there is room on a full disk; its mode says whether one kernel alone can write here. */
function makeSign(path: string, store: string): void {
  withReserve(store, () => {
    makeFolder(signsOf(store));
    const isLocal = hasOneKernel(store);
    if (isLocal) noteBoot(store);
    writeFileSync(path, '', {mode: isLocal ? LOCAL_MODE : SHARED_MODE});
  });
}

/** Keeps in mind, also after a power cut, that this boot had the store's file system for itself. */
function noteBoot(store: string): void {
  const path = join(bootsOf(store), ownIdentity().boot);
  if (statSync(path, {throwIfNoEntry: false}) !== undefined) return;
  makeFolder(bootsOf(store));
  writeFileSync(path, '');
  syncNames([path], dirname(store));
}

/**
 * True where a process is of a boot that had the store's file system for itself, and this one has it by now: then
 * nothing of that boot lives. False says nothing.
 */
export function isOfEarlierBoot(store: string, {boot}: ProcessIdentity): boolean {
  if (boot === ownIdentity().boot || !hasOneKernel(store)) return false;
  return statSync(join(bootsOf(store), boot), {throwIfNoEntry: false}) !== undefined;
}

/** Forgets the boots of which nothing is left; for the sweep, after it has removed what they left. */
export function forgetBoots(store: string): void {
  if (statSync(bootsOf(store), {throwIfNoEntry: false}) === undefined) return;
  for (const boot of readdirSync(bootsOf(store))) {
    if (boot !== ownIdentity().boot) unlinkSync(join(bootsOf(store), boot));
  }
}

/** The time of the file is a number that grows, no time: clocks of others do not matter, and a full disk does not either. */
function beat(path: string, store: string): void {
  const sign = given.get(path);
  if (sign === undefined) return;
  sign.beat++;
  try {
    utimesSync(path, sign.beat, sign.beat);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) return;
    // Somebody took us for dead. We are not: say so again.
    try {
      makeSign(path, store);
    } catch {
      // The next beat tries again.
    }
  }
}

interface Watch {
  readonly beat: number;
  readonly lookedAt: number;
  readonly silence: number;
}

/** Who lives, as far as one process can see. */
export class Observer {
  readonly #store: string;
  readonly #clock: () => number;
  readonly #watches = new Map<string, Watch>();
  #isLocal: boolean | undefined;

  /** `clock`: milliseconds that stand still while the machine sleeps, from any start. */
  constructor(store: string, clock: () => number = () => performance.now()) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Whether the process lives whose label a text begins with. `unknown`: it cannot be asked, and its signs have not
   * been watched for long enough; ask again. A text without a label is nobody's.
   */
  isAlive(text: string): boolean | 'unknown' {
    const identity = identityIn(text);
    if (identity === undefined) return false;
    const known = isAlive(identity);
    return known === 'unknown' ? this.#watch(identity) : known;
  }

  #watch(identity: ProcessIdentity): boolean | 'unknown' {
    const label = identityLabel(identity);
    const path = join(signsOf(this.#store), label);
    const sign = statSync(path, {throwIfNoEntry: false});
    // Signs come before all that they speak of, and go after it.
    if (sign === undefined) return false;
    if (identity.boot !== ownIdentity().boot && this.#sawOneKernel(sign)) return false;
    const beat = sign.mtimeMs;
    const lookedAt = this.#clock();
    const before = this.#watches.get(label);
    if (before === undefined || before.beat !== beat) {
      this.#watches.set(label, {beat, lookedAt, silence: 0});
      return before === undefined ? 'unknown' : true;
    }
    const silence = before.silence + Math.min(lookMs, Math.max(0, lookedAt - before.lookedAt));
    this.#watches.set(label, {beat, lookedAt, silence});
    return silence < silentMs ? 'unknown' : false;
  }

  /** Only one kernel at a time writes to such a file system: if it is ours now, the other one is gone. */
  #sawOneKernel({mode}: Stats): boolean {
    this.#isLocal ??= hasOneKernel(this.#store);
    return this.#isLocal && (mode & 0o777) === (LOCAL_MODE & ~process.umask());
  }
}

/** ext, XFS, btrfs, tmpfs, overlayfs, ZFS, F2FS, bcachefs: file systems that only one kernel mounts at a time. */
const LOCAL = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0x2fc12fc1, 0xf2f52010, 0xca451a4e,
]);

/** True where the file system of a folder is one that a single kernel mounts at a time. */
export function hasOneKernel(store: string): boolean {
  try {
    return process.platform === 'linux' && LOCAL.has(statfsSync(store).type);
  } catch {
    return false;
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone, or it will count as that of a dead process.
  }
}
