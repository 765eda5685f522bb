// The live block at the bottom of a terminal as lines of text, none wider than the terminal: what runs, with bar,
// figures and time left, and one line that sums up. A pure function of state, clock and size.

import sliceAnsi from 'slice-ansi';
import stringWidth from 'string-width';
import {type RecordedDuration, rateOf, remainingOf} from './estimate.ts';
import {formatClock} from './format.ts';
import type {Palette} from './palette.ts';
import {placeLines, placeOf, waitingLines} from './places.ts';
import {type Running, type RunState, settledCount} from './run-state.ts';

export interface FrameOptions {
  readonly palette: Palette;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly columns: number;
  readonly rows: number;
  readonly recorded: RecordedDuration;
  /** Milliseconds until the run ends, where that can be told. */
  readonly remainingMs: number | undefined;
}

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const SPIN_MS = 100;
/** The narrowest terminal that has room for a bar. */
const BAR_FROM_COLUMNS = 64;

/** At least one line; at most half of the terminal's rows. */
export function renderFrame(state: RunState, options: FrameOptions): string[] {
  const {palette, columns} = options;
  const room = Math.max(1, Math.floor(options.rows / 2) - 2);
  const all = [...state.running.values()];
  // What waits at an executor on other machines is many: one line tells of all of it.
  const running = all.filter(({executor, host}) => host !== null || !state.rooms.has(executor));
  const shown = running.slice(0, running.length > room ? room - 1 : room);
  const hidden = running.length - shown.length;
  const names = shown.map(({id}) => stringWidth(id));
  const nameWidth = Math.min(Math.max(0, ...names), Math.max(12, Math.floor(columns * 0.4)));
  const lines = shown.map(each => runningLine(each, nameWidth, placeOf(each, state), options));
  if (hidden > 0) lines.push(palette.dim(`  and ${hidden} more`));
  for (const [id, pid] of [...state.awaited].slice(0, 2)) {
    lines.push(
      `${palette.dim('…')} ${fit(id, nameWidth)} ${palette.dim(`made by another run (process ${pid})`)}`,
    );
  }
  lines.push(...waitingLines(state, options.now, palette), ...placeLines(state, palette));
  lines.push(summaryLine(state, options));
  return lines.map(line => sliceAnsi(line, 0, columns));
}

/** `place`: where it runs, where that is worth saying. */
function runningLine(running: Running, nameWidth: number, place: string, options: FrameOptions): string {
  const {palette, now, columns} = options;
  const spin = SPINNER[Math.floor(now / SPIN_MS) % SPINNER.length] ?? '';
  const name = pad(fit(running.id, nameWidth), nameWidth);
  const head = `${palette.running(spin)} ${palette.name(name)} `;
  const {progress} = running;
  const left = remainingOf(running, now, options.recorded);
  const elapsed = formatClock(now - running.startedAt);
  const said = columns >= BAR_FROM_COLUMNS ? ' left' : '';
  const time = left === undefined ? elapsed : `${formatClock(left)}${said}`;
  if (progress === null || progress.total <= 0) {
    const room = columns - nameWidth - 4 - time.length - (place === '' ? 0 : place.length + 1);
    const note = fit(running.lastLine, Math.max(0, room - 1));
    return `${head} ${[time, place, note]
      .filter(text => text !== '')
      .map(palette.dim)
      .join(' ')}`;
  }
  const figures = `${progress.unit} ${compact(progress.done)}/${compact(progress.total)}`;
  const parts: string[] = [];
  let room = columns - nameWidth - 3;
  const add = (text: string, painted: string): void => {
    const width = stringWidth(text) + 1;
    if (text === '' || width > room) return;
    room -= width;
    parts.push(painted);
  };
  if (columns >= BAR_FROM_COLUMNS) {
    const width = columns >= 100 ? 20 : 10;
    add('x'.repeat(width), bar(progress.done / progress.total, width, palette));
  }
  add(figures, figures);
  add(time, palette.dim(time));
  add(place, palette.dim(place));
  const rate = rateOf(running, now);
  const detail = detailThatFits(progress.detail ?? '', room - 1);
  add(detail, detail);
  if (rate !== undefined) {
    const text = `${compact(Number(rate.toPrecision(3)))}/s`;
    add(text, palette.dim(text));
  }
  return `${head}${parts.join(' ')}`;
}

/** As many parts of `loss 0.213, accuracy 94.1 %` as there is room for. */
function detailThatFits(detail: string, width: number): string {
  const parts = detail.split(', ');
  while (parts.length > 0 && stringWidth(parts.join(', ')) > width) parts.pop();
  return parts.join(', ');
}

function summaryLine(state: RunState, options: FrameOptions): string {
  const {palette, now, columns} = options;
  const {counts} = state;
  const done = settledCount(counts);
  const left = options.remainingMs;
  const waiting = Math.max(0, state.total - done - state.running.size);
  const tally = [
    counts.cached > 0 ? palette.cached(`${counts.cached} cached`) : '',
    counts.executed > 0 ? palette.done(`${counts.executed} executed`) : '',
    counts.failed > 0 ? palette.failed(`${counts.failed} failed`) : '',
    counts.skipped > 0 ? palette.warning(`${counts.skipped} skipped`) : '',
    waiting > 0 ? palette.dim(`${waiting} waiting`) : '',
  ].filter(text => text !== '');
  const elapsed = formatClock(now - state.startedAt);
  const isWide = columns >= BAR_FROM_COLUMNS;
  const clock =
    left === undefined || left < 1000
      ? elapsed
      : isWide
        ? `${elapsed}, about ${formatClock(left)} left`
        : `${elapsed} ~${formatClock(left)}`;
  const mode = state.stopping === 'no' ? '' : palette.warning(' stopping');
  const figures = `${done}/${state.total}`;
  const head = isWide
    ? `${bar(state.total === 0 ? 1 : done / state.total, columns >= 100 ? 20 : 10, palette)} `
    : '';
  return `${head}${palette.strong(figures)}${mode}  ${palette.dim(clock)}  ${tally.join(palette.dim(' · '))}`;
}

/** A bar with half-cell resolution. */
export function bar(share: number, width: number, palette: Palette): string {
  const halves = Math.round(Math.min(1, Math.max(0, share)) * width * 2);
  const full = Math.floor(halves / 2);
  const half = halves % 2 === 1 ? '╸' : '';
  return palette.running('━'.repeat(full) + half) + palette.dim('─'.repeat(width - full - half.length));
}

/** Cuts what is too wide, in the middle, where instances differ least. */
export function fit(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  if (width <= 1) return width === 1 ? '…' : '';
  const tail = Math.floor((width - 1) * 0.6);
  const whole = stringWidth(text);
  return `${sliceAnsi(text, 0, width - 1 - tail)}…${sliceAnsi(text, whole - tail)}`;
}

const pad = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - stringWidth(text)));

/** 1234567 → `1.23M`: figures of a download stay narrow. */
function compact(value: number): string {
  if (Math.abs(value) < 10_000) return String(Number(value.toFixed(2)));
  const units = ['k', 'M', 'G', 'T'];
  let scaled = value;
  let unit = -1;
  while (Math.abs(scaled) >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${scaled.toPrecision(3)}${units[unit] ?? ''}`;
}
