import assert from 'node:assert/strict';
import {test} from 'node:test';
import type {InstanceId} from '../src/plan/plan.ts';
import {LiveDisplay} from '../src/report/live.ts';
import {plainPalette} from '../src/report/palette.ts';
import {PlainDisplay} from '../src/report/plain.ts';
import type {Clock} from '../src/report/reporter.ts';
import {
  cached,
  countsOf,
  executed,
  failed,
  fingerprint,
  instance,
  planOf,
  type Said,
} from './rig/event-rig.ts';
import {ScreenReader} from './rig/screen.ts';

const download = instance('download');
const grid = [0.1, 0.2].map(lr => instance('grid', {lr}, [download.id]));
const train = instance(
  'train',
  {},
  grid.map(({id}) => id),
);
const table = instance('table', {}, [train.id], {publish: 'results/study'});
const plan = planOf([download, ...grid, train, table]);
const ids = plan.instances.map(({id}) => id);

const planned: Said = {type: 'planned', run: 'r1', plan, selected: ids};
const end = (id: InstanceId, outcome: Extract<Said, {type: 'finished'}>['outcome']): Said => ({
  type: 'finished',
  id,
  outcome,
});
const start = (id: InstanceId): Said => ({
  type: 'started',
  id,
  fingerprint,
  stale: {why: 'never-run'},
  prefix: null,
  attempt: 1,
  executor: 'local',
});

