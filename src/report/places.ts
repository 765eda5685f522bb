// Where a run's work is, for displays: which machine has what, what waits at which executor and for how long, and what is
// free there. Of a run on this machine alone it says nothing.

import {formatDuration, plural} from './format.ts';
import type {Palette} from './palette.ts';
import type {Running, RunState} from './run-state.ts';

/** `at node7`, `waits at lab`; empty on this machine, where all that runs is here. */
export function placeOf({executor, host}: Running, state: RunState): string {
  if (!state.rooms.has(executor)) return '';
  return host === null ? `waits at ${executor}` : `at ${host}`;
}

/** One line for each executor where something waits: how many, and the longest wait. */
export function waitingLines(state: RunState, now: number, palette: Palette): string[] {
  const waiting = new Map<string, Running[]>();
  for (const each of state.running.values()) {
    if (each.host !== null || !state.rooms.has(each.executor)) continue;
    waiting.set(each.executor, [...(waiting.get(each.executor) ?? []), each]);
  }
  return [...waiting].map(([executor, all]) => {
    const since = Math.min(...all.map(({startedAt}) => startedAt));
    return palette.dim(`… ${all.length} queued at ${executor}, the first for ${formatDuration(now - since)}`);
  });
}

/** One line for each executor on other machines: who is there, and what is free. */
export function placeLines(state: RunState, palette: Palette): string[] {
  return [...state.rooms].map(([executor, {machines, slots, busy}]) => {
    const free = `${Math.max(0, slots - busy)} of ${plural(slots, 'slot')} free`;
    return palette.dim(
      machines === 0
        ? `  ${executor}: nobody is there`
        : `  ${executor}: ${plural(machines, 'worker')}, ${free}`,
    );
  });
}
