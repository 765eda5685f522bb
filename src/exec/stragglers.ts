// Processes that outlive their task: what it started in a session of its own, with or without its environment. They are
// ended before its outputs are taken in, since one of them may hold an output open and write into what is recorded.

import {readdirSync, readFileSync, readlinkSync} from 'node:fs';
import {statOf} from '../host/process-identity.ts';
import {killAll} from './process-group.ts';

/** In a longer time numbers of processes may come round, so that an old number can be a new process. Milliseconds. */
const NUMBERS_COME_ROUND_MS = 10_000;
/** So many numbers are asked for one by one; beyond it, listing all processes takes less time. */
const ASKED_ONE_BY_ONE = 100;

export class Stragglers {
  readonly #root: string;
  readonly #startedAt = performance.now();
  /** The youngest process before the task. */
  readonly #youngest = youngestProcess();
  /** Who was there before the task, where the system does not number processes in order: cannot be of it. */
  readonly #before: ReadonlySet<number>;

  /** To be made before the task is started. `root`: its sandbox, absolute and without symbolic links. */
  constructor(root: string) {
    this.#root = `${root}/`;
    this.#before = new Set(this.#youngest === undefined ? processes() : []);
  }

  /** Resolves when none is left. Does nothing where there is no /proc. */
  async end(): Promise<void> {
    await killAll(() => this.#find());
  }

  #find(): number[] {
    return this.#candidates().filter(pid => {
      if (pid === process.pid) return false;
      // Its home is below the sandbox; a process kept warm for the next task never had it at its start.
      if (environmentOf(pid).includes(this.#root)) return isProcess(pid);
      const parent = statOf(pid)?.[1];
      return parent !== undefined && Number(parent) !== process.pid && this.#holdsOpen(pid) && isProcess(pid);
    });
  }

  /** Numbers that may be of processes younger than the task. */
  #candidates(): number[] {
    if (performance.now() - this.#startedAt >= NUMBERS_COME_ROUND_MS) return processes();
    if (this.#youngest === undefined) return processes().filter(pid => !this.#before.has(pid));
    const first = this.#youngest + 1;
    const count = (youngestProcess() ?? Number.POSITIVE_INFINITY) - this.#youngest;
    if (count < 0 || count > ASKED_ONE_BY_ONE) return processes();
    return Array.from({length: count}, (_, index) => first + index);
  }

  #holdsOpen(pid: number): boolean {
    try {
      const folder = `/proc/${pid}/fd`;
      return readdirSync(folder).some(name => linkOf(`${folder}/${name}`).startsWith(this.#root));
    } catch {
      // It has ended, or belongs to somebody else.
      return false;
    }
  }
}

function processes(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/** Linux gives numbers in order, to threads as well, and says the last one (man 7 pid_namespaces); else `undefined`. */
function youngestProcess(): number | undefined {
  try {
    const last = Number(readFileSync('/proc/sys/kernel/ns_last_pid', 'latin1'));
    return Number.isInteger(last) && last > 0 ? last : undefined;
  } catch {
    return undefined;
  }
}

/** False for a thread, which has a place in /proc under its own number as well. */
function isProcess(pid: number): boolean {
  try {
    const [, group] = /^Tgid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return Number(group) === pid;
  } catch {
    return false;
  }
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
