// `pipe verify`: everything that the store holds, and what was made from what is damaged.

import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {test} from 'node:test';
import {digestBytes} from '../src/core/digest.ts';
import {CliProject, packageRoot} from './rig/cli-project.ts';

const TEXT = `pipeline: p
stages:
  a: {run: 'echo 1 > "$out_x"; mkdir "$out_d/below"; echo 2 > "$out_d/below/y"', out: {x: x, d: d/}}
  b: {run: 'cat "$in_a/x" > "$out_y"; echo b >> "$out_y"', in: {a: a.x}, out: {y: y}}
  c: {run: 'ls -R "$in_a" > "$out_z"', in: {a: a.d}, out: {z: z}}
  e: {run: 'echo e > "$out_z"', out: {z: z}}
`;

/** Damage that keeps size and times. */
function rot(project: CliProject, bytes: string): void {
  const digest = digestBytes(bytes);
  const path = project.path(`cache/blobs/${digest.slice(0, 2)}/${digest.slice(2)}`);
  chmodSync(path, 0o600);
  writeFileSync(path, bytes.replace(/\d/, '7'));
  utimesSync(path, 978_307_200, 978_307_200);
}

test('what was made from a damaged blob is voided, also through a folder; the rest stays', async () => {
  for (const [bytes, consumer] of [
    ['1\n', 'b'],
    ['2\n', 'c'],
  ] as const) {
    using project = new CliProject(TEXT.replace('a: a.x', 'a: a.x').replace('"$in_a/x"', '"$in_a"'));
    const first = await project.start(['run']).ended;
    assert.equal(first.code, 0, first.stdout);
    assert.equal((await project.start(['verify']).ended).code, 0);
    rot(project, bytes);
    const {code, stdout} = await project.start(['verify']).ended;
    assert.equal(code, 1, stdout);
    assert.match(stdout, /1 result made from damaged blobs voided/);
    const again = await project.start(['run']).ended;
    assert.equal(again.code, 0, again.stdout);
    assert.match(again.stdout, /2 executed/, `a, and ${consumer}: ${again.stdout}`);
    assert.match(again.stdout, new RegExp(`✓ ${consumer} `));
    assert.equal((await project.start(['verify']).ended).code, 0);
  }
});

test('lines of records and lock files are looked at; a damaged line of what is last known is not believed', async () => {
  using project = new CliProject(
    `pipeline: p\nstages:\n  a: {run: 'echo "{\\"m\\": 12345}" > "$metrics"; echo a > "$out_x"', out: {x: x}}\n`,
  );
  const first = await project.start(['run']).ended;
  assert.equal(first.code, 0, first.stdout);
  const [run = ''] = readdirSync(project.path('cache/runs'));
  for (const path of [`cache/runs/${run}`, 'cache/last/p.journal']) {
    const whole = project.read(path);
    assert.ok(whole.includes('12345'), path);
    project.write(path, whole.replaceAll('12345', '99999'));
    const {code, stdout} = await project.start(['verify']).ended;
    assert.equal(code, 1, stdout);
    assert.match(stdout, /damaged line/);
    assert.doesNotMatch((await project.start(['show', 'a']).ended).stdout, /99999/);
    project.write(path, whole);
  }
  project.write('pipelines/study.lock.json', '{"format": 1');
  const {code, stdout} = await project.start(['verify']).ended;
  assert.equal(code, 1);
  assert.match(stdout, /study\.lock\.json: Expected a whole lock file/);
});

test('verify finds what is damaged in any file of the store; a repair says what it did, and the next run ends in the same bytes', async () => {
  using project = new CliProject(
    `pipeline: p\nstages:\n  a: {uses: ./stages/a.ts}\n  b: {run: 'cat data.txt "$in_a" > "$out_y"', files: [data.txt], in: {a: a.x}, out: {y: y}, publish: results/b}\n`,
  );
  project.write('data.txt', 'data\n');
  project.write(
    'stages/a.ts',
    `import {defineStage, z} from 'pipe-ml/stage';
import {writeFileSync} from 'node:fs';
export default defineStage({about: 'a', params: z.object({}), inputs: {}, outputs: {x: 'file'}, run({outputs}) { writeFileSync(outputs.x, 'a'); }});
`,
  );
  mkdirSync(project.path('node_modules'));
  symlinkSync(packageRoot, project.path('node_modules/pipe-ml'));
  const longAgo = new Date('2020-01-01');
  utimesSync(project.path('data.txt'), longAgo, longAgo);
  await project.expect(0, 'run');
  const bundles = readdirSync(project.path('cache/code')).filter(name => name.length === 64);
  assert.equal(bundles.length, 1);
  const findings = async (
    ...args: string[]
  ): Promise<{kind: string; path: string; done: string | null}[]> => {
    const {stdout} = await project.pipe('verify', '--json', ...args);
    return JSON.parse(stdout).findings;
  };
  assert.deepEqual(await findings(), []);
  const [plan = ''] = readdirSync(project.path('cache/plans')).filter(name => name.endsWith('.json'));
  for (const [path, kind] of [
    ['cache/files.journal', 'journal'],
    ['cache/code/modules.journal', 'journal'],
    ['cache/last/p.journal', 'journal'],
    [`cache/plans/${plan}`, 'plan'],
    ['cache/published/pipelines%2Fstudy.yaml.json', 'publication'],
    [`cache/code/${bundles[0]}/stage.js`, 'bundle'],
    ['cache/blobs/README', 'stray'],
  ] as const) {
    if (kind === 'stray') project.write(path, 'hello');
    else {
      const {atime, mtime} = statSync(project.path(path));
      const bytes = readFileSync(project.path(path));
      const at = Math.floor(bytes.length / 2);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      chmodSync(project.path(path), 0o644);
      writeFileSync(project.path(path), bytes);
      utimesSync(project.path(path), atime, mtime);
    }
    const shown = kind === 'bundle' ? `cache/code/${bundles[0]}` : path;
    assert.deepEqual(
      (await findings()).map(each => [each.kind, each.path, each.done]),
      [[kind, shown, null]],
      path,
    );
    const [mended] = await findings('--repair');
    assert.ok(mended?.done !== null && mended?.path === shown, path);
    assert.deepEqual(await findings(), [], `${path} is mended`);
    await project.expect(0, 'run');
    assert.equal(project.read('results/b/y'), 'data\na');
  }
});
