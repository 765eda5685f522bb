// The display of a run on a terminal: finished lines scroll up, a block below them is redrawn in place. One write
// per frame, at most ten frames a second, each inside a synchronized update, so that nothing flickers.

import stringWidth from 'string-width';
import type {RunEvent} from '../run/event.ts';
import {type RecordedDuration, remainingTime} from './estimate.ts';
import {renderFrame} from './frame.ts';
import {LineComposer} from './lines.ts';
import type {Palette} from './palette.ts';
import {printableEvent} from './printable-event.ts';
import type {Clock, Reporter, Screen} from './reporter.ts';
import {RunState} from './run-state.ts';
import {renderSummary} from './summary.ts';

export interface LiveOptions {
  readonly palette: Palette;
  readonly clock: Clock;
  readonly screen: Screen;
  /** How many instances may run at once. */
  readonly slots: number;
  readonly recorded: RecordedDuration;
  readonly announcesStarts: boolean;
  readonly showsLogs: boolean;
}

const FRAME_MS = 100;
/** How often the time that remains is estimated anew: often enough, and steady to read. */
const ESTIMATE_MS = 1000;

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
/** Terminals that know it show everything in between at once; others ignore it. */
const BEGIN_UPDATE = '\u001b[?2026h';
const END_UPDATE = '\u001b[?2026l';
const CLEAR_BELOW = '\u001b[J';

export class LiveDisplay implements Reporter {
  readonly #state = new RunState();
  readonly #composer: LineComposer;
  readonly #options: LiveOptions;
  readonly #stopTicking: () => void;
  #lines: string[] = [];
  #block: readonly string[] = [];
  #isHidden = false;
  #isClosed = false;
  #estimate: {readonly at: number; readonly remainingMs: number | undefined} = {
    at: 0,
    remainingMs: undefined,
  };

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#composer = new LineComposer(this.#state, options);
    this.#stopTicking = options.clock.every(FRAME_MS, () => this.#draw());
  }

  readonly onEvent = (told: RunEvent): void => {
    const event = printableEvent(told);
    this.#state.apply(event);
    this.#lines.push(...this.#composer.compose(event));
    if (event.type === 'run-finished') {
      this.#lines.push(...renderSummary(this.#state, event, this.#options.palette));
      this.close();
    } else if (event.type === 'stopping') {
      this.#draw();
    }
  };

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopTicking();
    const text = `${this.#erase()}${this.#takeLines()}${this.#isHidden ? SHOW_CURSOR : ''}`;
    if (text !== '') this.#options.screen.write(text);
  }

  #draw(): void {
    if (this.#isClosed || this.#state.plan === null) return;
    const {palette, recorded, screen, clock} = this.#options;
    const {columns, rows} = screen.size();
    const now = clock.now();
    const erase = this.#erase();
    this.#lines.push(...this.#composer.flush());
    this.#block = renderFrame(this.#state, {
      palette,
      now,
      columns,
      rows,
      recorded,
      remainingMs: this.#remaining(now),
    });
    const hide = this.#isHidden ? '' : HIDE_CURSOR;
    this.#isHidden = true;
    screen.write(`${BEGIN_UPDATE}${hide}${erase}${this.#takeLines()}${this.#block.join('\n')}${END_UPDATE}`);
  }

  #remaining(now: number): number | undefined {
    if (now - this.#estimate.at >= ESTIMATE_MS) {
      const {slots, recorded} = this.#options;
      this.#estimate = {at: now, remainingMs: remainingTime(this.#state, now, slots, recorded)};
    }
    return this.#estimate.remainingMs;
  }

  #takeLines(): string {
    const text = this.#lines.map(line => `${line}\n`).join('');
    this.#lines = [];
    return text;
  }

  /** Back to where the block begins. A terminal that became narrower has wrapped its lines: count them so. */
  #erase(): string {
    if (this.#block.length === 0) return '';
    const {columns} = this.#options.screen.size();
    const height = this.#block.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(stringWidth(line) / Math.max(1, columns))),
      0,
    );
    this.#block = [];
    return `${height > 1 ? `\u001b[${height - 1}A` : ''}\r${CLEAR_BELOW}`;
  }
}
