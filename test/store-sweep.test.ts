// The sweep: what lock files, newest runs and recent use name stays; the rest goes by age and by size; a dry run
// answers the same and removes nothing.

import assert from 'node:assert/strict';
import {existsSync, mkdirSync, readdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {identityLabel, ownIdentity} from '../src/host/process-identity.ts';
import {ClaimTable} from '../src/store/claims/claim.ts';
import {KeyvActionCache} from '../src/store/index/action-cache.ts';
import {lockEntry, writeLock} from '../src/store/ledger/lock-file.ts';
import type {RetentionPolicy} from '../src/store/retention.ts';
import {type Sweep, type SweepMode, sweep} from '../src/store/sweep.ts';
import {CliProject} from './rig/cli-project.ts';
import {type Ended, ProjectRig, type Session} from './rig/project-rig.ts';

const DAY = 24 * 60 * 60 * 1000;

async function sweepIn(
  {workspace}: Session,
  policy: Partial<RetentionPolicy>,
  mode: SweepMode = 'remove',
  now = Date.now() + 60 * DAY,
): Promise<Sweep> {
  const {cache, claims} = workspace;
  assert.ok(cache instanceof KeyvActionCache && claims instanceof ClaimTable);
  const parts = {...workspace, cache, claims, code: workspace.code.shelf};
  const swept = await sweep(parts, {keepForMs: 30 * DAY, maxBytes: null, ...policy}, mode, now);
  assert.ok(swept.ok, JSON.stringify(swept));
  return swept.value;
}

const text = (n: number): string => `pipeline: p
stages:
  a: {run: 'mkdir -p "$out_x/sub"; echo ${n} > "$out_x/sub/n"; head -c 10000 /dev/zero > "$out_x/big${n}"', out: {x: x/}}
  b: {run: 'ls "$in_a/x" > "$out_y"', in: {a: a}, out: {y: y}}
`;

const blobs = (rig: ProjectRig): number =>
  readdirSync(rig.path('cache/blobs'), {recursive: true, withFileTypes: true}).filter(entry => entry.isFile())
    .length;

async function ranAgain(rig: ProjectRig, n: number): Promise<string[]> {
  const ended: Ended = await rig.run(text(n));
  return ended.ids('executed');
}

test('old results go with their blobs; those of the newest run stay, and are still there', async () => {
  await using rig = new ProjectRig();
  await rig.run(text(1));
  await rig.run(text(2));
  await using session = await rig.open();
  const before = blobs(rig);
  const planned = await sweepIn(session, {}, 'plan');
  assert.equal(blobs(rig), before, 'a plan removes nothing');
  const swept = await sweepIn(session, {});
  assert.deepEqual({...swept, mode: 'plan'}, planned);
  assert.deepEqual(swept.results.map(({usedBy, because}) => [usedBy, because]).sort(), [
    ['a', 'age'],
    ['b', 'age'],
  ]);
  assert.equal(blobs(rig), before - swept.removed.blobs);
  assert.ok(swept.removed.blobs >= 3 && swept.removed.bytes > 0);
  assert.deepEqual(await ranAgain(rig, 2), []);
  assert.deepEqual(await ranAgain(rig, 1), ['a', 'b']);
  const nothing = await sweepIn(session, {}, 'remove', Date.now());
  assert.equal(nothing.removed.blobs, 0);
});

test('what was used lately stays, also by a run that found it in the cache', async () => {
  await using rig = new ProjectRig();
  await rig.run(text(1));
  await rig.run(text(2));
  await using session = await rig.open();
  assert.equal((await sweepIn(session, {}, 'remove', Date.now())).removed.results, 0);
  assert.deepEqual(await ranAgain(rig, 1), []);
});

test('what a lock file names stays, whatever its age', async () => {
  await using rig = new ProjectRig();
  const first = await rig.run(text(1));
  const lock = new Map(
    [...first.summary.outcomes].flatMap(([id, outcome]) =>
      outcome.status === 'executed' ? [[id, lockEntry(outcome.fingerprint, outcome.result)] as const] : [],
    ),
  );
  assert.ok(writeLock(rig.path('pipelines/p.lock.json'), lock).ok);
  await rig.run(text(2));
  await using session = await rig.open();
  assert.equal((await sweepIn(session, {})).removed.results, 0);
  assert.deepEqual(await ranAgain(rig, 1), []);
});

test('over the limit, the least recently used go first, and what must stay is told', async () => {
  await using rig = new ProjectRig();
  for (const n of [1, 2, 3]) await rig.run(text(n));
  await using session = await rig.open();
  const all = await sweepIn(session, {}, 'plan', Date.now());
  const swept = await sweepIn(session, {maxBytes: all.kept.bytes - 1}, 'plan', Date.now());
  assert.ok(
    swept.results.length > 0 && swept.results.every(({because, isRoot}) => because === 'size' && !isRoot),
  );
  assert.equal(swept.isOverLimit, false);
  const tight = await sweepIn(session, {maxBytes: 1}, 'remove', Date.now());
  assert.ok(tight.isOverLimit);
  assert.equal(tight.removed.results, 4);
  assert.deepEqual(await ranAgain(rig, 3), []);
});

test('bytes that another result shares stay', async () => {
  await using rig = new ProjectRig();
  const shared = (name: string): string =>
    `pipeline: ${name}\nstages:\n  ${name}: {run: 'echo same > "$out_x" # ${name}', out: {x: x}}\n`;
  await rig.run(shared('p'));
  await rig.run(shared('p').replace('# p', '# again'));
  await using session = await rig.open();
  assert.equal((await sweepIn(session, {})).removed.blobs, 0);
});

test('a sweep does not run beside a run, and leaves waste of dead processes nowhere', async () => {
  await using rig = new ProjectRig();
  await rig.run(text(1));
  const dead = identityLabel({...ownIdentity(), pid: 999_999_999});
  rig.write(`cache/tmp/${dead}-0`, 'half a blob');
  rig.write('cache/tmp/no label', 'half a blob');
  await using session = await rig.open();
  const {workspace} = session;
  const pass = await workspace.gate.enterRun(new AbortController().signal);
  const {cache, claims} = workspace;
  assert.ok(cache instanceof KeyvActionCache && claims instanceof ClaimTable);
  const parts = {...workspace, cache, claims, code: workspace.code.shelf};
  const busy = await sweep(parts, {keepForMs: 0, maxBytes: null}, 'remove', Date.now());
  assert.ok(!busy.ok && busy.error.reason === 'busy' && busy.error.by.pid === process.pid);
  pass?.leave();
  const swept = await sweepIn(session, {keepForMs: 0});
  assert.equal(swept.removed.leftovers, 2);
  assert.deepEqual(readdirSync(rig.path('cache/tmp')), []);
});

test('a checkpoint that nobody goes on with goes, one of a recent try stays', async () => {
  await using rig = new ProjectRig();
  await rig.run(
    `pipeline: p\nstages:\n  a: {run: 'echo 1 > "$checkpoint/step"; exit 1', checkpoint: true}\n`,
  );
  await using session = await rig.open();
  assert.equal((await sweepIn(session, {}, 'remove', Date.now())).removed.checkpoints, 0);
  assert.equal((await sweepIn(session, {})).removed.checkpoints, 1);
  assert.deepEqual(readdirSync(rig.path('cache/checkpoints')), []);
});

test('what killed processes staged goes: in the store, beside lock files, where results are published', async () => {
  using project = new CliProject(
    `pipeline: p\nstages:\n  a: {run: 'echo a > "$out_x"', out: {x: x}, publish: results/a}\n`,
  );
  assert.equal((await project.start(['run']).ended).code, 0);
  const dead = `.pipe-${identityLabel({...ownIdentity(), pid: 999_999_999})}-0.tmp`;
  const alive = `.pipe-${identityLabel(ownIdentity())}-0.tmp`;
  const [shard = ''] = readdirSync(project.path('cache/index'));
  const folders = [
    'cache/last',
    'cache/runs',
    `cache/index/${shard}`,
    'cache/plans',
    'cache',
    'pipelines',
    'results/a',
  ];
  for (const folder of folders) for (const name of [dead, alive]) project.write(`${folder}/${name}`, 'half');
  const scratch = join(tmpdir(), `pipe-reproduce-${identityLabel({...ownIdentity(), pid: 999_999_999})}-0`);
  mkdirSync(join(scratch, 'blobs'), {recursive: true});
  const {code, stdout, stderr} = await project.start(['gc', '--force']).ended;
  assert.equal(code, 0, stderr);
  assert.match(stdout, /leftovers/);
  for (const folder of folders) {
    const names = readdirSync(project.path(folder));
    assert.ok(!names.includes(dead) && names.includes(alive), folder);
  }
  assert.equal(existsSync(scratch), false, 'the store of a reproduction that was killed');
});
