// What publishing may touch: its own, and nothing else, whatever others put there, however many do it at once.

import assert from 'node:assert/strict';
import {existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, test} from 'node:test';
import {withChecksum} from '../src/host/checked-text.ts';
import {CliProject, type Ended} from './rig/cli-project.ts';

const one = (text = 'a', to = 'results/a'): string =>
  `pipeline: p\nstages:\n  a: {run: 'echo ${text} > "$out_x"', out: {x: x.txt}, publish: ${to}}\n`;

const run = (project: CliProject, ...args: string[]): Promise<Ended> => project.start(['run', ...args]).ended;

async function must(ended: Promise<Ended>): Promise<Ended> {
  const all = await ended;
  assert.equal(all.code, 0, all.stdout + all.stderr);
  return all;
}

describe('what pipe did not write', () => {
  test('at the place of a published file: a mistake before anything runs, and the file stays', async () => {
    using project = new CliProject(one());
    project.write('results/a/x.txt', 'mine\n');
    const refused = await run(project);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /results\/a\/x\.txt is there already, and pipe did not write it/);
    assert.equal(project.read('results/a/x.txt'), 'mine\n');
    assert.ok(!existsSync(project.path('cache/runs')), 'nothing ran');
    rmSync(project.path('results/a/x.txt'));
    await must(run(project));
    assert.equal(project.read('results/a/x.txt'), 'a\n');
  });

  test('inside of a published folder: what only the run can see is a mistake, and nothing is written', async () => {
    using project = new CliProject(
      `pipeline: p\nstages:\n  a: {run: 'echo 1 > "$out_d/new"; echo 2 > "$out_d/old"', out: {d: d/}, publish: results}\n`,
    );
    project.write('results/d/old', 'mine\n');
    const refused = await run(project);
    assert.equal(refused.code, 2, refused.stdout);
    assert.match(refused.stdout + refused.stderr, /results\/d\/old is there already/);
    assert.deepEqual(readdirSync(project.path('results/d')), ['old'], 'whole or not at all');
    assert.equal(project.read('results/d/old'), 'mine\n');
  });

  test('in a published folder, with bytes that the store happens to have', async () => {
    using project = new CliProject(
      `pipeline: p\nstages:\n  a: {run: 'echo a > "$out_d/x"', out: {d: d/}, publish: results}\n`,
    );
    await must(run(project));
    project.write('results/d/mine', 'a\n');
    project.write('results/mine', 'a\n');
    rmSync(project.path('results/d/x'));
    await must(run(project));
    assert.deepEqual(readdirSync(project.path('results/d')).sort(), ['mine', 'x']);
    assert.ok(existsSync(project.path('results/mine')));
  });

  test('what was published and then edited is kept aside, and said', async () => {
    using project = new CliProject(one());
    await must(run(project));
    project.write('results/a/x.txt', 'my notes\n');
    const {stdout, stderr} = await must(run(project));
    assert.equal(project.read('results/a/x.txt'), 'a\n');
    const aside = /kept as (\S+)/.exec(stdout + stderr)?.[1];
    assert.ok(aside !== undefined, stdout + stderr);
    assert.equal(project.read(aside), 'my notes\n');
  });
});

describe('two pipelines', () => {
  const other = (name: string): string =>
    `pipeline: q\nstages:\n  b: {run: 'echo b > "$out_y"', out: {y: ${name}}, publish: results/a}\n`;

  test('publish into one folder, and leave each other alone', async () => {
    using project = new CliProject(one());
    project.write('pipelines/other.yaml', other('y.txt'));
    await must(run(project, 'study'));
    await must(run(project, 'other'));
    await must(run(project, 'study'));
    assert.deepEqual(readdirSync(project.path('results/a')).sort(), ['x.txt', 'y.txt']);
    project.write('pipelines/study.yaml', one('a', 'results/elsewhere'));
    await must(run(project, 'study'));
    assert.deepEqual(readdirSync(project.path('results/a')), ['y.txt']);
  });

  test('cannot publish the same file, not even with equal bytes, until one of them is gone', async () => {
    using project = new CliProject(one('b', 'results/b'));
    // Elsewhere, where no other pipeline looks for it before it has run.
    project.write('elsewhere/other.yaml', other('x.txt'));
    await must(run(project, 'elsewhere/other.yaml'));
    project.write('pipelines/study.yaml', one('b'));
    const refused = await run(project, 'study');
    assert.equal(refused.code, 2, refused.stdout);
    assert.match(refused.stderr, /results\/a\/x\.txt is published by elsewhere\/other\.yaml as well/);
    rmSync(project.path('elsewhere/other.yaml'));
    await must(run(project, 'study'));
    assert.equal(project.read('results/a/x.txt'), 'b\n');
  });
});

