// What a stage left under way when its function returned. Work on files and children that it waits for were not awaited:
// what they would have written is not in its outputs. Timers, sockets and servers only keep the process from being used
// again: they are ended with it, before outputs are taken in.

import {readFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';

export interface Leftovers {
  /** In words, such as `2 file operations`; empty for none. */
  readonly unfinished: readonly string[];
  /** True when nothing at all was left. */
  readonly isClean: boolean;
}

/** How often and how long it is waited for what ends by itself, such as the closing of a file. Milliseconds. */
const TURNS = 10;
const TURN_MS = 1;

const FILE_WORK = new Set(['FSReqCallback', 'FSReqPromise']);
const PASSING = new Set(['Immediate', 'TickObject', 'CloseReq']);

/** What there is before a stage begins. */
export class Baseline {
  readonly #counts = countKinds();
  readonly #children = new Set(children());

  async compare(): Promise<Leftovers> {
    // Handles that were closed a moment ago are gone after one turn of the loop.
    await new Promise(resolve => setImmediate(resolve));
    for (let turn = 0; turn < TURNS && this.#added(FILE_WORK) > 0; turn++) await sleep(TURN_MS);
    const unfinished: string[] = [];
    const files = this.#added(FILE_WORK);
    if (files > 0) unfinished.push(files === 1 ? 'a file operation' : `${files} file operations`);
    const left = children().filter(pid => !this.#children.has(pid));
    // One that it does not wait for (`unref`) was meant to go on; it is ended.
    if (this.#added(new Set(['ProcessWrap'])) > 0)
      unfinished.push(...left.map(pid => `the process \`${nameOf(pid)}\``));
    const kinds = [...countKinds()].filter(([kind, count]) => count > (this.#counts.get(kind) ?? 0));
    return {unfinished, isClean: kinds.length === 0 && left.length === 0};
  }

  #added(kinds: ReadonlySet<string>): number {
    let added = 0;
    for (const [kind, count] of countKinds()) {
      if (kinds.has(kind)) added += Math.max(0, count - (this.#counts.get(kind) ?? 0));
    }
    return added;
  }
}

/** Timers, sockets, pending work and the like that keep the process running; idle connections do not. */
function countKinds(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (!PASSING.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** Ids of direct children; none where the system does not tell. */
function children(): number[] {
  try {
    const text = readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim().slice(0, 80);
  } catch {
    return String(pid);
  }
}
