// `pipe run`, `plan` and `why` as a person or a script meets them: what is printed, what is written, exit codes.

import assert from 'node:assert/strict';
import {existsSync, rmSync, statSync} from 'node:fs';
import {describe, test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';

const ESCAPE = new RegExp(String.fromCharCode(27));

const STUDY = `
pipeline: study
params: {seeds: [1, 2], size: 3}
profiles:
  large: {size: 30}
stages:
  work:
    run: |
      echo "working on $seed"
      echo "{\\"score\\": $seed.5}" > "$metrics"
      echo "$seed $size" > "$out/part.txt"
    matrix: {seed: "\${seeds}"}
    with: {size: "\${size}"}
    out: {part: part.txt}
  table:
    run: |
      { echo '| parts |'; echo '| ---- |'; cat "$in_parts"/*.txt | sed 's/.*/| & |/'; } > "$out/table.md"
    in: {parts: {each: work.part}}
    out: {table: table.md}
    publish: results/study
`;

const BROKEN = `
pipeline: study
stages:
  good:
    run: echo fine > "$out/a.txt"
    out: {a: a.txt}
  bad:
    run: echo 'about to break'; echo 'no such dragon' >&2; exit 3
    in: {a: good.a}
    out: {b: b.txt}
  below:
    run: cp "$in_b" "$out/c.txt"
    in: {b: bad.b}
    out: {c: c.txt}
  beside:
    run: echo beside > "$out/d.txt"
    out: {d: d.txt}
`;

describe('a run', () => {
  test('executes, publishes, locks, shows the table; then there is nothing to do', async () => {
    using project = new CliProject(STUDY);
    assert.match(await project.expect(10, 'plan', 'study'), /3 instances? would run|2 instances would run/);
    const first = await project.expect(0, 'run', 'study');
    assert.match(first, /✓ 3 executed/);
    assert.match(first, /parts/, 'the published table is shown');
    assert.match(first, /results\/study\/table\.md\n$/);
    assert.equal(project.read('results/study/table.md'), '| parts |\n| ---- |\n| 1 3 |\n| 2 3 |\n');
    const lock = project.read('pipelines/study.lock.json');
    assert.match(lock, /"work\[seed=2\]"/);
    const again = await project.expect(0, 'run', 'study');
    assert.match(again, /✓ nothing to do: 3 cached/);
    assert.equal(project.read('pipelines/study.lock.json'), lock);
    assert.match(await project.expect(0, 'plan', 'study'), /nothing to do: 3 cached/);
  });

  test('without a terminal there is no cursor movement and no colour', async () => {
    using project = new CliProject(STUDY);
    const {stdout, stderr} = await project.pipe('run', 'study');
    assert.doesNotMatch(stdout + stderr, ESCAPE);
  });

  test('FORCE_COLOR colours, NO_COLOR wins over it', async () => {
    using project = new CliProject(STUDY);
    const coloured = await project.start(['run', 'study'], {env: {FORCE_COLOR: '1'}}).ended;
    assert.match(coloured.stdout, ESCAPE);
    const env = {FORCE_COLOR: '1', NO_COLOR: '1'};
    const plain = await project.start(['run', 'study'], {env}).ended;
    assert.doesNotMatch(plain.stdout, ESCAPE);
  });

  test('--set and --profile change what runs, and the way back restores', async () => {
    using project = new CliProject(STUDY);
    await project.expect(0, 'run', 'study');
    assert.match(await project.expect(0, 'run', 'study', '--profile', 'large'), /3 executed/);
    assert.match(project.read('results/study-large/table.md'), /\| 1 30 \|/);
    assert.match(
      project.read('results/study/table.md'),
      /\| 2 3 \|\n$/,
      'a profile leaves the results alone',
    );
    const more = await project.expect(0, 'run', 'study', '--set', 'seeds=[1,2,3]');
    assert.match(more, /✓ 2 executed, 2 cached/);
    const back = await project.expect(0, 'run', 'study');
    assert.match(back, /nothing to do/);
    assert.match(project.read('results/study/table.md'), /\| 2 3 \|\n$/);
  });

  test('a dry run says what would run and runs nothing', async () => {
    using project = new CliProject(STUDY);
    const said = await project.expect(0, 'run', 'study', '--dry-run');
    assert.match(said, /work .*2 run/);
    assert.equal(existsSync(project.path('results')), false);
    assert.equal(existsSync(project.path('pipelines/study.lock.json')), false);
  });

  test('targets run with what they need; --only runs nothing else; --from and --until select', async () => {
    using project = new CliProject(STUDY);
    assert.match(await project.expect(0, 'run', 'study', 'work[seed=1]'), /✓ 1 executed/);
    assert.match(await project.expect(0, 'run', 'study', '--until', 'work'), /✓ 1 executed, 1 cached/);
    assert.match(await project.expect(0, 'run', 'study', '--only', 'table'), /✓ 1 executed/);
    assert.match(
      await project.expect(0, 'run', 'study', '--from', 'work[seed=2]'),
      /nothing to do: 2 cached/,
    );
  });

  test('--force runs the targets again and leaves the rest; equal bytes stop there', async () => {
    using project = new CliProject(STUDY);
    await project.expect(0, 'run', 'study');
    const forced = await project.expect(0, 'run', 'study', 'work[seed=1]', '--force');
    assert.match(forced, /✓ 1 executed/);
    assert.match(forced, /= unchanged output/);
    assert.match(await project.expect(0, 'run', 'study', '--force'), /✓ 3 executed/);
  });

  test('logs are shown while stages run, or of cached ones, when they are asked for', async () => {
    using project = new CliProject(STUDY);
    assert.match(await project.expect(0, 'run', 'study', '--logs'), /work\[seed=1\] \| working on 1/);
    assert.doesNotMatch(await project.expect(0, 'run', 'study'), /working on/);
    assert.match(await project.expect(0, 'run', 'study', '--replay'), /work\[seed=2\] \| working on 2/);
  });

  test('--explain says why each instance runs when it starts', async () => {
    using project = new CliProject(STUDY);
    await project.expect(0, 'run', 'study');
    const said = await project.expect(0, 'run', 'study', '--set', 'size=4', '--explain');
    assert.match(said, /▸ work\[seed=1\] .*size.*3.*4/);
  });

  test('a run that was deleted from results/ is restored without running anything', async () => {
    using project = new CliProject(STUDY);
    await project.expect(0, 'run', 'study');
    rmSync(project.path('results'), {recursive: true});
    const said = await project.expect(0, 'run', 'study');
    assert.match(said, /results\/study restored/);
    assert.ok(statSync(project.path('results/study/table.md')).isFile());
  });
});

describe('a failure', () => {
  test('ends with 1, shows the tail of the log, and whatever does not depend on it still ran', async () => {
    using project = new CliProject(BROKEN);
    const {code, stdout} = await project.pipe('run', 'study');
    assert.equal(code, 1);
    assert.match(stdout, /✗ bad/);
    assert.match(stdout, /no such dragon/);
    assert.match(stdout, /1 failed, 1 skipped, 2 executed/);
    const lock = project.read('pipelines/study.lock.json');
    assert.match(lock, /"beside"/);
    assert.doesNotMatch(lock, /"bad"/);
  });

  test('is not cached, and --fail-fast starts nothing after it', async () => {
    using project = new CliProject(BROKEN.replace('in: {a: good.a}', ''));
    const {code, stdout} = await project.pipe('run', 'study', '--fail-fast', '--jobs', '1', 'bad', 'below');
    assert.equal(code, 1, stdout);
    const again = await project.pipe('run', 'study');
    assert.equal(again.code, 1);
    project.write('pipelines/study.yaml', BROKEN.replace('exit 3', 'echo mended > "$out/b.txt"'));
    assert.match(await project.expect(0, 'run', 'study'), /executed/);
  });
});

describe('questions', () => {
  test('plan names reasons; --json is for programs', async () => {
    using project = new CliProject(STUDY);
    await project.expect(0, 'run', 'study');
    const said = await project.expect(10, 'plan', 'study', '--set', 'size=4');
    assert.match(said, /size.*3.*4/);
    const answer = JSON.parse(await project.expect(10, 'plan', 'study', '--set', 'size=4', '--json'));
    assert.equal(answer.pipeline, 'study');
    assert.deepEqual(
      answer.instances.map(({id, will}: {id: string; will: string}) => [id, will]),
      [
        ['work[seed=1]', 'execute'],
        ['work[seed=2]', 'execute'],
        ['table', 'depend'],
      ],
    );
  });

  test('why goes down to the parameter, and up to the cause', async () => {
    using project = new CliProject(STUDY);
    await project.expect(0, 'run', 'study');
    assert.match(await project.expect(0, 'why', 'study', 'table'), /table is cached, made by run/);
    const said = await project.expect(0, 'why', 'study', 'table', '--set', 'size=4');
    assert.match(said, /\? table runs if what it reads changes/);
    assert.match(said, /work\[seed=1\]: .*size/);
  });

  test('a project is found from a folder inside of it', async () => {
    using project = new CliProject(STUDY);
    project.write('notes/deep/x.txt', '');
    const {code, stdout, stderr} = await project.start(['run'], {in: 'notes/deep'}).ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /3 executed/);
    assert.match(stderr, /pipelines\/study\.yaml: the only pipeline of this project/);
    assert.ok(existsSync(project.path('results/study/table.md')));
    assert.equal(existsSync(project.path('notes/deep/cache')), false);
  });

  test('of several pipelines, the one that was run last is meant', async () => {
    using project = new CliProject(STUDY);
    project.write(
      'pipelines/other.yaml',
      'pipeline: other\nstages: {only: {run: echo hi > "$out/a", out: {a: a}}}\n',
    );
    const {code, stderr} = await project.pipe('run');
    assert.equal(code, 2);
    assert.match(stderr, /name one of pipelines\/other\.yaml, pipelines\/study\.yaml/);
    await project.expect(0, 'run', 'other');
    const {stderr: said} = await project.pipe('plan');
    assert.match(said, /pipelines\/other\.yaml: the pipeline that was run last/);
  });
});
