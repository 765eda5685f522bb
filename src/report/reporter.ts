// What takes the events of a run and shows them: a live display, plain lines, or one JSON object per line.

import type {RunEvent} from '../run/event.ts';

export interface Reporter {
  readonly onEvent: (event: RunEvent) => void;
  /** Writes what is still due and leaves the terminal as it was found. May be called twice. */
  close(): void;
}

/** Where text goes, and how wide it is now; a terminal's size changes while a run goes on. */
export interface Screen {
  readonly write: (text: string) => void;
  readonly size: () => {readonly columns: number; readonly rows: number};
}

/** The passing of time, handed in by the command line. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Calls `tick` every `ms` until the returned function is called; keeps no process alive. */
  readonly every: (ms: number, tick: () => void) => () => void;
}
