// Runs that share work: at once, one after the other, and after one has died.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {existsSync, readdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {HeldStages} from './rig/held-stages.ts';
import {Ended, ProjectRig} from './rig/project-rig.ts';

test('two runs at once make a result once, and both have it', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  const text = `pipeline: p\nstages:\n  a: {run: '${held.shell('a')}; echo a > "$out_x"', out: {x: x}}\n`;
  await using one = await rig.open();
  await using two = await rig.open();
  const first = await one.start(text);
  const stage = await held.next('a');
  const second = await two.start(text);
  const waiting = await second.until(event => event.type === 'waiting');
  assert.ok(waiting.type === 'waiting' && waiting.pid === process.pid);
  stage.release();
  const made = new Ended(await first.finished, first.events);
  const shared = new Ended(await second.finished, second.events);
  const outcome = shared.outcome('a');
  assert.deepEqual(made.ids('executed'), ['a']);
  assert.ok(outcome.status === 'cached' && outcome.shared);
  assert.deepEqual(shared.digests(), made.digests());
  assert.deepEqual(held.history, ['a']);
});

test('when the other run fails, the one that waited makes the result itself', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  const text = `pipeline: p\nstages:\n  a: {run: '${held.shell('a')}; echo a > "$out_x"', out: {x: x}}\n`;
  await using one = await rig.open();
  await using two = await rig.open();
  const first = await one.start(text);
  const stage = await held.next('a');
  const second = await two.start(text);
  await second.until(event => event.type === 'waiting');
  stage.release('no');
  assert.equal((await first.finished).counts.failed, 1);
  (await held.next('a')).release();
  assert.equal((await second.finished).counts.executed, 1);
});

test('a run that waits for another can be stopped', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  const text = `pipeline: p\nstages:\n  a: {run: '${held.shell('a')}'}\n`;
  await using one = await rig.open();
  await using two = await rig.open();
  const first = await one.start(text);
  const stage = await held.next('a');
  const second = await two.start(text);
  await second.until(event => event.type === 'waiting');
  second.run.stop();
  assert.equal((await second.finished).counts.cancelled, 1);
  stage.release();
  assert.equal((await first.finished).counts.executed, 1);
});

test('two instances with the same action are made once within a run', async () => {
  await using rig = new ProjectRig();
  const ended = await rig.run(`pipeline: p
stages:
  a: {run: 'echo once >> ran; echo x > "$out_x"', out: {x: x}, sandbox: project}
  b: {run: 'echo once >> ran; echo x > "$out_x"', out: {x: x}, sandbox: project}
`);
  assert.equal(rig.read('ran'), 'once\n');
  assert.deepEqual([ended.ids('executed').length, ended.ids('cached').length], [1, 1]);
});

test('a claim whose holder was killed is taken over by itself', async () => {
  await using rig = new ProjectRig();
  const text = `pipeline: p\nstages:\n  a: {run: 'echo a > "$out_x"', out: {x: x}}\n`;
  const first = await rig.run(text);
  const a = first.outcome('a');
  assert.ok(a.status === 'executed');
  const script = rig.path('hold.mts');
  const source = join(import.meta.dirname, '../src/store/claims/claim.ts');
  writeFileSync(
    script,
    `import {ClaimTable} from ${JSON.stringify(source)};
const claim = await new ClaimTable(${JSON.stringify(rig.path('cache'))}).acquire(${JSON.stringify(a.fingerprint)});
console.log(claim.status);
process.kill(process.pid, 'SIGKILL');
`,
  );
  const tsx = import.meta.resolve('tsx');
  let said = '';
  try {
    execFileSync(process.execPath, ['--import', tsx, script], {encoding: 'utf8'});
  } catch (error) {
    assert.ok(error instanceof Error && 'stdout' in error);
    said = String(error.stdout);
  }
  assert.equal(said, 'held\n');
  assert.deepEqual((await rig.run(text, {forced: ['a']})).ids('executed'), ['a']);
});

test('a checkpoint is handed back to the next try, is no part of the key, and goes with success', async () => {
  await using held = await HeldStages.open();
  await using rig = new ProjectRig();
  const text = `pipeline: p
stages:
  train:
    run: |
      test -e "$checkpoint/step" && echo resumed >> trace
      echo 1 > "$checkpoint/step"
      ${held.shell('train')}
      cat "$checkpoint/step" > "$out_x"
    out: {x: x}
    checkpoint: true
    sandbox: project
`;
  await using session = await rig.open({graceMs: 50});
  const first = await session.start(text);
  await held.next('train');
  first.run.stop();
  first.run.stop();
  assert.equal((await first.finished).counts.cancelled, 1);
  assert.ok(!existsSync(rig.path('trace')));
  assert.equal(readdirSync(rig.path('cache/checkpoints')).length, 1);
  const second = await session.start(text);
  (await held.next('train')).release();
  const ended = new Ended(await second.finished, second.events);
  const outcome = ended.outcome('train');
  assert.ok(outcome.status === 'executed');
  assert.deepEqual(outcome.stale, {why: 'unfinished'});
  assert.equal(rig.read('trace'), 'resumed\n');
  assert.deepEqual(readdirSync(rig.path('cache/checkpoints')), []);
});

test('a stage that gives other bytes for the same action is said to be not deterministic', async () => {
  await using rig = new ProjectRig();
  const text = `pipeline: p\nstages:\n  a: {run: 'echo $$ $RANDOM > "$out_x"', out: {x: x}}\n`;
  await rig.run(text);
  const again = await rig.run(text, {forced: ['a']});
  assert.deepEqual(again.notices(), ['a is not deterministic: the same action gave other results before']);
  const same = await rig.run(text);
  assert.deepEqual(same.ids('cached'), ['a']);
});

test('a damaged blob is set aside and what made it runs again, to the same bytes', async () => {
  await using rig = new ProjectRig();
  const text = `pipeline: p
stages:
  a: {run: 'echo a > "$out_x"', out: {x: x}}
  b: {run: 'cat "$in_a/x" > "$out_x"; echo b >> "$out_x"', in: {a: a}, out: {x: x}}
`;
  const first = await rig.run(text);
  const a = first.outcome('a');
  assert.ok(a.status === 'executed' && a.result.outputs.x !== undefined);
  const {digest} = a.result.outputs.x;
  const blob = rig.path(`cache/blobs/${digest.slice(0, 2)}/${digest.slice(2)}`);
  execFileSync('chmod', ['u+w', blob]);
  writeFileSync(blob, 'evil');
  const healed = await rig.run(text);
  assert.deepEqual([healed.ids('executed'), healed.ids('cached')], [['a'], ['b']]);
  const outcome = healed.outcome('a');
  assert.ok(outcome.status === 'executed');
  assert.deepEqual(outcome.stale, {why: 'lost', output: 'x'});
  assert.deepEqual(healed.digests(), first.digests());
  assert.equal(readdirSync(rig.path('cache/quarantine')).length, 1);
});
