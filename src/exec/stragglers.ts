// Processes that outlive their task: what it started in a session of its own, with or without its environment. They are
// ended before its outputs are taken in, since one of them may hold an output open and write into what is recorded.

import {readdirSync, readFileSync, readlinkSync} from 'node:fs';
import {statOf} from '../host/process-identity.ts';
import {killAll} from './process-group.ts';

/** In a longer time numbers of processes may come round, so that an old number can be a new process. Milliseconds. */
const NUMBERS_COME_ROUND_MS = 10_000;

export class Stragglers {
  readonly #root: string;
  readonly #startedAt = performance.now();
  /** Who was there before the task: cannot be of it. */
  readonly #before: ReadonlySet<number>;

  /** To be made before the task is started. `root`: its sandbox, absolute and without symbolic links. */
  constructor(root: string) {
    this.#root = `${root}/`;
    this.#before = new Set(processes());
  }

  /** Resolves when none is left. Does nothing where there is no /proc. */
  async end(): Promise<void> {
    await killAll(() => this.#find());
  }

  #find(): number[] {
    const isShort = performance.now() - this.#startedAt < NUMBERS_COME_ROUND_MS;
    return processes().filter(pid => {
      if (pid === process.pid || (isShort && this.#before.has(pid))) return false;
      // Its home is below the sandbox; a process kept warm for the next task never had it at its start.
      if (environmentOf(pid).includes(this.#root)) return true;
      const parent = Number(statOf(pid)?.[1]);
      return parent !== process.pid && this.#holdsOpen(pid);
    });
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
