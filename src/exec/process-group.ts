// Ends processes for good. A task's processes are those of its process group and, on Linux, all that carry its
// mark in their environment, so that a child which started a session of its own is found as well.

import {readdirSync, readFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {
  identityIn,
  identityLabel,
  isAlive,
  isProcessAlive,
  ownIdentity,
  statOf,
} from '../host/process-identity.ts';
import {OWNER_VARIABLE, WORKER_VARIABLE} from './environment.ts';

/** How long a killed process may stay visible, such as one in an uninterruptible read. Milliseconds. */
const GONE_WITHIN_MS = 5000;

/** Sends a signal to a process, or with a negative id to a group. False where there is none. */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Direct children of a process. Empty where the system does not tell. */
export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

/** Processes whose environment holds `name=value`, beside this one. Empty where there is no /proc. */
export function processesWith(name: string, value: string): number[] {
  const wanted = `${name}=${value}`;
  const found: number[] = [];
  for (const entry of readNames('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    if (environmentOf(pid).includes(wanted)) found.push(pid);
  }
  return found;
}

/** Kills at once all processes that carry a worker's mark, beside those in `spared`, and waits until they are gone. */
export async function killMarked(mark: string, spared: readonly number[] = []): Promise<void> {
  await killAll(() => processesWith(WORKER_VARIABLE, mark).filter(pid => !spared.includes(pid)));
}

/** Kills what `find` finds until it finds nothing that lives. */
export async function killAll(find: () => readonly number[]): Promise<void> {
  for (let waited = 0; waited < GONE_WITHIN_MS; ) {
    const living = find().filter(isProcessAlive);
    if (living.length === 0) return;
    for (const pid of living) signalProcess(pid, 'SIGKILL');
    await sleep(5);
    waited += 5;
  }
}

/** Kills a process group and waits until no member of it lives. */
export async function killGroup(leader: number): Promise<void> {
  for (let waited = 0; waited < GONE_WITHIN_MS; ) {
    if (!signalProcess(-leader, 'SIGKILL') || !groupLives(leader)) return;
    await sleep(5);
    waited += 5;
  }
}

/** Tells the processes of this runner from those of others, in whatever container, and when an id is used again. */
export const ownerMark = (): string => identityLabel(ownIdentity());

/**
 * Processes that a runner started which is gone. Of a runner in another process namespace nothing can be known here:
 * what it started, which may well be visible, is never among them.
 */
export function orphans(): number[] {
  const found: number[] = [];
  for (const name of readNames('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const mark = environmentOf(pid).find(variable => variable.startsWith(`${OWNER_VARIABLE}=`));
    if (mark === undefined) continue;
    const owner = identityIn(mark.slice(OWNER_VARIABLE.length + 1));
    if (owner !== undefined && isAlive(owner) === false) found.push(pid);
  }
  return found;
}

function groupLives(leader: number): boolean {
  const names = readNames('/proc');
  // Without /proc, the signal that was delivered is all that is known.
  if (names.length === 0) return true;
  return names.some(name => {
    if (!/^\d+$/.test(name)) return false;
    const [state, , group] = statOf(Number(name)) ?? [];
    return Number(group) === leader && state !== 'Z' && state !== 'X';
  });
}

function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch {
    return [];
  }
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
