// Keeps the sweep away from runs: any number of runs at once, or one sweep alone. Each process writes one file of its
// own name and then looks at the others (so one of two always sees the other); a dead process's file counts for nothing.

import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import {err, ok, type Result} from '../../core/result.ts';
import {namesIn, removeFile, temporaryName} from '../../host/atomic-file.ts';
import {giveSigns, Observer, signsOf} from '../../host/presence.ts';
import {fillReserve, withReserve} from '../../host/reserve.ts';
import type {Holder} from '../store.ts';
import {holderOf} from './claim.ts';

const pollMs = 20;
/** While a sweep finds out whether somebody elsewhere lives. */
const watchMs = 50;

export interface Pass {
  readonly leave: () => void;
}

export class RunGate {
  readonly #store: string;
  readonly #folder: string;
  readonly #observer: Observer;

  /** `store`: the store's folder. */
  constructor(store: string, observer = new Observer(store)) {
    this.#store = store;
    this.#folder = signsOf(store);
    this.#observer = observer;
  }

  /** Works as a sweep does, beside nobody; `busy` where somebody is at work. Throws errors of the system. */
  async alone<T, E>(
    work: () => Promise<Result<T, E>>,
  ): Promise<Result<T, E | {readonly reason: 'busy'; readonly by: Holder}>> {
    const pass = await this.enterSweep();
    if (!pass.ok) return err({reason: 'busy', by: pass.error});
    try {
      return await work();
    } finally {
      pass.value.leave();
    }
  }

  /** A run comes in; waits while a sweep is under way. Throws errors of the system. */
  async enterRun(signal: AbortSignal): Promise<Pass | undefined> {
    fillReserve(this.#store);
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

  /**
   * A sweep comes in, or learns who is in its way. Of processes that cannot be asked it watches the signs of life, for
   * as long as it takes to know. Throws errors of the system.
   */
  async enterSweep(): Promise<Result<Pass, Holder>> {
    const pass = this.#announce('sweep');
    for (;;) {
      const others = [...this.#others(pass.name, 'run'), ...this.#others(pass.name, 'sweep')];
      const alive = others.find(name => this.#observer.isAlive(name) === true);
      if (alive !== undefined) {
        pass.leave();
        return err(holderOf(alive));
      }
      if (others.length === 0) return ok(pass);
      await setTimeout(watchMs);
    }
  }

  #announce(what: 'run' | 'sweep'): Pass & {readonly name: string} {
    const stopSigns = giveSigns(this.#store);
    const name = `${temporaryName()}.${what}`;
    const path = join(this.#folder, name);
    withReserve(this.#store, () => writeFileSync(path, ''));
    const leave = (): void => {
      removeFile(path);
      stopSigns();
    };
    return {name, leave};
  }

  /** Those of a kind who may live; what the dead of any kind left goes. */
  #others(own: string, what: 'run' | 'sweep'): string[] {
    return namesIn(this.#folder).filter(name => {
      if (name === own) return false;
      if (this.#observer.isAlive(name) !== false) return name.endsWith(`.${what}`);
      removeFile(join(this.#folder, name));
      return false;
    });
  }
}
