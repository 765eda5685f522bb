// What a power cut may take: nothing that the user commits. And what one has taken (a lock file in pieces) is written
// again from what is known, and protects everything until then.

import assert from 'node:assert/strict';
import {execFileSync, spawnSync} from 'node:child_process';
import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname} from 'node:path';
import {test} from 'node:test';
import {CliProject, cli} from './rig/cli-project.ts';

const TEXT = `pipeline: p
stages:
  a: {run: 'echo a > "$out_x"', out: {x: x}}
  b: {run: 'cat "$in_a/x" > "$out_y"; mkdir "$out_d/below"; echo d > "$out_d/below/z"', in: {a: a}, out: {y: y, d: d/}, publish: results/b}
`;
const LOCK = 'pipelines/study.lock.json';

test('a lock file in pieces is written again from what is known, and kept beside', async () => {
  using project = new CliProject(TEXT);
  assert.equal((await project.start(['run']).ended).code, 0);
  const whole = project.read(LOCK);
  const entry = whole.indexOf('"b"');
  const pieces = [
    '',
    '\0'.repeat(whole.length),
    whole.slice(0, 20),
    whole.slice(0, entry),
    whole.slice(0, -3),
    'null',
    whole.replace(/"fingerprint":"....../, '"fingerprint":"'),
  ];
  for (const [index, piece] of pieces.entries()) {
    writeFileSync(project.path(LOCK), piece);
    const swept = await project.start(['gc', '--force', '--keep-days', '0']).ended;
    assert.equal(swept.code, 2, 'in doubt nothing is removed');
    assert.match(swept.stderr, /study\.lock\.json/);
    // Only a part of the pipeline: the rest is known from the ledger.
    const {code, stderr} = await project.start(['run', '--only', 'a']).ended;
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /was damaged: written again from what is known; the old one is study\.lock\.json\.damaged/,
    );
    assert.equal(project.read(LOCK), whole);
    const aside = `${LOCK}.damaged${index === 0 ? '' : `-${index + 1}`}`;
    assert.equal(project.read(aside), piece);
    assert.equal((await project.start(['gc', '--force']).ended).code, 0);
  }
  assert.equal(readdirSync(project.path('pipelines')).length, 2 + pieces.length);
});

test('lock files of a merge and of a later version are left alone; what they protect is in doubt', async () => {
  using project = new CliProject(TEXT);
  assert.equal((await project.start(['run']).ended).code, 0);
  const whole = project.read(LOCK);
  for (const text of [`<<<<<<< ours\n${whole}=======\n${whole}>>>>>>> theirs\n`, '{"format": 7}']) {
    writeFileSync(project.path(LOCK), text);
    const {code, stderr} = await project.start(['run']).ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /is left as it is/);
    assert.equal(project.read(LOCK), text);
    assert.equal((await project.start(['gc', '--force']).ended).code, 2);
  }
});

test('the lock file of a pipeline outside of pipelines/ protects as well', async () => {
  using project = new CliProject();
  project.write('study.yaml', TEXT);
  assert.equal((await project.start(['run', 'study.yaml']).ended).code, 0);
  const lock = project.read('study.lock.json');
  const changed = TEXT.replace('echo a', 'echo other');
  project.write('study.yaml', changed);
  assert.equal((await project.start(['run', 'study.yaml']).ended).code, 0);
  project.write('study.lock.json', lock);
  const swept = await project.start(['gc', '--force', '--keep-days', '0']).ended;
  assert.equal(swept.code, 0, swept.stderr);
  project.write('study.yaml', TEXT);
  const {stdout} = await project.start(['run', 'study.yaml']).ended;
  assert.match(stdout, /2 cached/);
});

const hasStrace = spawnSync('strace', ['-V']).status === 0 && spawnSync('strace', ['true']).status === 0;

test('bytes reach the disk before their name, and the name before anything is said: lock file and published files', {
  skip: hasStrace ? false : 'strace is not there, or may not trace',
}, () => {
  using project = new CliProject(TEXT);
  const log = project.path('trace');
  const calls = 'trace=fsync,fdatasync,rename,renameat,renameat2';
  execFileSync('strace', ['-f', '-y', '-s', '4096', '-e', calls, '-o', log, process.execPath, cli, 'run'], {
    cwd: project.folder,
  });
  const lines = readFileSync(log, 'utf8').split('\n');
  const synced = (line: string): string | undefined => /f(?:data)?sync\(\d+<([^>]*)>/.exec(line)?.[1];
  const mine = [LOCK, 'results/b/y', 'results/b/d/below/z'].map(path => project.path(path));
  for (const path of mine) {
    assert.ok(existsSync(path));
    const at = lines.findIndex(line => /rename/.test(line) && line.includes(`"${path}"`));
    assert.ok(at !== -1, `${path} appears by a rename`);
    const from = /"([^"]*)"/.exec(lines[at] ?? '')?.[1];
    assert.ok(
      lines.slice(0, at).some(line => synced(line) === from),
      `the bytes of ${path} are on the disk before its name`,
    );
    const top = path.endsWith('lock.json') ? dirname(dirname(path)) : dirname(project.folder);
    for (let folder = dirname(path); folder !== top; folder = dirname(folder)) {
      assert.ok(
        // The folders around it may have been made, and synced, for another file.
        lines.slice(folder === dirname(path) ? at : 0).some(line => synced(line) === folder),
        `the names in ${folder} are on the disk`,
      );
    }
  }
});
