// What an edit of a study runs, by the built command line: the examples that the cache is promised to keep.

import assert from 'node:assert/strict';
import {existsSync, rmSync} from 'node:fs';
import {after, before, test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';
import {STUDY_FILE, writeSmallStudy} from './rig/small-study.ts';

// One study, edited on and on: each example starts from a state in which everything is cached.
const rig = new CliProject();
before(async () => {
  writeSmallStudy(rig);
  const first = await rig.execute(STUDY_FILE);
  assert.equal(first.ran.length, 1 + 4 + 2 + 4 + 1 + 1);
});
after(() => rig[Symbol.dispose]());

test('nothing changed: nothing runs', async () => {
  assert.deepEqual((await rig.execute(STUDY_FILE)).ran, []);
});

test('editing a comment in a stage runs nothing', async () => {
  rig.edit('stages/fit.ts', '// The seed and the optimizer make a difference.', '/* Another comment. */\n');
  rig.edit('stages/shared.ts', '// Helpers of all stages.', '// Helpers.');
  assert.deepEqual((await rig.execute(STUDY_FILE)).ran, []);
});

test('editing a function that only the table imports runs only the table', async () => {
  rig.edit('stages/shared.ts', "'| ' + cells", "'|  ' + cells");
  const edited = await rig.execute(STUDY_FILE);
  assert.deepEqual(edited.ran, ['table']);
  assert.match(rig.read('results/study/table.md'), /^\| {2}optimizer/);
  const started = edited.events.find(event => event.type === 'started');
  assert.ok(started?.type === 'started' && started.stale.why === 'changed');
  assert.deepEqual(started.stale.changes, [
    {what: 'code', file: 'stages/shared.ts', importedBy: 'stages/table.ts'},
  ]);
});

test('adding a seed trains that seed and runs what gathers it', async () => {
  rig.edit(STUDY_FILE, 'seeds: [0, 1]', 'seeds: [0, 1, 2]');
  assert.deepEqual((await rig.execute(STUDY_FILE)).ran, [
    'summary',
    'table',
    'train[optimizer=sam,seed=2]',
    'train[optimizer=sgd,seed=2]',
  ]);
});

test('adding a learning rate runs its cells and what gathers them; equal bytes leave the rest cached', async () => {
  rig.edit(STUDY_FILE, 'lr: [0.1, 0.2]', 'lr: [0.1, 0.2, 0.3]');
  const more = await rig.execute(STUDY_FILE);
  assert.deepEqual(more.ran, [
    'best[optimizer=sam]',
    'best[optimizer=sgd]',
    'grid[optimizer=sam,lr=0.3]',
    'grid[optimizer=sgd,lr=0.3]',
  ]);
});

test('a stage that re-runs to the same bytes leaves what is below it cached, and the output says so', async () => {
  rig.edit(
    'stages/mean.ts',
    'values.reduce((a, b) => a + b, 0)',
    'values.reduce((sum, one) => one + sum, 0 * 1)',
  );
  const said = await rig.pipe('run', STUDY_FILE);
  assert.equal(said.code, 0);
  const output = said.stdout + said.stderr;
  assert.match(output, /✓ summary .*= unchanged output/);
  assert.match(output, /= unchanged output of summary → 1 downstream stays cached/);
  assert.doesNotMatch(output, /✓ table/);
});

test('switching back to an older parameter restores its results and runs nothing', async () => {
  const table = rig.read('results/study/table.md');
  rig.edit(STUDY_FILE, 'seeds: [0, 1, 2]', 'seeds: [0, 3]');
  assert.notDeepEqual((await rig.execute(STUDY_FILE)).ran, []);
  assert.notEqual(rig.read('results/study/table.md'), table);
  rig.edit(STUDY_FILE, 'seeds: [0, 3]', 'seeds: [0, 1, 2]');
  assert.deepEqual((await rig.execute(STUDY_FILE)).ran, []);
  assert.equal(rig.read('results/study/table.md'), table);
});

test('renaming a stage runs nothing', async () => {
  rig.edit(STUDY_FILE, '  summary:\n', '  overview:\n');
  rig.edit(STUDY_FILE, 'in: {summary: summary}', 'in: {summary: overview}');
  rig.edit(STUDY_FILE, '  train:\n', '  fits:\n');
  rig.edit(STUDY_FILE, '{each: train}', '{each: fits}');
  assert.deepEqual((await rig.execute(STUDY_FILE)).ran, []);
});

test('deleting results/ restores it and runs nothing', async () => {
  const table = rig.read('results/study/table.md');
  rmSync(rig.path('results'), {recursive: true});
  assert.deepEqual((await rig.execute(STUDY_FILE)).ran, []);
  assert.ok(existsSync(rig.path('results/study/table.md')));
  assert.equal(rig.read('results/study/table.md'), table);
});
