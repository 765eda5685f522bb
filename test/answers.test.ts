// Commands that look back answer for the parameters that they are asked for: by key, never by what ran last.

import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';

const PIPELINE = `
pipeline: study
params: {size: 3, fails: 0}
profiles: {large: {size: 7}}
stages:
  make:
    run: 'test "$fails" = 0 || { echo "giving up at $size"; exit 3; }; echo "making $size"; printf "{\\"size\\": $size}" > "$metrics"; echo "$size" > "$out/size.txt"'
    with: {size: "\${size}", fails: "\${fails}"}
    out: {size: size.txt}
  twice:
    run: 'cat "$in_make/size.txt" "$in_make/size.txt" > "$out/twice.txt"'
    in: {make: make}
    out: {twice: twice.txt}
`;

test('get, show, log and report answer by key: what was made of other parameters is no answer', async () => {
  using project = new CliProject(PIPELINE);
  await project.expect(0, 'run', 'study');
  const missing = await project.pipe('get', 'study', 'make', '--set', 'size=99', '-o', 'size.txt');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /error\[no-result\]: make has no result for these parameters, code and data/);
  assert.match(missing.stderr, /run [0-9a-z-]+, .*params\.size 3 → 99.*--last gives that one/);
  assert.match(missing.stderr, /pipe run pipelines\/study\.yaml make --set size=99/);
  for (const command of ['show', 'log', 'get']) {
    const below = await project.pipe(command, 'study', 'twice', '--profile', 'large');
    assert.equal(below.code, 1, command);
    assert.match(below.stderr, /twice has no result for these parameters: it needs make, which has none/);
  }
  const page = await project.pipe('report', 'study', '--set', 'size=99');
  assert.equal(page.code, 1);
  assert.match(page.stderr, /study has no results of these parameters/);

  await project.expect(0, 'run', 'study', '--set', 'size=99');
  await project.expect(0, 'get', 'study', 'make', '-o', 'small.txt');
  assert.equal(project.read('small.txt'), '3\n', 'the plain parameters, although others ran last');
  await project.expect(0, 'get', 'study', 'twice', '--set', 'size=99', '-o', 'large.txt');
  assert.equal(project.read('large.txt'), '99\n99\n');
  assert.match(await project.expect(0, 'show', 'study', 'make'), /size +3\n/);
  assert.equal(await project.expect(0, 'log', 'study', 'make'), 'making 3\n');
});

test('before anything ran, an instance has no result, which is told from a mistake', async () => {
  using project = new CliProject(PIPELINE);
  const {code, stdout, stderr} = await project.pipe('log', 'study', 'make');
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(
    stderr,
    /make has no result yet\n {2}help: to make it: pipe run pipelines\/study\.yaml make\n/,
  );
  assert.equal((await project.pipe('log', 'study', 'mkae')).code, 2);
  const shown = await project.pipe('show', 'study', 'make');
  assert.equal(shown.code, 1);
  assert.match(shown.stdout, /size +3\n/);
});

test('--last takes the newest result, and says in what it differs', async () => {
  using project = new CliProject(PIPELINE);
  await project.expect(0, 'run', 'study', '--set', 'size=5');
  const last = await project.pipe('get', 'study', 'make', '--last', '-o', 'size.txt');
  assert.equal(last.code, 0, last.stderr);
  assert.equal(project.read('size.txt'), '5\n');
  assert.match(last.stderr, /make: a result of run .*; since then params\.size 5 → 3/);
  assert.match(await project.expect(0, 'show', 'study', 'make', '--last'), /size +5\n/);
  await project.expect(0, 'report', 'study', '--last');
  assert.match(project.read('report.html'), /made with other parameters/);
});

