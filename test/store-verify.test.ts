// `pipe verify`: everything that the store holds, and what was made from what is damaged.

import assert from 'node:assert/strict';
import {chmodSync, readdirSync, utimesSync, writeFileSync} from 'node:fs';
import {test} from 'node:test';
import {digestBytes} from '../src/core/digest.ts';
import {CliProject} from './rig/cli-project.ts';

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
