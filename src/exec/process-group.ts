// Ends processes for good. A task's processes are those of its process group and, on Linux, all that carry its
// mark in their environment, so that a child which started a session of its own is found as well.

import {readdirSync, readFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
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
    const living = find().filter(isAlive);
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

/** False for a process that is gone, or dead and not yet fetched by its parent. */
export function isAlive(pid: number): boolean {
  if (!signalProcess(pid, 0)) return false;
  const state = statusOf(pid)?.state;
  return state !== 'Z' && state !== 'X';
}

/** Tells the processes of one runner from those of others, even when a process id is used again. */
export const ownerMark = (pid: number): string => `${pid}.${statusOf(pid)?.startTime ?? ''}`;

/** Processes that a runner started which is gone. */
export function orphans(): number[] {
  const found: number[] = [];
  for (const name of readNames('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const mark = environmentOf(pid).find(variable => variable.startsWith(`${OWNER_VARIABLE}=`));
    if (mark === undefined) continue;
    const owner = Number.parseInt(mark.slice(OWNER_VARIABLE.length + 1), 10);
    if (!isAlive(owner) || mark !== `${OWNER_VARIABLE}=${ownerMark(owner)}`) found.push(pid);
  }
  return found;
}

function groupLives(leader: number): boolean {
  const names = readNames('/proc');
  // Without /proc, the signal that was delivered is all that is known.
  if (names.length === 0) return true;
  return names.some(name => {
    const status = statusOf(Number(name));
    return status !== undefined && status.group === leader && status.state !== 'Z' && status.state !== 'X';
  });
}

function statusOf(pid: number): {state: string; group: number; startTime: string} | undefined {
  if (!Number.isInteger(pid)) return undefined;
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name, in parentheses, may itself hold spaces and parentheses.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return {state: fields[0] ?? '', group: Number(fields[2]), startTime: fields[19] ?? ''};
  } catch {
    return undefined;
  }
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
