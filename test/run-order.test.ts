// When instances run: order, slots, memory, GPUs, priorities; and how a run is stopped. Stages are held by the test.

import assert from 'node:assert/strict';
import {existsSync, readdirSync} from 'node:fs';
import {test} from 'node:test';
import type {RunEvent} from '../src/run/event.ts';
import {HeldStages} from './rig/held-stages.ts';
import {Ended, ProjectRig} from './rig/project-rig.ts';

const started = (events: readonly RunEvent[]): string[] =>
  events.flatMap(event => (event.type === 'started' ? [event.id] : []));

test('an instance starts when its producers have results, and not before', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  await using session = await rig.open();
  const {finished, events} = await session.start(`pipeline: p
stages:
  a: {run: '${held.shell('a')}; echo a > "$out_x"', out: {x: x}}
  b: {run: 'cat "$in_a/x" > "$out_x"', in: {a: a}, out: {x: x}}
`);
  const a = await held.next('a');
  assert.deepEqual(started(events), ['a']);
  a.release();
  const ended = new Ended(await finished, events);
  assert.deepEqual(ended.ids('executed'), ['a', 'b']);
});

test('no more instances run at once than there are CPU slots', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  await using session = await rig.open();
  const stages = ['a', 'b', 'c'].map(name => `  ${name}: {run: '${held.shell(name)}'}`);
  const {finished, events} = await session.start(`pipeline: p\nstages:\n${stages.join('\n')}\n`);
  const first = await held.next();
  const second = await held.next();
  assert.equal(started(events).length, 2);
  first.release();
  await first.gone;
  const third = await held.next();
  assert.deepEqual(started(events).length, 3);
  second.release();
  third.release();
  assert.equal((await finished).counts.executed, 3);
});

test('a stage that asks for two slots runs alone on a machine of two', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  await using session = await rig.open();
  const {finished, events} = await session.start(`pipeline: p
stages:
  wide: {run: '${held.shell('wide')}', resources: {cpus: 2}}
  narrow: {run: '${held.shell('narrow')}'}
`);
  const wide = await held.next();
  assert.deepEqual([wide.name, ...held.arrived], ['wide']);
  assert.deepEqual(started(events), ['wide']);
  wide.release();
  (await held.next('narrow')).release();
  assert.equal((await finished).counts.executed, 2);
});

test('memory is a resource: what does not fit waits, and what fits goes before it', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  await using session = await rig.open();
  const {finished, events} = await session.start(
    `pipeline: p
stages:
  big: {run: '${held.shell('big')}', resources: {memory: 700MiB}}
  large: {run: '${held.shell('large')}', resources: {memory: 600MiB}}
  small: {run: '${held.shell('small')}', resources: {memory: 100MiB}}
`,
    {machine: {cpus: 8, memory: 2 ** 30}},
  );
  const big = await held.next('big');
  const small = await held.next('small');
  assert.deepEqual(started(events), ['big', 'small']);
  small.release();
  big.release();
  (await held.next('large')).release();
  assert.equal((await finished).counts.executed, 3);
});

test('GPUs are handed out by id, one stage each; `optional` does without where there is none', async () => {
  await using rig = new ProjectRig();
  const text = `pipeline: p
stages:
  use:
    run: 'printf "%s" "\${CUDA_VISIBLE_DEVICES-unset}" > "$out_ids"'
    matrix: {n: [1, 2]}
    out: {ids: ids}
    resources: {gpu: GPU}
`;
  const ids = async (gpu: string, gpus: number[]): Promise<string[]> => {
    await using session = await rig.open();
    const ended = await session.run(text.replace('GPU', gpu), {
      machine: {gpus},
      forced: ['use[n=1]', 'use[n=2]'],
    });
    return ended.summary.plan.instances.map(({id}) => {
      const outcome = ended.outcome(id);
      if (outcome.status !== 'executed') return outcome.status;
      const digest = outcome.result.outputs.ids?.digest;
      const bytes = digest === undefined ? undefined : session.workspace.blobs.read(digest);
      return bytes?.ok ? bytes.value.toString() : 'nothing';
    });
  };
  assert.deepEqual(new Set(await ids('1', [3, 5])), new Set(['3', '5']));
  assert.deepEqual(await ids('1', [3]), ['3', '3']);
  assert.deepEqual(await ids('1', []), ['failed', 'failed']);
  assert.ok(!(await ids('optional', [])).includes('failed'));
});