test('an edit of the code makes an earlier result another one; a clean answer comes back with the edit undone', async () => {
  using project = new CliProject(PIPELINE);
  await project.expect(0, 'run', 'study');
  project.edit('pipelines/study.yaml', 'making', 'building');
  const edited = await project.pipe('log', 'study', 'make');
  assert.equal(edited.code, 1);
  assert.match(edited.stderr, /the command changed since then/);
  project.edit('pipelines/study.yaml', 'building', 'making');
  assert.equal(await project.expect(0, 'log', 'study', 'make'), 'making 3\n');
});

test('get leaves alone what it did not write, and takes it with --force', async () => {
  using project = new CliProject(PIPELINE);
  await project.expect(0, 'run', 'study');
  project.write('mine.txt', 'my notes\n');
  const refused = await project.pipe('get', 'study', 'make', '-o', 'mine.txt');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /error\[in-the-way\]: expected to write mine\.txt/);
  assert.equal(project.read('mine.txt'), 'my notes\n');
  await project.expect(0, 'get', 'study', 'make', '-o', 'mine.txt', '--force');
  assert.equal(project.read('mine.txt'), '3\n');
  await project.expect(0, 'run', 'study', '--set', 'size=4');
  await project.expect(0, 'get', 'study', 'make', '--set', 'size=4', '-o', 'mine.txt');
  assert.equal(project.read('mine.txt'), '4\n', 'what get wrote itself it may write over');
  writeFileSync(project.path('mine.txt'), 'edited\n');
  assert.equal((await project.pipe('get', 'study', 'make', '-o', 'mine.txt')).code, 2);
  assert.equal(readFileSync(project.path('mine.txt'), 'utf8'), 'edited\n');
});

test('the log of a try that failed is kept, and never is that of an older success shown for it', async () => {
  using project = new CliProject(PIPELINE);
  await project.expect(1, 'run', 'study', '--set', 'fails=1');
  const first = await project.pipe('log', 'study', 'make', '--set', 'fails=1');
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout, 'giving up at 3\n');
  assert.match(first.stderr, /make: the try of run .* that failed: exited with code 3/);

  await project.expect(0, 'run', 'study');
  await project.expect(1, 'run', 'study', '--set', 'fails=1', '--set', 'size=8');
  assert.equal(await project.expect(0, 'log', 'study', 'make'), 'making 3\n');
  const failed = ['--set', 'fails=1', '--set', 'size=8'];
  assert.equal(await project.expect(0, 'log', 'study', 'make', ...failed), 'giving up at 8\n');
  assert.equal(
    await project.expect(0, 'log', 'study', 'make', '--set', 'fails=1'),
    'giving up at 3\n',
    'also that of an earlier run',
  );
  const shown = await project.pipe('show', 'study', 'make', ...failed);
  assert.equal(shown.code, 1);
  assert.match(shown.stdout, /fails +1\n[\s\S]*giving up at 8/);
  assert.match(shown.stderr, /its last try, in run .*, failed: exited with code 3/);
  await project.expect(0, 'gc', '--force');
  assert.equal(await project.expect(0, 'log', 'study', 'make', ...failed), 'giving up at 8\n');
});

test('control sequences in a log, a name or an error do not reach the terminal', async () => {
  using project = new CliProject(`
pipeline: study
stages:
  ring:
    run: 'printf "\\033]0;owned\\007\\033[2Jhere\\r\\n50 %%\\r100 %%\\n\\001end\\n"; test "$name" = ok'
    with: {note: "a\\e[31m"}
    matrix: {name: [ok, bad]}
`);
  const ran = await project.pipe('run', 'study', '--logs');
  assert.equal(ran.code, 1);
  const log = await project.expect(0, 'log', 'study', 'ring[name=ok]');
  assert.equal(log, 'here\n100 %\n\u2401end\n');
  const shown = await project.pipe('show', 'study', 'ring[name=ok]');
  const all = [ran.stdout, ran.stderr, shown.stdout, (await project.pipe('show', 'study')).stdout].join('');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
  assert.doesNotMatch(all, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
});
