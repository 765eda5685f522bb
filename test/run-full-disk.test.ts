// A full disk, as a small file system of its own: what does not fit fails and says why, nothing else breaks, and once
// there is room the next run goes on.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {mkdirSync, rmSync, statfsSync, writeFileSync} from 'node:fs';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';
import {type Ended, ProjectRig} from './rig/project-rig.ts';

/** Mounts a file system of some megabytes; `undefined` where that is not allowed. */
function mountSmall(folder: string, megabytes: number): Disposable | undefined {
  mkdirSync(folder, {recursive: true});
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], {stdio: 'ignore'});
  } catch {
    return undefined;
  }
  return {[Symbol.dispose]: () => void execFileSync('umount', ['--lazy', folder])};
}

function fill(folder: string, leave: number): string {
  const path = `${folder}/filler`;
  const {bavail, bsize} = statfsSync(folder);
  writeFileSync(path, Buffer.alloc(Math.max(0, bavail * bsize - leave)));
  return path;
}

const text = `pipeline: p
stages:
  small: {run: 'echo small > "$out_x"', out: {x: x}}
  large: {run: 'head -c 3000000 /dev/zero > "$out_x"', out: {x: x}}
  after: {run: 'wc -c < "$in_large/x" > "$out_n"', in: {large: large}, out: {n: n}}
`;

test('what does not fit on the disk fails; with room again the next run goes on', async context => {
  await using rig = new ProjectRig();
  using disk = mountSmall(rig.path('cache'), 16);
  if (disk === undefined) return context.skip('mounting is not allowed here');
  const small = text.split('\n').slice(0, 3).join('\n');
  assert.deepEqual((await rig.run(small)).ids('executed'), ['small']);
  const filler = fill(rig.path('cache'), 2_000_000);
  const full: Ended = await rig.run(text);
  assert.deepEqual(
    [full.ids('cached'), full.ids('failed'), full.ids('skipped')],
    [['small'], ['large'], ['after']],
  );
  const large = full.outcome('large');
  assert.ok(large.status === 'failed');
  // Its log is on the same disk, so the stage's own words may be lost; how it ended is not.
  assert.match(large.failure.reason, /^(exited|store)$/);
  rmSync(filler);
  const healed = await rig.run(text);
  assert.deepEqual([healed.ids('cached'), healed.ids('executed')], [['small'], ['large', 'after']]);
});

test('a disk with no room for even a record fails the stage, not the runner', async context => {
  await using rig = new ProjectRig();
  using disk = mountSmall(rig.path('cache'), 16);
  if (disk === undefined) return context.skip('mounting is not allowed here');
  const first = `pipeline: p\nstages:\n  a: {run: 'echo a > "$out_x"', out: {x: x}}\n`;
  assert.deepEqual((await rig.run(first)).ids('executed'), ['a']);
  const filler = fill(rig.path('cache'), 0);
  const second = first.replaceAll('echo a', 'echo b');
  const full = await rig.run(second);
  assert.deepEqual(full.ids('failed'), ['a']);
  rmSync(filler);
  assert.deepEqual((await rig.run(second)).ids('executed'), ['a']);
});

test('with next to no room a run ends with a summary, says that the disk is full, and the sweep makes room', async context => {
  using project = new CliProject();
  using disk = mountSmall(project.path('cache'), 16);
  if (disk === undefined) return context.skip('mounting is not allowed here');
  const study = (n: number): string => `pipeline: p
stages:
  big: {run: 'head -c 1000000 /dev/zero > "$out_x"; echo ${n} >> "$out_x"', out: {x: x}}
  after: {run: 'wc -c < "$in_big/x" > "$out_n"', in: {big: big}, out: {n: n}, publish: results}
`;
  for (const n of [1, 2]) {
    project.write('pipelines/study.yaml', study(n));
    assert.equal((await project.start(['run']).ended).code, 0);
  }
  for (const [index, leave] of [0, 16_384, 49_152, 98_304, 524_288].entries()) {
    project.write('pipelines/study.yaml', study(10 + index));
    const filler = fill(project.path('cache'), leave);
    const full = await project.start(['run']).ended;
    assert.equal(full.code, 1, `${leave}: ${full.stdout}${full.stderr}`);
    assert.match(full.stdout, /1 failed/, full.stdout);
    assert.match(full.stderr, /disk full: .* left at .*\/cache; `pipe gc --force --keep-days 0` would free/);
    const nothing = await project.start(['run', '--set', 'x=1']).ended;
    assert.equal(nothing.code, 2, 'mistakes are told on a full disk as well');
    const swept = await project.start(['gc', '--force', '--keep-days', '0']).ended;
    assert.equal(swept.code, 0, swept.stderr);
    assert.match(swept.stdout, /removed/);
    rmSync(filler);
    assert.equal((await project.start(['run']).ended).code, 0);
    project.write('pipelines/study.yaml', study(20 + index));
    assert.equal((await project.start(['run']).ended).code, 0);
  }
});