test('the longest chain goes first', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  await using session = await rig.open();
  const {finished} = await session.start(
    `pipeline: p
stages:
  short: {run: '${held.shell('short')}'}
  long: {run: '${held.shell('long')}'}
  after: {run: '${held.shell('after')}', in: {x: long}}
`,
    {machine: {cpus: 1}},
  );
  (await held.next()).release();
  assert.equal(held.history[0], 'long');
  (await held.next()).release();
  (await held.next()).release();
  assert.equal((await finished).counts.executed, 3);
});

test('the first stop lets what runs finish and starts nothing more', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  await using session = await rig.open();
  const text = `pipeline: p
stages:
  a: {run: '${held.shell('a')}'}
  b: {run: 'true', in: {a: a}}
`;
  const {run, finished, events} = await session.start(text);
  const a = await held.next('a');
  run.stop();
  a.release();
  const ended = new Ended(await finished, events);
  assert.deepEqual([ended.ids('executed'), ended.ids('cancelled')], [['a'], ['b']]);
  assert.ok(ended.summary.isStopped);
  const again = await session.run(text);
  assert.deepEqual([again.ids('cached'), again.ids('executed')], [['a'], ['b']]);
});

test('the second stop ends what runs, and every process of it', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  await using session = await rig.open({graceMs: 100});
  const {run, finished, events} = await session.start(`pipeline: p
stages:
  stubborn: {run: 'trap "" TERM; (${held.shell('child')}) & ${held.shell('stubborn')}'}
  after: {run: 'true', in: {x: stubborn}}
`);
  const stage = await held.next('stubborn');
  const child = await held.next('child');
  run.stop();
  run.stop();
  const ended = new Ended(await finished, events);
  assert.deepEqual(ended.ids('cancelled'), ['stubborn', 'after']);
  await Promise.all([stage.gone, child.gone]);
  assert.deepEqual(readdirSync(rig.path('cache/sandboxes')), [], 'its sandbox is gone');
});

test('one failure leaves what does not depend on it running; fail-fast starts nothing more', async () => {
  await using rig = new ProjectRig();
  const text = `pipeline: p
stages:
  bad: {run: 'echo out of luck; exit 3'}
  below: {run: 'true', in: {x: bad}}
  deep: {run: 'true', in: {x: below}}
  other: {run: 'true'}
  later: {run: 'true', in: {x: other}}
`;
  const going = await rig.run(text, {machine: {cpus: 1}});
  assert.deepEqual(
    [going.ids('failed'), going.ids('skipped'), going.ids('executed')],
    [['bad'], ['below', 'deep'], ['other', 'later']],
  );
  const bad = going.outcome('bad');
  assert.ok(bad.status === 'failed');
  assert.deepEqual(bad.failure, {reason: 'exited', code: 3, signal: null});
  assert.deepEqual(bad.logTail, ['out of luck']);
  const deep = going.outcome('deep');
  assert.ok(deep.status === 'skipped' && deep.because === 'bad');

  const again = await rig.run(text.replaceAll("'true'", "'true; true'"), {
    mode: 'fail-fast',
    machine: {cpus: 1},
  });
  assert.deepEqual(again.ids('failed'), ['bad']);
  assert.ok(again.ids('cancelled').includes('later'), 'later had not begun');
  assert.equal(again.ids('executed').length, again.ids('executed').filter(id => id === 'other').length);
});

test('fail-fast ends what runs', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  await using session = await rig.open({graceMs: 50});
  const {finished, events} = await session.start(
    `pipeline: p
stages:
  slow: {run: '${held.shell('slow')}'}
  bad: {run: '${held.shell('bad')}'}
  later: {run: 'true', in: {x: slow}}
`,
    {mode: 'fail-fast'},
  );
  const slow = await held.next('slow');
  (await held.next('bad')).release('no');
  await slow.gone;
  const ended = new Ended(await finished, events);
  assert.deepEqual([ended.ids('failed'), ended.ids('cancelled')], [['bad'], ['slow', 'later']]);
});

test('one stop at once ends what runs', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  await using session = await rig.open({graceMs: 50});
  const {run, finished} = await session.start(`pipeline: p\nstages:\n  a: {run: '${held.shell('a')}'}\n`);
  const a = await held.next('a');
  run.stop('at-once');
  await a.gone;
  assert.equal((await finished).counts.cancelled, 1);
});

