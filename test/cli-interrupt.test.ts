// Ctrl-C: once lets what runs finish, twice stops it, and in both cases nothing is left behind and the next run
// goes on. Held stages decide when; nothing here depends on time.

import assert from 'node:assert/strict';
import {existsSync, readdirSync} from 'node:fs';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';
import {HeldStages} from './rig/held-stages.ts';

const held = (stages: HeldStages): string => `
pipeline: study
stages:
  first:
    run: |
      ${stages.shell('first')}
      echo done > "$out/a.txt"
    out: {a: a.txt}
  second:
    run: cp "$in_a" "$out/b.txt"
    in: {a: first.a}
    out: {b: b.txt}
`;

const leftovers = (project: CliProject): string[] =>
  existsSync(project.path('cache/sandboxes')) ? readdirSync(project.path('cache/sandboxes')) : [];

test('once: what runs may finish and is kept, nothing more starts, exit code 130', async () => {
  await using stages = await HeldStages.open();
  using project = new CliProject(held(stages));
  const running = project.start(['run', 'study']);
  const stage = await stages.next('first');
  running.interrupt();
  await running.until(/stopping: 1 instance may finish; press Ctrl-C again/);
  stage.release();
  const {code, stdout} = await running.ended;
  assert.equal(code, 130);
  assert.match(stdout, /✓ first/);
  assert.match(stdout, /■ stopped: 1 cancelled, 1 executed .*run it again to go on/);
  assert.deepEqual(leftovers(project), []);
  assert.match(await project.expect(0, 'run', 'study'), /✓ 1 executed, 1 cached/);
});

test('twice: what runs is ended, nothing of it is kept, and it runs the next time', async () => {
  await using stages = await HeldStages.open();
  using project = new CliProject(held(stages));
  const running = project.start(['run', 'study']);
  const stage = await stages.next('first');
  running.interrupt();
  await running.until(/stopping: 1 instance may finish/);
  running.interrupt();
  await running.until(/stopping 1 instance at once/);
  await stage.gone;
  const {code, stdout} = await running.ended;
  assert.equal(code, 130);
  assert.match(stdout, /■ stopped: 2 cancelled/);
  assert.deepEqual(leftovers(project), []);
  const again = project.start(['run', 'study']);
  (await stages.next('first')).release();
  assert.match((await again.ended).stdout, /✓ 2 executed/);
});

test('reproduce is interrupted the same way, and leaves no store behind', async () => {
  await using stages = await HeldStages.open();
  using project = new CliProject(held(stages));
  const first = project.start(['run', 'study']);
  (await stages.next('first')).release();
  assert.equal((await first.ended).code, 0);
  const lock = project.read('pipelines/study.lock.json');
  project.write('tmp/keep', '');
  const again = project.start(['reproduce', 'study'], {env: {TMPDIR: project.path('tmp')}});
  const stage = await stages.next('first');
  again.interrupt();
  await again.until(/stopping: 1 instance/);
  stage.release();
  assert.equal((await again.ended).code, 130);
  assert.deepEqual(readdirSync(project.path('tmp')), ['keep']);
  assert.equal(project.read('pipelines/study.lock.json'), lock);
});

test('--watch runs again when a file changes, and one interrupt ends it', async () => {
  using project = new CliProject(`
pipeline: study
stages:
  copy:
    run: cp text.txt "$out/b.txt"
    code: [text.txt]
    out: {b: b.txt}
    publish: results
`);
  project.write('text.txt', 'one\n');
  const watching = project.start(['run', 'study', '--watch']);
  await watching.until(/1 executed[\s\S]*waiting for changes; Ctrl-C ends/);
  assert.equal(project.read('results/b.txt'), 'one\n');
  project.write('text.txt', 'two\n');
  await watching.until(/text\.txt changed[\s\S]*1 executed[\s\S]*waiting for changes/);
  assert.equal(project.read('results/b.txt'), 'two\n');
  watching.interrupt();
  assert.equal((await watching.ended).code, 0);
});

test('--watch takes no notice of files that no result depends on', async () => {
  using project = new CliProject(`
pipeline: study
stages:
  copy:
    run: echo "$(date)" >> "$notes"; cp text.txt "$out/b.txt"
    with: {notes: NOTES}
    code: [text.txt]
    out: {b: b.txt}
`);
  project.write('notes.log', '');
  project.edit('pipelines/study.yaml', 'NOTES', project.path('notes.log'));
  project.write('text.txt', 'one\n');
  const watching = project.start(['run', 'study', '--watch']);
  await watching.until(/1 executed[\s\S]*waiting for changes/);
  project.write('notes.log', 'edited\n');
  project.write('text.txt', 'two\n');
  await watching.until(/text\.txt changed[\s\S]*1 executed[\s\S]*waiting for changes/);
  watching.interrupt();
  await watching.ended;
  assert.doesNotMatch(watching.text(), /notes\.log/);
});
