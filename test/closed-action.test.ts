// An action is closed: a task reads what its action names, from the store, and finds nothing else.

import assert from 'node:assert/strict';
import {chmodSync, existsSync, readdirSync, rmSync} from 'node:fs';
import {test} from 'node:test';
import {HeldStages} from './rig/held-stages.ts';
import {Ended, ProjectRig} from './rig/project-rig.ts';

/** What the output `x` of an instance holds. */
function textOf(rig: ProjectRig, ended: Ended, id: string): string {
  const outcome = ended.outcome(id);
  assert.ok(outcome.status === 'executed' || outcome.status === 'cached', JSON.stringify(outcome));
  const {digest} = outcome.result.outputs.x ?? {};
  assert.ok(digest !== undefined);
  return rig.read(`cache/blobs/${digest.slice(0, 2)}/${digest.slice(2)}`);
}

test('a declared file that changes while a stage runs, and changes back, leaves the result of what was declared', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  rig.write('data/words.txt', 'one\n');
  const text = `pipeline: p\nstages:\n  a: {run: '${held.shell('a')}; cat data/words.txt > "$out_x"', files: [data], out: {x: x}}\n`;
  await using session = await rig.open();
  const {finished, events} = await session.start(text);
  const a = await held.next('a');
  rig.write('data/words.txt', 'two\n');
  a.release();
  const first = new Ended(await finished, events);
  assert.equal(textOf(rig, first, 'a'), 'one\n');
  rig.write('data/words.txt', 'one\n');
  const again = await rig.run(text);
  assert.deepEqual([again.ids('cached'), textOf(rig, again, 'a')], [['a'], 'one\n']);
});

test('editing a file during a long stage changes the next run and not the result of this one', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  rig.write('fit.sh', 'echo one\n');
  const text = `pipeline: p\nstages:\n  a: {run: '${held.shell('a')}; bash fit.sh > "$out_x"', code: fit.sh, out: {x: x}}\n`;
  await using session = await rig.open();
  const {finished, events} = await session.start(text);
  const a = await held.next('a');
  rig.write('fit.sh', 'echo two\n');
  a.release();
  assert.equal(textOf(rig, new Ended(await finished, events), 'a'), 'one\n');
  const next = await session.start(text);
  (await held.next('a')).release();
  const second = new Ended(await next.finished, next.events);
  assert.deepEqual([second.ids('executed'), textOf(rig, second, 'a')], [['a'], 'two\n']);
});

test('a stage waits in the queue with the files that it was decided for', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  rig.write('data.txt', 'one\n');
  await using session = await rig.open();
  const {finished, events} = await session.start(
    `pipeline: p
stages:
  first: {run: '${held.shell('first')}'}
  second: {run: 'cat data.txt > "$out_x"', files: data.txt, out: {x: x}}
`,
    {machine: {cpus: 1}},
  );
  const first = await held.next('first');
  rmSync(rig.path('data.txt'));
  first.release();
  assert.equal(textOf(rig, new Ended(await finished, events), 'second'), 'one\n');
});

test('what a stage does not declare is not there, and the failure says how to declare it', async () => {
  await using rig = new ProjectRig();
  rig.write('tools/prepare.sh', 'cat data/words.txt\n');
  rig.write('tools/other.sh', 'true\n');
  rig.write('data/words.txt', 'one\n');
  const text = (more: string): string =>
    `pipeline: p\nstages:\n  a: {run: 'ls; bash tools/prepare.sh > "$out_x"', out: {x: x}${more}}\n`;
  const advice = async (more: string): Promise<string | null> => {
    const a = (await rig.run(text(more))).outcome('a');
    assert.ok(a.status === 'failed', JSON.stringify(a));
    return a.advice;
  };
  assert.equal(
    await advice(''),
    'tools/prepare.sh is in the project, but this stage does not declare it, so it is not there for it; add `code: [tools/prepare.sh]`',
  );
  assert.equal(
    await advice(', code: [tools/prepare.sh]'),
    'data/words.txt is in the project, but this stage does not declare it, so it is not there for it; add `code: [data/words.txt]`',
  );
  const well = await rig.run(text(', code: [tools/prepare.sh], files: [data/words.txt]'));
  assert.equal(textOf(rig, well, 'a'), 'one\n');
  const log = well.events.flatMap(event => (event.type === 'log' ? [event.text] : [])).join('');
  assert.equal(log, 'data\ntools\n');
});