test('a run that waits for a sweep can be stopped', async () => {
  await using rig = new ProjectRig();
  await using session = await rig.open();
  const sweep = await session.workspace.gate.enterSweep();
  assert.ok(sweep.ok);
  const {run, finished, until} = await session.start(`pipeline: p\nstages:\n  a: {run: 'true'}\n`);
  await until(event => event.type === 'planned');
  run.stop();
  assert.equal((await finished).counts.cancelled, 1);
  sweep.value.leave();
});

test('retries wait longer each time, tell of every failure, and leave one result', async () => {
  await using rig = new ProjectRig();
  const ended = await rig.run(`pipeline: p
stages:
  flaky:
    run: 'n=$(cat tries 2>/dev/null || echo 0); echo $((n + 1)) > tries; test "$n" -ge 2; echo done > "$out_x"'
    out: {x: x}
    retries: {times: 3, backoff: 10ms}
    sandbox: project
`);
  const flaky = ended.outcome('flaky');
  assert.ok(flaky.status === 'executed');
  assert.equal(flaky.attempts, 3);
  const retries = ended.events.flatMap(event =>
    event.type === 'retrying' ? [[event.attempt, event.inMs, event.failure.reason]] : [],
  );
  // Uniform between half of it and all of it; the rig draws the middle.
  assert.deepEqual(retries, [
    [1, 8, 'exited'],
    [2, 15, 'exited'],
  ]);
});

test('a stage that never succeeds fails after its last try, and a stop does not wait for the pause', async () => {
  await using rig = new ProjectRig();
  const text = (backoff: string): string =>
    `pipeline: p\nstages:\n  bad: {run: 'exit 1', retries: {times: 2, backoff: ${backoff}}}\n`;
  const ended = await rig.run(text('1ms'));
  const bad = ended.outcome('bad');
  assert.ok(bad.status === 'failed' && bad.attempts === 3);

  await using session = await rig.open();
  const {run, finished, until} = await session.start(text('1h'));
  await until(event => event.type === 'retrying');
  run.stop();
  assert.equal((await finished).counts.failed, 1);
});

test('a stage that takes too long is ended with all its processes', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  await using session = await rig.open({graceMs: 50});
  const {finished, events} = await session.start(
    `pipeline: p\nstages:\n  slow: {run: '${held.shell('slow')}', timeout: 300ms}\n`,
  );
  const slow = await held.next('slow');
  await slow.gone;
  const ended = new Ended(await finished, events);
  const outcome = ended.outcome('slow');
  assert.ok(outcome.status === 'failed');
  assert.deepEqual(outcome.failure, {reason: 'timed-out', afterMs: 300});
});

test('a volatile stage runs every time; what is below it is cached while its bytes stay the same', async () => {
  await using rig = new ProjectRig();
  rig.write('today', 'monday\n');
  const text = `pipeline: p
stages:
  look: {run: 'cat today > "$out_day"', out: {day: day}, volatile: true, sandbox: project}
  use: {run: 'cat "$in_look/day" > "$out_x"', in: {look: look}, out: {x: x}}
`;
  await rig.run(text);
  const again = await rig.run(text);
  assert.deepEqual([again.ids('executed'), again.ids('cached')], [['look'], ['use']]);
  const look = again.outcome('look');
  assert.ok(look.status === 'executed' && look.sameBytes && look.stale.why === 'volatile');
  rig.write('today', 'tuesday\n');
  assert.deepEqual((await rig.run(text)).ids('executed'), ['look', 'use']);
});

test('a run about a part uses the rest from the cache, and says what it lacks', async () => {
  await using rig = new ProjectRig();
  const text = `pipeline: p
stages:
  a: {run: 'echo a > "$out_x"', out: {x: x}}
  b: {run: 'cat "$in_a/x" > "$out_x"', in: {a: a}, out: {x: x}}
`;
  const lacking = await rig.run(text, {selected: ['b']});
  assert.deepEqual([...lacking.summary.outcomes.keys()], ['b']);
  assert.deepEqual(lacking.ids('skipped'), ['b']);
  assert.deepEqual(
    lacking.summary.diagnostics.map(({message}) => message),
    ['expected a result of a, which is needed, got none that is up to date (first run)'],
  );
  await rig.run(text, {selected: ['a']});
  assert.deepEqual((await rig.run(text, {selected: ['b']})).ids('executed'), ['b']);
});

