// Waiting for a store that does not answer, for those who cannot go on without it.

import {setTimeout as sleep} from 'node:timers/promises';
import type {RemoteTier} from './tier.ts';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

export interface Patience {
  /** The store is given up after so long. Milliseconds. */
  readonly forMs: number;
  /** Ends the waiting at once. */
  readonly signal: AbortSignal;
  /** Called after each time that it did not answer. */
  readonly onSilence: () => void;
}

/** Does something again and again as long as it fails because the store does not answer. */
export async function patiently<T extends {readonly ok: boolean}>(
  tier: RemoteTier | null,
  {forMs, signal, onSilence}: Patience,
  work: () => Promise<T>,
): Promise<T> {
  let waited = 0;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    tier?.tryAgain();
    const before = tier?.failures;
    const answer = await work();
    if (answer.ok || tier?.failures === before || waited >= forMs || signal.aborted) return answer;
    onSilence();
    await sleep(pause, undefined, {signal}).catch(() => undefined);
    waited += pause;
  }
}
