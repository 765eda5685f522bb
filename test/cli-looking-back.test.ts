// Commands that look back at runs: what they list, compare and draw.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';

const PIPELINE = `
pipeline: study
params: {size: 3}
stages:
  make:
    uses: ./stages/make.ts
    with: {size: "\${size}"}
  best:
    uses: select
    in: {runs: {each: make}}
    with: {metric: score, goal: max}
    matrix: {kind: [x]}
`;

const MODULE = `import {writeFileSync} from 'node:fs';
import {defineStage, z} from 'pipe-ml/stage';
import {double} from './double.ts';
export default defineStage({
  about: 'Makes.',
  params: z.object({size: z.number(), kind: z.string().default('x')}),
  inputs: {},
  outputs: {text: 'file'},
  run({params, outputs, metric, log}) {
    log('making ' + params.size);
    metric('bytes', 1);
    metric('score', double(params.size));
    writeFileSync(outputs.text, String(params.size));
  },
});
`;

function projectWithGit(): CliProject {
  const project = new CliProject(
    PIPELINE.replace('matrix: {kind: [x]}', '').replace('each: make', 'each: make'),
  );
  project.write('stages/make.ts', MODULE);
  project.write('stages/double.ts', 'export const double = (value: number): number => value * 2;\n');
  project.write('.gitignore', 'cache\n*.lock.json\n');
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      cwd: project.folder,
      encoding: 'utf8',
    });
  git('init', '-q');
  git('add', '.');
  git('commit', '-qm', 'first');
  return project;
}

test('runs leaves out those that made nothing; --metric shows what they gave; diff compares those that did something', async () => {
  using project = projectWithGit();
  await project.expect(0, 'run', 'study', 'make');
  await project.expect(0, 'run', 'study', 'make');
  await project.expect(0, 'run', 'study', 'make', '--set', 'size=5');
  await project.expect(0, 'run', 'study', 'make', '--set', 'size=5');
  const listed = JSON.parse(await project.expect(0, 'runs', '--json'));
  assert.equal(listed.length, 2);
  assert.equal(JSON.parse(await project.expect(0, 'runs', '--all', '--json')).length, 4);
  assert.match(await project.expect(0, 'runs', '--metric', 'score'), /score\s+command[\s\S]* 10 [\s\S]* 6 /);
  assert.match(await project.expect(0, 'diff'), /size +3 +5[\s\S]*make score +6 +10 +\+4/);
});

test('diff --code shows how the sources differ, from what is stored', async () => {
  using project = projectWithGit();
  await project.expect(0, 'run', 'study', 'make');
  project.edit('stages/double.ts', 'value * 2', 'value * 3');
  await project.expect(0, 'run', 'study', 'make');
  project.edit('stages/double.ts', 'value * 3', 'value * 4');
  const said = await project.expect(0, 'diff', '--code');
  assert.match(said, /stages\/double\.ts\n/);
  assert.match(said, /^-export const double = .*value \* 2;$/m);
  assert.match(said, /^\+export const double = .*value \* 3;$/m);
});

test('diff --plan shows what an edit would change since the last run', async () => {
  using project = projectWithGit();
  await project.expect(0, 'run', 'study');
  assert.match(
    await project.expect(0, 'diff', '--plan'),
    /nothing would change: 2 instances stay as they are/,
  );
  project.edit('stages/double.ts', 'value * 2', 'value * 3');
  const said = await project.expect(0, 'diff', '--plan', 'study', '--set', 'size=4');
  assert.match(said, /size +3 +4/);
  assert.match(
    said,
    /make\n +stages\/double\.ts changed \(imported by stages\/make\.ts\)\n +params\.size 3 → 4\n/,
  );
  assert.match(said, /best\n +runs again if make gives other bytes\n/);
  const code = await project.expect(0, 'diff', '--plan', '--code');
  assert.match(code, /^-export const double = .*value \* 2;$/m);
  assert.match(code, /^\+export const double = .*value \* 3;$/m);
  const {params, instances} = JSON.parse(
    await project.expect(0, 'diff', '--plan', '--set', 'size=4', '--json'),
  );
  assert.deepEqual(params, [{name: 'size', before: 3, after: 4}]);
  assert.equal(instances.make.is, 'changed');
  assert.deepEqual(instances.best, {is: 'below', on: ['make']});
  assert.equal((await project.pipe('diff', '--set', 'size=4')).code, 2);
});

