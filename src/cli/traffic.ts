// What went to and came from the store elsewhere, said when a run is over; and waiting until everything is there.

import {formatBytes, plural} from '../report/format.ts';
import {paletteOf} from '../report/palette.ts';
import {refuse} from './exit.ts';
import type {Shell} from './shell.ts';
import type {Workspace} from './workspace.ts';

/** Waits for what is being sent. Throws for a store that is down although it was called required. */
export async function settleTraffic({outside}: Shell, {tier}: Workspace): Promise<void> {
  if (tier === null) return;
  const {screen, colors} = outside.stderr;
  const palette = paletteOf(colors);
  // Sending may take longer than the run did: whoever waits should know for what.
  const waiting = setTimeout(() => screen.write(`${palette.dim('sending results to the store …')}\n`), 2_000);
  await tier.flush();
  clearTimeout(waiting);
  for (const notice of tier.takeNotices()) screen.write(`${palette.warning('!')} ${notice}\n`);
  const {fetched, sent} = tier.traffic;
  const parts = [
    fetched.blobs > 0 ? `fetched ${plural(fetched.blobs, 'blob')}, ${formatBytes(fetched.bytes)}` : '',
    sent.blobs > 0 ? `sent ${plural(sent.blobs, 'blob')}, ${formatBytes(sent.bytes)}` : '',
  ].filter(part => part !== '');
  if (parts.length > 0) screen.write(`${palette.dim(`store: ${parts.join('; ')}`)}\n`);
  const failure = tier.requiredFailure;
  if (failure !== undefined) {
    refuse(
      'store-down',
      `the required store ${failure.place} cannot be used: ${failure.message}`,
      failure.hint ?? undefined,
    );
  }
}
