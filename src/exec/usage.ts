// What one task took of the machine, measured in the process that ran it.

import {readFileSync, writeFileSync} from 'node:fs';
import type {Usage} from '../action/action.ts';

/** Begins when it is made. */
export class UsageMeter {
  readonly #before = process.cpuUsage();

  constructor() {
    try {
      // Forgets the peak of earlier tasks (man 5 proc).
      writeFileSync('/proc/self/clear_refs', '5');
    } catch {
      // Not Linux: the peak is that of the process.
    }
  }

  read(): Usage {
    const {user, system} = process.cpuUsage(this.#before);
    return {
      cpuMs: Math.round((user + system) / 1000),
      peakBytes: ownPeak() ?? process.resourceUsage().maxRSS * 1024,
    };
  }
}

/** In bytes; `undefined` where the system does not tell. */
function ownPeak(): number | undefined {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}