/** A clock that stands still until the test moves it. */
class HandClock implements Clock {
  time = 0;
  readonly #ticks: (() => void)[] = [];
  readonly now = (): number => this.time;
  readonly every = (_: number, tick: () => void): (() => void) => {
    this.#ticks.push(tick);
    return () => void this.#ticks.splice(this.#ticks.indexOf(tick), 1);
  };
  advance(ms: number): void {
    this.time += ms;
    for (const tick of [...this.#ticks]) tick();
  }
}

function plainLines(events: readonly Said[], more: {readonly showsLogs?: boolean} = {}): string[] {
  let text = '';
  const display = new PlainDisplay({
    palette: plainPalette,
    clock: new HandClock(),
    screen: {write: said => void (text += said)},
    announcesStarts: false,
    showsLogs: more.showsLogs ?? false,
  });
  for (const said of events) display.onEvent({at: 0, ...said});
  display.close();
  return text.trimEnd().split('\n');
}

test('cached instances are folded into one line per stage, and early cutoff is said', () => {
  const lines = plainLines([
    planned,
    end(download.id, executed(340, {sameBytes: true})),
    ...grid.map(({id}) => end(id, cached)),
    end(train.id, cached),
    end(table.id, cached),
    {type: 'run-finished', counts: countsOf({executed: 1, cached: 4}), durationMs: 400},
  ]);
  assert.deepEqual(lines, [
    '✓ download  0.3 s  = unchanged output  (params.lr 0.1 → 0.05)',
    '● grid 2 cached',
    '● train cached',
    '● table cached',
    '= unchanged output of download → 4 downstream stay cached',
    '✓ 1 executed, 4 cached in 0.4 s',
  ]);
});

test('a failure is said when it happens and again at the end with its log, what to do, and what was skipped', () => {
  const lines = plainLines([
    planned,
    end(download.id, cached),
    end(grid[0]?.id ?? download.id, failed('Expected labels below 10, got 12')),
    end(grid[1]?.id ?? download.id, cached),
    end(train.id, {status: 'skipped', because: grid[0]?.id ?? download.id}),
    end(table.id, {status: 'skipped', because: train.id}),
    {type: 'run-finished', counts: countsOf({failed: 1, cached: 2, skipped: 2}), durationMs: 400},
  ]);
  assert.deepEqual(lines, [
    '● download cached',
    '✗ grid[lr=0.1]  Expected labels below 10, got 12',
    '● grid 1 cached',
    '',
    '✗ grid[lr=0.1] failed',
    '  │ Expected labels below 10, got 12',
    '  │ help: look at the labels',
    '  │ the end of its log:',
    '  │   epoch 1',
    '  │   epoch 2',
    "  whole log: pipe log 'grid[lr=0.1]'",
    '',
    '✗ 1 failed, 2 skipped, 2 cached in 0.4 s',
  ]);
});

test('a run in which everything is cached says so in one line more than its stages', () => {
  const lines = plainLines([
    planned,
    ...ids.map(id => end(id, cached)),
    {type: 'run-finished', counts: countsOf({cached: 5}), durationMs: 90},
  ]);
  assert.equal(lines.length, 5);
  assert.equal(lines.at(-1), '✓ nothing to do: 5 cached in 90 ms');
  const many = Array.from({length: 40}, (_, index) => instance(`stage${index}`));
  const folded = plainLines([
    {type: 'planned', run: 'r1', plan: planOf(many), selected: many.map(({id}) => id)},
    ...many.map(({id}) => end(id, cached)),
    {type: 'run-finished', counts: countsOf({cached: 40}), durationMs: 90},
  ]);
  assert.deepEqual(folded, ['● 40 stages, 40 instances cached', '✓ nothing to do: 40 cached in 90 ms']);
});

test('logs are printed behind their instance where they are asked for, and nowhere else', () => {
  const events: Said[] = [
    planned,
    start(train.id),
    {type: 'log', id: train.id, stream: 'stdout', text: 'a\nb\n'},
  ];
  assert.deepEqual(plainLines(events, {showsLogs: true}), ['train | a', 'train | b']);
  assert.deepEqual(plainLines(events), ['']);
});

test('a long silence without a terminal is broken by a line that says what runs', () => {
  const clock = new HandClock();
  let text = '';
  const display = new PlainDisplay({
    palette: plainPalette,
    clock,
    screen: {write: said => void (text += said)},
    announcesStarts: false,
    showsLogs: false,
  });
  for (const said of [planned, start(train.id)]) display.onEvent({at: 0, ...said});
  clock.advance(15_000);
  assert.equal(text, '');
  clock.advance(15_000);
  assert.equal(text, '… 0/5 done; running train (30.0 s)\n');
});

interface Live {
  readonly display: LiveDisplay;
  readonly clock: HandClock;
  readonly screen: ScreenReader;
  readonly writes: string[];
  readonly settle: () => Promise<void>;
  readonly resize: (columns: number, rows: number) => void;
}

function live(columns: number, rows: number): Live {
  const screen = new ScreenReader(columns, rows);
  const clock = new HandClock();
  const writes: string[] = [];
  let size = {columns, rows};
  const display = new LiveDisplay({
    palette: plainPalette,
    clock,
    screen: {write: text => void writes.push(text), size: () => size},
    slots: 2,
    recorded: () => undefined,
    announcesStarts: false,
    showsLogs: false,
  });
  let sent = 0;
  const settle = async (): Promise<void> => {
    for (; sent < writes.length; sent++) await screen.write((writes[sent] ?? '').replaceAll('\n', '\r\n'));
  };
  const resize = (toColumns: number, toRows: number): void => {
    size = {columns: toColumns, rows: toRows};
    screen.resize(toColumns, toRows);
  };
  return {display, clock, screen, writes, settle, resize};
}

test('the live block stays at the bottom, finished lines scroll above it, and the end leaves only those', async () => {
  const {display, clock, screen, settle} = live(80, 12);
  display.onEvent({at: 0, ...planned});
  display.onEvent({at: 0, ...end(download.id, cached)});
  for (const {id} of grid) display.onEvent({at: 0, ...start(id)});
  clock.advance(100);
  await settle();
  assert.deepEqual(screen.lines(), [
    '● download cached',
    '⠙ grid[lr=0.1]  0:00',
    '⠙ grid[lr=0.2]  0:00',
    '━━──────── 1/5  0:00  1 cached · 2 waiting',
  ]);
  assert.ok(screen.isCursorHidden());
  for (const {id} of grid) display.onEvent({at: 100, ...end(id, executed(100))});
  for (let frame = 0; frame < 20; frame++) clock.advance(100);
  await settle();
  assert.deepEqual(screen.lines(), [
    '● download cached',
    '✓ grid[lr=0.1]  0.1 s  (params.lr 0.1 → 0.05)',
    '✓ grid[lr=0.2]  0.1 s',
    '━━━━━━──── 3/5  0:02  1 cached · 2 executed · 2 waiting',
  ]);
  display.onEvent({at: 100, ...end(train.id, cached)});
  display.onEvent({at: 100, ...end(table.id, cached)});
  display.onEvent({
    at: 100,
    type: 'run-finished',
    counts: countsOf({executed: 2, cached: 3}),
    durationMs: 2100,
  });
  await settle();
  assert.deepEqual(screen.lines().slice(3), [
    '● train cached',
    '● table cached',
    '✓ 2 executed, 3 cached in 2.1 s',
  ]);
  assert.ok(!screen.isCursorHidden());
});

test('each frame is one write inside a synchronized update, and nothing is written once it is closed', () => {
  const {display, clock, writes} = live(80, 24);
  display.onEvent({at: 0, ...planned});
  display.onEvent({at: 0, ...start(train.id)});
  clock.advance(100);
  clock.advance(100);
  assert.equal(writes.length, 2);
  for (const text of writes) {
    assert.ok(text.startsWith('\u001b[?2026h') && text.endsWith('\u001b[?2026l'), JSON.stringify(text));
  }
  display.close();
  assert.ok(writes.at(-1)?.endsWith('\u001b[?25h'));
  display.close();
  clock.advance(100);
  assert.equal(writes.length, 3);
});

test('a terminal that becomes narrower keeps no leftovers of the block', async () => {
  const {display, clock, screen, settle, resize} = live(80, 24);
  display.onEvent({at: 0, ...planned});
  for (const {id} of grid) display.onEvent({at: 0, ...start(id)});
  clock.advance(100);
  await settle();
  resize(34, 24);
  clock.advance(100);
  await settle();
  assert.deepEqual(screen.lines(), ['⠹ grid[lr=0.1]  0:00', '⠹ grid[lr=0.2]  0:00', '0/5  0:00  3 waiting']);
});

test('the first Ctrl-C is answered by a line that says what it does', async () => {
  const {display, screen, settle} = live(80, 24);
  display.onEvent({at: 0, ...planned});
  display.onEvent({at: 0, ...start(train.id)});
  display.onEvent({at: 0, type: 'stopping', how: 'draining'});
  await settle();
  assert.deepEqual(screen.lines(), [
    '■ stopping: 1 instance may finish; press Ctrl-C again to stop at once',
    '⠋ train  0:00',
    '────────── 0/5 stopping  0:00  4 waiting',
  ]);
});
