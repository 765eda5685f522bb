import assert from 'node:assert/strict';
import {test} from 'node:test';
import stringWidth from 'string-width';
import type {InstanceId} from '../src/plan/plan.ts';
import {remainingTime} from '../src/report/estimate.ts';
import {renderFrame} from '../src/report/frame.ts';
import {plainPalette} from '../src/report/palette.ts';
import {RunState} from '../src/report/run-state.ts';
import {cached, executed, fingerprint, instance, planOf, type Said} from './rig/event-rig.ts';

const seeds = [0, 1, 2, 3].map(seed => instance('train', {optimizer: 'sam', seed}));
const [first, second, third] = seeds.map(({id}) => id) as [InstanceId, InstanceId, InstanceId, InstanceId];
const plan = planOf(seeds);

function stateAfter(...events: readonly (readonly [at: number, said: Said])[]): RunState {
  const state = new RunState();
  state.apply({at: 0, type: 'planned', run: 'r1', plan, selected: seeds.map(({id}) => id)});
  for (const [at, said] of events) state.apply({at, ...said});
  return state;
}

const started = (id: InstanceId): Said => ({
  type: 'started',
  id,
  fingerprint,
  stale: {why: 'never-run'},
  prefix: null,
  attempt: 1,
  executor: 'local',
});
const epoch = (id: InstanceId, done: number): Said => ({
  type: 'progress',
  id,
  progress: {done, total: 20, unit: 'epoch', detail: 'loss 0.213, accuracy 94.1 %'},
});

const midway = stateAfter(
  [0, {type: 'finished', id: first, outcome: cached}],
  [0, started(second)],
  [1000, epoch(second, 0)],
  [6000, epoch(second, 10)],
  [6000, started(third)],
  [6500, {type: 'log', id: third, stream: 'stdout', text: 'reading data\nreading labels\n'}],
);

const draw = (columns: number, rows = 24, state = midway): string[] =>
  renderFrame(state, {
    palette: plainPalette,
    now: 8000,
    columns,
    rows,
    recorded: () => undefined,
    remainingMs: 65_000,
  });

test('the live block shows what runs with bar, epoch, time left, loss and rate, and sums up below', () => {
  assert.deepEqual(draw(120), [
    '⠋ train[optimizer=sam,seed=1] ━━━━━━━━━━────────── epoch 10/20 0:07 left loss 0.213, accuracy 94.1 % 1.43/s',
    '⠋ train[optimizer=sam,seed=2]  0:02 reading labels',
    '━━━━━─────────────── 1/4  0:08, about 1:05 left  1 cached · 1 waiting',
  ]);
  assert.deepEqual(draw(80), [
    '⠋ train[optimizer=sam,seed=1] ━━━━━───── epoch 10/20 0:07 left loss 0.213',
    '⠋ train[optimizer=sam,seed=2]  0:02 reading labels',
    '━━╸─────── 1/4  0:08, about 1:05 left  1 cached · 1 waiting',
  ]);
  assert.deepEqual(draw(40), [
    '⠋ train[…m,seed=1] epoch 10/20 0:07',
    '⠋ train[…m,seed=2]  0:02 reading labels',
    '1/4  0:08 ~1:05  1 cached · 1 waiting',
  ]);
});

test('what runs elsewhere says where, and what waits there is one line, with who is there and what is free', () => {
  const away = (id: InstanceId): Said => ({
    type: 'started',
    id,
    fingerprint,
    stale: {why: 'never-run'},
    prefix: null,
    attempt: 1,
    executor: 'lab',
  });
  const state = stateAfter(
    [0, {type: 'room', executor: 'lab', machines: 2, slots: 8, busy: 1}],
    [1000, away(first)],
    [2000, away(second)],
    [3000, away(third)],
    [4000, {type: 'placed', id: second, host: 'node1'}],
  );
  assert.deepEqual(draw(80, 24, state).slice(0, 3), [
    '⠋ train[optimizer=sam,seed=1]  0:04 at node1',
    '… 2 queued at lab, the first for 7.0 s',
    '  lab: 2 workers, 7 of 8 slots free',
  ]);
});

test('no line of the live block is ever wider than the terminal', () => {
  for (let columns = 10; columns <= 140; columns++) {
    for (const line of draw(columns)) assert.ok(stringWidth(line) <= columns, `${columns}: ${line}`);
  }
});

test('a low terminal shows some of what runs and says how many more', () => {
  const many = stateAfter(...seeds.map(({id}) => [0, started(id)] as const));
  const lines = draw(80, 8, many);
  assert.equal(lines.length, 3);
  assert.equal(lines[1], '  and 3 more');
});

test('the time left is what remains shared by the slots, never less than the longest instance', () => {
  const state = stateAfter(
    [0, {type: 'finished', id: first, outcome: executed(4000)}],
    [4000, started(second)],
  );
  const unknown = (): undefined => undefined;
  // One second of 4 is done; two more of the same stage wait.
  assert.equal(remainingTime(state, 5000, 1, unknown), 3000 + 4000 + 4000);
  assert.equal(remainingTime(state, 5000, 2, unknown), 5500);
  assert.equal(remainingTime(state, 5000, 100, unknown), 4000);
  assert.equal(remainingTime(stateAfter(), 0, 2, unknown), undefined);
});

test('what the display measures of a line does not grow with the line', () => {
  // Counted, not timed: every character that is looked at after the state has taken an event is one that it kept.
  const kept = [1e3, 1e5, 1e6].map(length => {
    const log: Said = {type: 'log', id: second, stream: 'stdout', text: `${'x'.repeat(length)}\n`};
    const progress = {done: 1, total: 2, unit: 'x'.repeat(length), detail: 'a, '.repeat(length)};
    const state = stateAfter([0, started(second)], [1, log], [2, {type: 'progress', id: second, progress}]);
    const running = state.running.get(second);
    assert.ok(running);
    assert.ok(running.lastLine.startsWith('xxx'));
    return [running.lastLine, running.progress?.unit, running.progress?.detail].join('').length;
  });
  assert.deepEqual(new Set(kept).size, 1, kept.join());
  const last = stateAfter(
    [0, started(second)],
    [1, {type: 'log', id: second, stream: 'stdout', text: 'a\n b \r\n\n'}],
  );
  assert.equal(last.running.get(second)?.lastLine, 'b');
});
