// What is said at the end of a run that failed on a full disk: where, how little is left, and what `pipe gc` would free.
// A stage without room only says that it exited with some code; this is why.

import {freeBytes} from '../host/reserve.ts';
import {formatBytes} from '../report/format.ts';
import {paletteOf} from '../report/palette.ts';
import type {RunSummary} from '../run/request.ts';
import type {Pipeline} from './pipeline.ts';
import type {Shell} from './shell.ts';

/** With less than this, whatever failed may have failed for want of room. Bytes. */
const LOW = 4 * 1024 * 1024;
const DAY_MS = 86_400_000;
const KEEP_DAYS = 30;

export async function tellFullDisk(
  {outside}: Shell,
  {workspace}: Pipeline,
  {outcomes}: RunSummary,
): Promise<void> {
  const failures = [...outcomes.values()].flatMap(each => (each.status === 'failed' ? [each.failure] : []));
  if (failures.length === 0) return;
  const free = freeBytes(workspace.store);
  if (free === undefined || free >= LOW) return;
  const {failed} = paletteOf(outside.stderr.colors);
  const advice = await adviceFor(workspace, outside.clock.now());
  outside.stderr.screen.write(
    `${failed('✗')} disk full: ${formatBytes(free)} left at ${workspace.store}; ${advice}\n`,
  );
}

/** What to do, from what a sweep would remove. */
async function adviceFor(workspace: Pipeline['workspace'], now: number): Promise<string> {
  const {sweep} = await import('../store/sweep.ts');
  const parts = {...workspace, code: workspace.code.shelf};
  for (const [days, command] of [
    [KEEP_DAYS, 'pipe gc --force'],
    [0, 'pipe gc --force --keep-days 0'],
  ] as const) {
    const swept = await sweep(parts, {keepForMs: days * DAY_MS, maxBytes: null}, 'plan', now);
    if (!swept.ok) return 'free some space and run again';
    const {bytes} = swept.value.removed;
    if (bytes > 0) return `\`${command}\` would free ${formatBytes(bytes)}`;
  }
  return 'all that the store holds is needed, so free some space elsewhere, and run again';
}