test('a result says from which commit it is, and whether there were changes that are not in it', async () => {
  using project = projectWithGit();
  await project.expect(0, 'run', 'study', 'make');
  assert.match(await project.expect(0, 'show', 'study', 'make'), /from +commit [0-9a-f]{12}, clean\n/);
  project.edit('stages/double.ts', 'value * 2', 'value * 3');
  await project.expect(0, 'run', 'study', 'make');
  const shown = await project.expect(0, 'show', 'study', 'make');
  assert.match(shown, /from +commit [0-9a-f]{12}, with changes that are not in it\n/);
  assert.match(shown, /took .+ CPU time, .+ memory at most\n/);
  const listed = await project.expect(0, 'log', 'study');
  assert.match(listed, /took +CPU +memory/);
  assert.match(listed, /instances? from commit [0-9a-f]{12}, with changes that are not in it\n/);
  await project.expect(0, 'report', 'study', '-o', 'page.html');
  assert.match(project.read('page.html'), /from commit [0-9a-f]{12}, with changes that are not in it/);
  assert.match(project.read('page.html'), /CPU time, .+ memory at most/);
  const runs = JSON.parse(await project.expect(0, 'runs', '--json'));
  assert.deepEqual(
    runs.map(({git}: {git: {isClean: boolean}}) => git.isClean),
    [false, true],
  );
});

test('log lists the metric that the pipeline looks at; a finished line shows it', async () => {
  using project = projectWithGit();
  assert.match(await project.expect(0, 'run', 'study', 'make'), /✓ make {2}[\d.]+ m?s {2}score 6/);
  const listed = await project.expect(0, 'log', 'study');
  assert.match(listed, /score\n/);
  assert.doesNotMatch(listed, /bytes/);
});

test('graph draws a PNG as a PNG, and refuses what it cannot draw', async () => {
  using project = projectWithGit();
  await project.expect(0, 'graph', 'study', '-o', 'graph.png');
  const bytes = readFileSync(project.path('graph.png'));
  assert.deepEqual([...bytes.subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
  assert.ok(bytes.length > 1000);
  assert.match(await project.expect(0, 'graph', 'study'), /make/);
  const refused = await project.pipe('graph', 'study', '-o', 'graph.jpg');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /expected a file that ends in one of \.svg, \.png/);
});

test('verify and gc find a store whole, and keep what is shown', async () => {
  using project = projectWithGit();
  await project.expect(0, 'run', 'study', 'make');
  assert.match(await project.expect(0, 'verify'), /all as their digests say/);
  await project.expect(0, 'gc', '--force');
  await project.expect(0, 'get', 'study', 'make', '-o', 'made.txt');
  assert.equal(project.read('made.txt'), '3');
});

test('why tells the whole key of a cached instance that is asked about, and names the cells that came', async () => {
  using project = new CliProject(`
pipeline: study
params: {seeds: [0, 1]}
stages:
  make:
    run: 'echo "$seed" > "$out/x.txt"'
    matrix: {seed: "\${seeds}"}
    out: {x: x.txt}
  all:
    run: 'cat "$in_parts"/* > "$out/all.txt"; cat notes.txt'
    files: [notes.txt]
    in: {parts: {each: make.x}}
    out: {all: all.txt}
`);
  project.write('notes.txt', 'a note\n');
  await project.expect(0, 'run', 'study');
  const said = await project.expect(0, 'why', 'study', 'all');
  assert.match(said, /● all is cached/);
  assert.match(said, /input +parts\[seed=1\]\.x +[0-9a-f]{10}\n/);
  assert.match(said, /file +notes\.txt +[0-9a-f]{10}\n/);
  await project.expect(0, 'run', 'study', 'make', '--set', 'seeds=[0,1,6]');
  assert.match(
    await project.expect(0, 'why', 'study', 'all', '--set', 'seeds=[0,1,6]'),
    /input parts: seed=6 added/,
  );
});