test('sandbox: project works in the folder of the project, and is part of the key', async () => {
  await using rig = new ProjectRig();
  rig.write('words.txt', 'one\n');
  const text = (more: string): string =>
    `pipeline: p\nstages:\n  a: {run: 'cat words.txt > "$out_x"', out: {x: x}${more}}\n`;
  assert.deepEqual((await rig.run(text(''))).ids('failed'), ['a']);
  const open = await rig.run(text(', sandbox: project'));
  assert.equal(textOf(rig, open, 'a'), 'one\n');
  const closed = (await rig.run(text(', files: words.txt'))).outcome('a');
  const opened = open.outcome('a');
  assert.ok(closed.status === 'executed' && opened.status === 'executed');
  assert.notEqual(closed.fingerprint, opened.fingerprint);
});

test('the executable bit of a declared file is content', async () => {
  await using rig = new ProjectRig();
  rig.write('go', '#!/bin/sh\necho ran\n');
  const text = `pipeline: p\nstages:\n  a: {run: './go > "$out_x"', code: go, out: {x: x}}\n`;
  const before = await rig.run(text);
  assert.deepEqual(before.ids('failed'), ['a']);
  chmodSync(rig.path('go'), 0o755);
  const after = await rig.run(text);
  assert.equal(textOf(rig, after, 'a'), 'ran\n');
  assert.deepEqual((await rig.run(text)).ids('cached'), ['a']);
});

test('two tasks have homes and temporary folders of their own, and everybody has the same time zone and locale', async () => {
  await using rig = new ProjectRig();
  const command =
    'echo "$TZ $LANG $LC_ALL [${USER-}]"; ls -A "$HOME" "$TMPDIR" | grep -v :; touch "$HOME/h" "$TMPDIR/t"; true';
  const ended = await rig.run(
    `pipeline: p\nstages:\n  a: {run: '(${command}) > "$out_x"', out: {x: x}}\n  b: {run: '(${command}) > "$out_x"; true', out: {x: x}}\n`,
    {machine: {cpus: 1}},
  );
  for (const id of ['a', 'b']) assert.equal(textOf(rig, ended, id).trim(), 'UTC C.UTF-8 C.UTF-8 []');
});

test('values of declared variables are in the key, and in no action', async () => {
  await using rig = new ProjectRig();
  const text = `pipeline: p\nstages:\n  a: {run: 'echo "$PIPE_TEST_TOKEN" > "$out_x"', env: PIPE_TEST_TOKEN, out: {x: x}}\n`;
  process.env.PIPE_TEST_TOKEN = 'hunter2';
  try {
    const first = await rig.run(text);
    assert.equal(textOf(rig, first, 'a'), 'hunter2\n');
    const outcome = first.outcome('a');
    assert.ok(outcome.status === 'executed');
    await using session = await rig.open();
    const action = await session.workspace.cache.actionOf(outcome.fingerprint);
    assert.ok(action.ok && !JSON.stringify(action.value).includes('hunter2'));
    process.env.PIPE_TEST_TOKEN = 'swordfish';
    assert.deepEqual((await rig.run(text)).ids('executed'), ['a']);
  } finally {
    delete process.env.PIPE_TEST_TOKEN;
  }
});

test('what a stage leaves beside its outputs is said', async () => {
  await using rig = new ProjectRig();
  const ended = await rig.run(
    `pipeline: p\nstages:\n  a: {run: 'touch "$out/x" "$out/model.bin"; mkdir "$out/plots"; touch "$out/deep/other"', out: {x: x, y: deep/y/}}\n`,
  );
  assert.deepEqual(ended.notices(), [
    'a wrote deep/other, which is none of its outputs: it is not kept',
    'a wrote model.bin, which is none of its outputs: it is not kept',
    'a wrote plots, which is none of its outputs: it is not kept',
  ]);
});

test('copies beyond the limit are said, and what is in the store is not copied again', async () => {
  await using rig = new ProjectRig();
  rig.write('big.txt', 'x'.repeat(3_000_000));
  const text = (command: string): string =>
    `pipeline: p\nstages:\n  a: {run: '${command}', files: big.txt}\n  b: {run: 'true #b', files: big.txt}\n`;
  const first = await rig.run(text('true'), {largeCopy: 2_000_000, machine: {cpus: 1}});
  assert.deepEqual(first.notices(), ['3 MB of files that a declares were copied into the store']);
  assert.deepEqual((await rig.run(text('true #a'), {largeCopy: 2_000_000})).notices(), []);
});

test('sandboxes are gone when a run is over', async () => {
  await using rig = new ProjectRig();
  rig.write('words.txt', 'one\n');
  await rig.run(`pipeline: p\nstages:\n  a: {run: 'touch here; cat words.txt', files: words.txt}\n`);
  const folder = rig.path('cache/sandboxes');
  assert.deepEqual(existsSync(folder) ? readdirSync(folder) : [], []);
  assert.ok(!existsSync(rig.path('here')));
});
