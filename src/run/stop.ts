// How far a run has been told to stop. It only ever goes on: nothing that has been told to stop starts again.

import {setMaxListeners} from 'node:events';

export class Stop {
  #state: 'no' | 'failed' | 'draining' | 'killing' = 'no';
  readonly #drain = new AbortController();
  readonly #kill = new AbortController();

  constructor() {
    // Everything that runs listens, and that may be a thousand jobs elsewhere.
    setMaxListeners(0, this.#drain.signal, this.#kill.signal);
  }

  /** Nothing new starts. */
  get isStopping(): boolean {
    return this.#state !== 'no';
  }

  /** Somebody asked for it. */
  get isAsked(): boolean {
    return this.#state === 'draining' || this.#state === 'killing';
  }

  /** Aborts when nothing new starts any more. */
  get drain(): AbortSignal {
    return this.#drain.signal;
  }

  /** Aborts when what runs is stopped as well. */
  get kill(): AbortSignal {
    return this.#kill.signal;
  }

  /** A failure ends the run, and with it what runs. */
  fail(): void {
    if (this.#state !== 'no') return;
    this.#state = 'failed';
    this.#drain.abort();
    this.#kill.abort();
  }

  /**
   * The first call lets what runs finish, the second stops it, as one with `at-once` does; `undefined` when there is
   * nothing more to stop.
   */
  ask(how: 'in-order' | 'at-once'): 'draining' | 'killing' | undefined {
    if (this.#state === 'killing') return undefined;
    this.#state = this.#state === 'draining' || how === 'at-once' ? 'killing' : 'draining';
    this.#drain.abort();
    if (this.#state === 'killing') this.#kill.abort();
    return this.#state;
  }
}
