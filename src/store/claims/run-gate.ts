// Keeps the sweep away from runs: any number of runs at once, or one sweep alone. Each process writes one file of its
// own name and then looks at the others (so one of two always sees the other); a dead process's file counts for nothing.
// Files instead of a database, as a run that finds everything cached opens no database at all.

import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import {err, ok, type Result} from '../../core/result.ts';
import {isHeldByAnyone, namesIn, removeFile, temporaryName} from '../../host/atomic-file.ts';
import {ownIdentity} from '../../host/process-identity.ts';
import type {Holder} from '../store.ts';

const pollMs = 20;

export interface Pass {
  readonly leave: () => void;
}

export class RunGate {
  readonly #folder: string;
  readonly #now: () => number;

  /** `store`: the store's folder. */
  constructor(store: string, now: () => number) {
    this.#now = now;
    this.#folder = join(store, 'running');
  }

  /** A run comes in; waits while a sweep is under way. Throws errors of the system. */
  async enterRun(signal: AbortSignal): Promise<Pass | undefined> {
    const pass = this.#announce('run');
    while (this.#others(pass.name, 'sweep').length > 0) {
      if (signal.aborted) {
        pass.leave();
        return undefined;
      }
      await setTimeout(pollMs);
    }
    return pass;
  }

  /** A sweep comes in, or learns who is in its way. Throws errors of the system. */
  enterSweep(): Result<Pass, Holder> {
    const pass = this.#announce('sweep');
    const others = [...this.#others(pass.name, 'run'), ...this.#others(pass.name, 'sweep')];
    const first = others[0];
    if (first === undefined) return ok(pass);
    pass.leave();
    return err({pid: Number.parseInt(first, 10), host: ownIdentity().host});
  }

  #announce(what: 'run' | 'sweep'): Pass & {readonly name: string} {
    const name = `${temporaryName()}.${what}`;
    const path = join(this.#folder, name);
    mkdirSync(this.#folder, {recursive: true});
    writeFileSync(path, '');
    return {name, leave: () => removeFile(path)};
  }

  /** Those of a kind who live; what the dead of any kind left goes. */
  #others(own: string, what: 'run' | 'sweep'): string[] {
    return namesIn(this.#folder).filter(name => {
      if (name === own) return false;
      if (isHeldByAnyone(this.#folder, name, this.#now())) return name.endsWith(`.${what}`);
      removeFile(join(this.#folder, name));
      return false;
    });
  }
}
