// `pipe trace`: from a number of a published table to the results that it comes from, and the report's links to the same.

import assert from 'node:assert/strict';
import {cpSync, rmSync, writeFileSync} from 'node:fs';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';

const STUDY = `
pipeline: study
params: {seeds: [0, 1, 2], shift: 0}
profiles: {smoke: {seeds: [0, 1]}}
stages:
  train:
    run: 'test $optimizer = sam && digits=5$((seed * 2)) || digits=4$seed; echo "{\\"accuracy\\": 0.9$digits$shift}" > "$metrics"; echo "$optimizer $seed" > "$out/weights.txt"'
    matrix: {optimizer: [sgd, sam], seed: "\${seeds}"}
    with: {shift: "\${shift}"}
    out: {weights: weights.txt}
  summary:
    uses: aggregate
    in: {runs: {each: train}}
    with: {metric: accuracy, compare: optimizer}
  table:
    uses: tabulate
    in: {summary: summary}
    publish: results/study
`;

const TABLE = 'results/study/table.md';

test('every number of a line leads to its results, with values, parameters, keys and commands', async () => {
  using project = new CliProject(STUDY);
  await project.expect(0, 'run', 'study');
  const lines = project.read(TABLE).split('\n');
  const at = lines.findIndex(line => line.startsWith('| sam')) + 1;
  const said = await project.expect(0, 'trace', `${TABLE}:${at}`);
  for (const seed of [0, 1, 2])
    assert.match(said, new RegExp(`train\\[optimizer=sam,seed=${seed}\\] +0\\.95${seed * 2 || ''} `));
  assert.doesNotMatch(said, /optimizer=sgd/);
  assert.match(
    said,
    /column 3 +95\.\d+ ± .* mean, and half of its interval or the standard deviation of accuracy/,
  );
  assert.match(said, /seed +0 \| 1 \| 2\n/);
  const key = /pipe show ([0-9a-f]{64})\n/.exec(said)?.[1] ?? '';
  const shown = await project.expect(0, 'show', 'study', key.slice(0, 12));
  assert.match(shown, /optimizer +sam\n/);
  assert.match(shown, /accuracy +0\.95\n/);
  const p = lines.findIndex((line, index) => index > at && line.startsWith('| sam')) + 1;
  const against = await project.expect(0, 'trace', `${TABLE}:${p}:6`);
  assert.match(against, /p value of the t test of accuracy/);
  assert.match(against, /against +accuracy[\s\S]*train\[optimizer=sgd,seed=2\] +0\.942/);
  const json = JSON.parse(await project.expect(0, 'trace', `${TABLE}:${at}:3`, '--json'));
  assert.equal(json.numbers[0].of.length, 3);
  assert.match(await project.expect(0, 'trace', TABLE), /numbers in the lines 5, 6, /);
});

test('a place without a number, a file without a trace and an edited file are said', async () => {
  using project = new CliProject(STUDY);
  await project.expect(0, 'run', 'study');
  const none = await project.pipe('trace', `${TABLE}:1`);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /expected a line of results\/study\/table\.md with numbers of the study, got 1/);
  project.write('notes.md', '| a |\n');
  assert.match((await project.pipe('trace', 'notes.md:1')).stderr, /error\[no-trace\]/);
  writeFileSync(project.path(TABLE), project.read(TABLE).replace('## ', '## My '));
  const edited = await project.pipe('trace', `${TABLE}:5`);
  assert.equal(edited.code, 0);
  assert.match(edited.stderr, /is not as it was written: it was edited/);
});

test('published files keep their provenance when other runs happen, and when the store is gone', async () => {
  using project = new CliProject(STUDY);
  await project.expect(0, 'run', 'study', '--set', 'seeds=[0,1,2,3]');
  assert.match(project.read(TABLE), /Not the plain pipeline: seeds=\\\[0,1,2,3\\\] instead of/);
  cpSync(project.path('results/study'), project.path('paper'), {recursive: true});
  await project.expect(0, 'run', 'study', '--set', 'shift=7');
  const said = await project.expect(0, 'trace', 'paper/table.md:5');
  assert.match(said, /train\[optimizer=sgd,seed=3\] +0\.943 /);
  assert.match(said, /shift +0\n/);
  rmSync(project.path('cache'), {recursive: true});
  const gone = await project.expect(0, 'trace', 'paper/table.md:5');
  assert.match(gone, /train\[optimizer=sgd,seed=3\] +0\.943 +[0-9a-f]{10} +the store no longer has it/);
});

test('the report shows the instances of the run that made its tables, and its numbers lead to them alone', async () => {
  using project = new CliProject(STUDY);
  const seeds = ['--set', 'seeds=[0,1,2,3]'];
  await project.expect(0, 'run', 'study');
  await project.expect(0, 'run', 'study', ...seeds);
  await project.expect(0, 'report', 'study', ...seeds);
  const page = project.read('report.html');
  assert.match(page, /id="i-train-optimizer-sam-seed-3"/);
  assert.match(
    page,
    /<a href="#i-train-optimizer-sam-seed-3" title="value, accuracy of train[^"]*">95\.60<\/a>/,
  );
  const plain = await project.pipe('report', 'study');
  assert.equal(plain.code, 0);
  const without = project.read('report.html');
  assert.doesNotMatch(without, /id="i-train-optimizer-sam-seed-3"/);
  assert.doesNotMatch(without, />95\.60<\/a>/, 'table and instances are of the same parameters');
  assert.match(
    plain.stderr,
    /results\/study was published with other parameters: seeds=\[0,1,2,3\] instead of \[0,1,2\]/,
  );
});

test('equal values lead to their own instances', async () => {
  using project = new CliProject(
    STUDY.replace('seed: "${seeds}"', 'seed: "${seeds}", copy: [1, 2]').replace(
      'compare: optimizer',
      'compare: optimizer, over: seed',
    ),
  );
  await project.expect(0, 'run', 'study');
  const lines = project.read(TABLE).split('\n');
  const every = lines.findIndex(line => line.includes('every run'));
  const row = lines.findIndex((line, index) => index > every && /^\| 2 +\| sam /.test(line)) + 1;
  const said = await project.expect(0, 'trace', `${TABLE}:${row}:3`);
  assert.match(said, /train\[optimizer=sam,seed=0,copy=2\]/);
  assert.doesNotMatch(said, /copy=1/);
});
