// What a command under a shell takes of the machine, watched from outside: CPU time by what its shell has waited for,
// memory by looking at its processes now and then. Of a command that ends before the first look no memory is known.

import {readFileSync} from 'node:fs';
import type {Usage} from '../action/action.ts';
import {childrenOf} from './process-group.ts';

const FIRST_LOOK_MS = 20;
const LOOK_EVERY_MS = 250;
/** The kernel tells CPU time in hundredths of a second. */
const TICK_MS = 10;

export class CommandMeter {
  readonly #shell: number;
  readonly #cpuBefore: number | undefined;
  #peakBytes = 0;
  #timer: NodeJS.Timeout;

  /** `shell`: the process whose children are the command. Begins when it is made. */
  constructor(shell: number) {
    this.#shell = shell;
    this.#cpuBefore = cpuOfChildren(shell);
    this.#timer = setTimeout(() => this.#look(), FIRST_LOOK_MS).unref();
  }

  end(): Usage {
    clearTimeout(this.#timer);
    const after = cpuOfChildren(this.#shell);
    const isKnown = after !== undefined && this.#cpuBefore !== undefined;
    return {
      cpuMs: isKnown ? after - this.#cpuBefore : null,
      peakBytes: this.#peakBytes > 0 ? this.#peakBytes : null,
    };
  }

  #look(): void {
    let bytes = 0;
    const pids = childrenOf(this.#shell);
    for (const pid of pids) {
      bytes += residentOf(pid);
      pids.push(...childrenOf(pid));
    }
    this.#peakBytes = Math.max(this.#peakBytes, bytes);
    this.#timer = setTimeout(() => this.#look(), LOOK_EVERY_MS).unref();
  }
}

/** Milliseconds, of children that have ended. */
function cpuOfChildren(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // After the name, in parentheses, which may hold anything; `cutime` and `cstime` (man 5 proc).
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[13]) + Number(fields[14])) * TICK_MS;
  } catch {
    return undefined;
  }
}

function residentOf(pid: number): number {
  try {
    const [, kibibytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return Number(kibibytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}
