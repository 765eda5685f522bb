// The display of a run where there is no terminal: lines are only ever appended, and long silences are broken by
// one line that says what runs.

import type {RunEvent} from '../run/event.ts';
import {formatDuration} from './format.ts';
import {LineComposer} from './lines.ts';
import type {Palette} from './palette.ts';
import {placeLines, placeOf, waitingLines} from './places.ts';
import {printableEvent} from './printable-event.ts';
import type {Clock, Reporter, Screen} from './reporter.ts';
import {RunState, settledCount} from './run-state.ts';
import {renderSummary} from './summary.ts';

export interface PlainOptions {
  readonly palette: Palette;
  readonly clock: Clock;
  readonly screen: Pick<Screen, 'write'>;
  readonly announcesStarts: boolean;
  readonly showsLogs: boolean;
}

/** Continuous integration ends jobs that say nothing for minutes. */
const SILENCE_MS = 30_000;
const NAMED_RUNNING = 3;

export class PlainDisplay implements Reporter {
  readonly #state = new RunState();
  readonly #composer: LineComposer;
  readonly #options: PlainOptions;
  readonly #stopTicking: () => void;
  #spokeAt: number;

  constructor(options: PlainOptions) {
    this.#options = options;
    this.#composer = new LineComposer(this.#state, options);
    this.#spokeAt = options.clock.now();
    this.#stopTicking = options.clock.every(SILENCE_MS / 2, () => this.#breakSilence());
  }

  readonly onEvent = (told: RunEvent): void => {
    const event = printableEvent(told);
    this.#state.apply(event);
    const lines = this.#composer.compose(event);
    if (event.type === 'run-finished') {
      lines.push(...renderSummary(this.#state, event, this.#options.palette));
    }
    this.#write(lines);
  };

  close(): void {
    this.#stopTicking();
  }

  #breakSilence(): void {
    const {palette, clock} = this.#options;
    const now = clock.now();
    const running = [...this.#state.running.values()];
    if (running.length === 0 || now - this.#spokeAt < SILENCE_MS) return;
    const named = running.slice(0, NAMED_RUNNING).map(each => {
      const {id, progress, startedAt} = each;
      const figures = progress === null ? '' : `, ${progress.unit} ${progress.done}/${progress.total}`;
      const place = placeOf(each, this.#state);
      return `${id} (${formatDuration(now - startedAt)}${place === '' ? '' : ` ${place}`}${figures})`;
    });
    const more = running.length > NAMED_RUNNING ? ` and ${running.length - NAMED_RUNNING} more` : '';
    const done = `${settledCount(this.#state.counts)}/${this.#state.total}`;
    this.#write([
      palette.dim(`… ${done} done; running ${named.join(', ')}${more}`),
      ...waitingLines(this.#state, now, palette),
      ...placeLines(this.#state, palette),
    ]);
  }

  #write(lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.#spokeAt = this.#options.clock.now();
    this.#options.screen.write(lines.map(line => `${line}\n`).join(''));
  }
}