describe('what was published before', () => {
  test('goes when `publish` moves; what was edited meanwhile, and what others put there, stays', async () => {
    using project = new CliProject(one());
    await must(run(project));
    project.write('pipelines/study.yaml', one('a', 'results/b'));
    const {stdout} = await must(run(project));
    assert.match(stdout, /removed what was published at results\/a/);
    assert.ok(!existsSync(project.path('results/a')));
    project.write('results/b/x.txt', 'edited\n');
    project.write('results/b/mine', 'mine\n');
    project.write('pipelines/study.yaml', one('a', 'results/c'));
    await must(run(project));
    assert.deepEqual(readdirSync(project.path('results/b')).sort(), ['mine', 'x.txt']);
    assert.equal(project.read('results/c/x.txt'), 'a\n');
  });

  test('goes with its cell', async () => {
    const cells = (list: string): string =>
      `pipeline: p\nstages:\n  a: {run: 'echo "$n" > "$out_x"', out: {x: x}, matrix: {n: [${list}]}, publish: results}\n`;
    using project = new CliProject(cells('1, 2'));
    await must(run(project));
    assert.deepEqual(readdirSync(project.path('results')).sort(), ['n=1', 'n=2']);
    project.write('pipelines/study.yaml', cells('1'));
    await must(run(project));
    assert.deepEqual(readdirSync(project.path('results')), ['n=1']);
  });

  test('stays what a folder now was a file, and the other way round', async () => {
    const stage = (command: string, path: string): string =>
      `pipeline: p\nstages:\n  a: {run: '${command}', out: {x: ${path}}, publish: results}\n`;
    using project = new CliProject(stage('echo 1 > "$out_x"', 'x'));
    await must(run(project));
    project.write('pipelines/study.yaml', stage('echo 2 > "$out_x/y"', 'x/'));
    await must(run(project));
    assert.equal(project.read('results/x/y'), '2\n');
    project.write('pipelines/study.yaml', stage('echo 3 > "$out_x"', 'x'));
    await must(run(project));
    assert.equal(project.read('results/x'), '3\n');
  });

  test('is known again after a kill between the manifest and the files', async () => {
    using project = new CliProject(one('first'));
    await must(run(project));
    const name = readdirSync(project.path('cache/published'))[0] ?? '';
    const path = `cache/published/${name}`;
    const before = project.read(path);
    project.write('pipelines/study.yaml', one('second'));
    await must(run(project));
    const digestIn = (text: string): string | undefined => /[0-9a-f]{64}/.exec(text.slice(65))?.[0];
    const [old, fresh] = [digestIn(before), digestIn(project.read(path))];
    assert.notEqual(old, fresh);
    const both = before.slice(65).replace(`"${old}"`, `"${fresh}","${old}"`);
    project.write(path, withChecksum(both));
    project.write('results/a/x.txt', 'first\n');
    const {stdout} = await must(run(project));
    assert.ok(!stdout.includes('edited'), stdout);
    assert.equal(project.read('results/a/x.txt'), 'second\n');
  });

  test('is known again in a clone, which has the files and the lock file and no store', async () => {
    using project = new CliProject(one('first'));
    await must(run(project));
    rmSync(project.path('cache'), {recursive: true});
    project.write('pipelines/study.yaml', one('second'));
    await must(run(project));
    assert.equal(project.read('results/a/x.txt'), 'second\n');
    rmSync(project.path('cache'), {recursive: true});
    project.write('results/a/x.txt', 'mine\n');
    assert.equal((await run(project)).code, 2);
    assert.equal(project.read('results/a/x.txt'), 'mine\n');
  });
});

test('a link that leaves the project, or leads into the store, is refused before anything runs', async () => {
  using project = new CliProject(one('a', 'results/deep/a'));
  const outside = realpathSync(mkdtempSync(join(tmpdir(), 'pipe-outside-')));
  try {
    mkdirSync(project.path('cache/blobs'), {recursive: true});
    for (const [target, message] of [
      [outside, 'leads out of the project'],
      [project.path('cache/blobs'), 'leads into cache'],
      [join(outside, 'nothing'), 'leads nowhere'],
    ] as const) {
      rmSync(project.path('results'), {recursive: true, force: true});
      symlinkSync(target, project.path('results'));
      const refused = await run(project);
      assert.equal(refused.code, 2, refused.stdout);
      assert.ok(refused.stderr.includes(message), refused.stderr);
      assert.deepEqual(readdirSync(outside), []);
    }
    rmSync(project.path('results'));
    mkdirSync(project.path('kept'));
    symlinkSync('kept', project.path('results'));
    await must(run(project));
    assert.equal(project.read('kept/deep/a/x.txt'), 'a\n', 'a link inside of the project is no matter');
  } finally {
    rmSync(outside, {recursive: true, force: true});
  }
});

test('four runs at once restore a published folder: all succeed, and it is whole', async () => {
  const names = Array.from({length: 40}, (_, index) => `f${index}`);
  using project = new CliProject(
    `pipeline: p\nstages:\n  a: {run: 'for i in $(seq 0 39); do echo "$i" > "$out_d/f$i"; done', out: {d: d/}, publish: results}\n`,
  );
  await must(run(project));
  for (let round = 0; round < 3; round++) {
    if (round === 1) rmSync(project.path('results'), {recursive: true});
    else for (const name of names) if (name.endsWith('1')) rmSync(project.path(`results/d/${name}`));
    await Promise.all([1, 2, 3, 4].map(() => must(run(project))));
    assert.deepEqual(readdirSync(project.path('results/d')).sort(), [...names].sort());
    for (const [index, name] of names.entries())
      assert.equal(project.read(`results/d/${name}`), `${index}\n`);
  }
});
