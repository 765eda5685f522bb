// Watches over one running task: calls `stop` once, when its time is over or its signal is aborted, and says
// afterwards which of the two it was.

import {err} from '../core/result.ts';
import type {TaskAnswer} from './task.ts';

/** The longest time that a timer takes; beyond that a timeout is no timeout. Milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Stopper {
  readonly #signal: AbortSignal;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onAbort = (): void => this.#stop(err({reason: 'cancelled'}));
  readonly #stopTask: () => void;
  #stopped: TaskAnswer | undefined;

  constructor(timeoutMs: number | null, signal: AbortSignal, stop: () => void) {
    this.#signal = signal;
    this.#stopTask = stop;
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort, {once: true});
    if (timeoutMs !== null && timeoutMs <= LONGEST_TIMER_MS) {
      const afterMs = timeoutMs;
      this.#timer = setTimeout(() => this.#stop(err({reason: 'timed-out', afterMs})), timeoutMs);
    }
  }

  /** To be called when the task has ended: why it was stopped, if it was. */
  finish(): TaskAnswer | undefined {
    clearTimeout(this.#timer);
    this.#signal.removeEventListener('abort', this.#onAbort);
    return this.#stopped;
  }

  #stop(answer: TaskAnswer): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = answer;
    this.#stopTask();
  }
}
