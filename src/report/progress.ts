// Chooses how a run is shown: live on a terminal, plain lines elsewhere.

import type {RecordedDuration} from './estimate.ts';
import type {Palette} from './palette.ts';
import {PlainDisplay} from './plain.ts';
import type {Clock, Reporter, Screen} from './reporter.ts';

export interface ProgressOptions {
  /** False for pipes, files and continuous integration. */
  readonly isTerminal: boolean;
  readonly palette: Palette;
  readonly clock: Clock;
  readonly screen: Screen;
  readonly slots: number;
  readonly recorded: RecordedDuration;
  /** Say of each instance when it starts and why. */
  readonly announcesStarts: boolean;
  readonly showsLogs: boolean;
}

export async function createProgress(options: ProgressOptions): Promise<Reporter> {
  if (!options.isTerminal) return new PlainDisplay(options);
  const {LiveDisplay} = await import('./live.ts');
  return new LiveDisplay(options);
}
