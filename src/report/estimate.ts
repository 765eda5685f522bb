// How much longer a run takes, from how long its instances took before.

import type {InstanceId} from '../plan/plan.ts';
import type {Running, RunState} from './run-state.ts';

/** Milliseconds that an instance took when it ran last; `undefined` where it never did. */
export type RecordedDuration = (id: InstanceId) => number | undefined;

/** What one running instance still needs, by its own progress or else by its record; `undefined` if unknown. */
export function remainingOf(running: Running, now: number, recorded: RecordedDuration): number | undefined {
  const {progress, firstProgress} = running;
  if (progress !== null && firstProgress !== null) {
    const rate = rateOf(running, now);
    if (rate !== undefined) return (Math.max(0, progress.total - progress.done) / rate) * 1000;
  }
  const before = recorded(running.id);
  return before === undefined ? undefined : Math.max(0, before - (now - running.startedAt));
}

/** Units of progress per second since the first report; `undefined` while nothing can be said. */
export function rateOf(running: Running, now: number): number | undefined {
  const {progress, firstProgress} = running;
  if (progress === null || firstProgress === null) return undefined;
  const done = progress.done - firstProgress.done;
  const elapsed = now - firstProgress.at;
  return done > 0 && elapsed > 0 ? (done / elapsed) * 1000 : undefined;
}

/**
 * Milliseconds until the run ends if everything that waits has to run: what remains, shared by `slots`, and at
 * least the longest single remainder. An unknown instance counts as the mean of those of its stage that are
 * known; `undefined` while some stage has no such mean.
 */
export function remainingTime(
  state: RunState,
  now: number,
  slots: number,
  recorded: RecordedDuration,
): number | undefined {
  const means = stageMeans(state, recorded);
  let sum = 0;
  let longest = 0;
  for (const id of state.selected()) {
    if (state.settled.has(id)) continue;
    const running = state.running.get(id);
    const stage = state.instance(id)?.stage ?? '';
    const mean = means.get(stage);
    const left = running
      ? (remainingOf(running, now, recorded) ??
        (mean === undefined ? undefined : Math.max(0, mean - (now - running.startedAt))))
      : (recorded(id) ?? mean);
    if (left === undefined) return undefined;
    sum += left;
    longest = Math.max(longest, left);
  }
  return Math.max(longest, sum / Math.max(1, slots));
}

function stageMeans(state: RunState, recorded: RecordedDuration): ReadonlyMap<string, number> {
  const sums = new Map<string, {sum: number; count: number}>();
  for (const id of state.selected()) {
    const took = state.tookMs.get(id) ?? recorded(id);
    const stage = state.instance(id)?.stage;
    if (took === undefined || stage === undefined) continue;
    const before = sums.get(stage) ?? {sum: 0, count: 0};
    sums.set(stage, {sum: before.sum + took, count: before.count + 1});
  }
  return new Map([...sums].map(([stage, {sum, count}]) => [stage, sum / count]));
}
