// How far a run has been told to stop. It only ever goes on: nothing that has been told to stop starts again.

export class Stop {
  #state: 'no' | 'failed' | 'draining' | 'killing' = 'no';
  readonly #drain = new AbortController();
  readonly #kill = new AbortController();

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

  /** A failure ends the run once what runs has ended. */
  fail(): void {
    if (this.#state !== 'no') return;
    this.#state = 'failed';
    this.#drain.abort();
  }

  /** The first call lets what runs finish, the second stops it; `undefined` when there is nothing more to stop. */
  ask(): 'draining' | 'killing' | undefined {
    if (this.#state === 'killing') return undefined;
    this.#state = this.#state === 'draining' ? 'killing' : 'draining';
    this.#drain.abort();
    if (this.#state === 'killing') this.#kill.abort();
    return this.#state;
  }
}