test('forcing runs what is known, and equal bytes leave the rest cached', async () => {
  await using rig = new ProjectRig();
  const text = `pipeline: p
stages:
  a: {run: 'echo a > "$out_x"', out: {x: x}}
  b: {run: 'cat "$in_a/x" > "$out_x"', in: {a: a}, out: {x: x}}
`;
  await rig.run(text);
  const forced = await rig.run(text, {forced: ['a']});
  assert.deepEqual([forced.ids('executed'), forced.ids('cached')], [['a'], ['b']]);
});

test('a matrix that a stage makes expands when its file is there', async () => {
  await using rig = new ProjectRig();
  rig.write('cells.json', '[{"seed": 1}, {"seed": 2}]');
  const text = `pipeline: p
stages:
  cells: {run: 'cp cells.json "$out_cells"', out: {cells: cells.json}, files: [cells.json]}
  fit: {run: 'echo "$seed" > "$out_x"', matrix: {from: cells}, out: {x: x}}
  all: {run: 'cat "$in_fit"/*/x > "$out_x"', in: {fit: {each: fit}}, out: {x: x}}
`;
  const ended = await rig.run(text);
  assert.deepEqual(ended.ids('executed'), ['cells', 'fit[seed=1]', 'fit[seed=2]', 'all']);
  rig.write('cells.json', '[{"seed": 1}, {"seed": 2}, {"seed": 3}]');
  const more = await rig.run(text);
  assert.deepEqual(more.ids('executed'), ['cells', 'fit[seed=3]', 'all']);
  rig.write('cells.json', '{"seed": 1}');
  const wrong = await rig.run(text);
  assert.match(wrong.summary.diagnostics[0]?.message ?? '', /list of cells|expected a list/i);
});

test('what a stage leaves out is a failure that names it, and is not cached', async () => {
  await using rig = new ProjectRig();
  const text = `pipeline: p\nstages:\n  a: {run: 'true', out: {x: sub/x}}\n`;
  for (const _ of [1, 2]) {
    const a = (await rig.run(text)).outcome('a');
    assert.ok(a.status === 'failed');
    assert.deepEqual(a.failure, {reason: 'missing-output', output: 'x', path: 'sub/x'});
  }
});

test("published outputs are the user's own; what is right is left alone, what is gone comes back", async () => {
  await using rig = new ProjectRig();
  const text = `pipeline: p\nstages:\n  a: {run: 'echo a > "$out_x"', out: {x: x.txt}, publish: results/a}\n`;
  await rig.run(text);
  rig.write('results/a/x.txt', 'edited\n');
  const repaired = await rig.run(text);
  assert.equal(rig.read('results/a/x.txt'), 'a\n');
  assert.ok(repaired.events.some(event => event.type === 'published' && event.restored));
  const calm = await rig.run(text);
  assert.ok(!calm.events.some(event => event.type === 'published'));
  await rig.run(text.replace('x: x.txt', 'x: y.txt'));
  assert.ok(!existsSync(rig.path('results/a/x.txt')), 'what an earlier run put there goes');
  assert.equal(rig.read('results/a/y.txt'), 'a\n');
});

test('the log of a cached instance is replayed when asked for', async () => {
  await using rig = new ProjectRig();
  const text = `pipeline: p\nstages:\n  a: {run: 'echo said'}\n`;
  await rig.run(text);
  const again = await rig.run(text, {replayLogs: true});
  assert.deepEqual(
    again.events.flatMap(event => (event.type === 'replayed' ? [event.text] : [])),
    ['said\n'],
  );
});

test('another order of the axes of a matrix renames instances, and runs nothing', async () => {
  await using rig = new ProjectRig();
  const text = (matrix: string): string => `pipeline: p
stages:
  grid: {run: 'echo $a $b > "$out_x"', matrix: ${matrix}, out: {x: x}}
  all: {run: 'ls "$in_runs"; cat "$in_runs/index.json" "$in_runs"/*/x > "$out_all"', in: {runs: {each: grid}}, out: {all: all}}
`;
  const first = await rig.run(text('{a: [2, 1], b: [x, y], exclude: [{a: 2, b: x}]}'));
  assert.equal(first.ids('executed').length, 4);
  const turned = await rig.run(text('{b: [x, y], a: [2, 1], exclude: [{a: 2, b: x}]}'));
  assert.deepEqual(turned.ids('executed'), []);
  assert.ok(turned.ids('cached').includes('grid[b=y,a=1]'));
});
