// What is known before anything runs: what a run requires, what is frozen, what comes first, and what is left out.

import assert from 'node:assert/strict';
import {rmSync} from 'node:fs';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';

test('GPUs that are not there and variables that are not set are mistakes with a place, before anything runs', async () => {
  const text = (gpu: string): string => `pipeline: p
stages:
  first: {run: 'echo one > "$out/x"'}
  fit: {run: 'echo "$PIPE_T_TOKEN" > "$out/x"', in: {first: first}, env: [PIPE_T_TOKEN, "PIPE_T_LOUD?"], resources: {gpu: ${gpu}}}
`;
  using project = new CliProject(text('64'));
  const refused = await project.pipe('run', 'study');
  assert.equal(refused.code, 2, refused.stderr);
  assert.match(
    refused.stderr,
    /error\[no-gpu\]: expected 64 GPUs, but this machine has \d+\n +--> pipelines\/study\.yaml:4:\d+/,
  );
  assert.match(
    refused.stderr,
    /error\[unset-environment\]: expected the environment to set PIPE_T_TOKEN, got nothing\n +--> pipelines\/study\.yaml:4:\d+/,
  );
  assert.doesNotMatch(refused.stdout, /first/, 'nothing ran');
  assert.equal((await project.pipe('plan', 'study')).code, 2);
  assert.match(await project.expect(0, 'run', 'study', 'first'), /1 executed/);
  project.write('pipelines/study.yaml', text('optional'));
  const token = {env: {PIPE_T_TOKEN: 'a'}};
  assert.equal((await project.start(['run', 'study'], token).ended).code, 0);
  // What is cached requires nothing: the same key, without the GPUs.
  project.write('pipelines/study.yaml', text('64'));
  assert.equal((await project.start(['run', 'study'], token).ended).code, 0);
});

test('what the machine lacks is told with all other mistakes, and what stands where a stage publishes before it runs', async () => {
  const text = (more: string): string => `pipeline: p
stages:
  a: {run: 'echo mine > "$out/a.txt"', publish: results/a, env: [PIPE_T_UNSET]${more}}
  b: {run: 'echo b > "$out_b"', out: {b: b.txt}, publish: results/b}
`;
  using project = new CliProject(text(', files: nope.txt, resources: {gpu: 64}'));
  const refused = await project.pipe('run', 'study');
  assert.equal(refused.code, 2);
  for (const code of ['missing-file', 'no-gpu', 'unset-environment'])
    assert.match(refused.stderr, new RegExp(`error\\[${code}\\].*\n +--> pipelines/study.yaml:3:`));
  assert.match(refused.stderr, /3 mistakes to mend/);

  project.write('pipelines/study.yaml', text(''));
  project.write('results/a/a.txt', 'of a user\n');
  project.write('results/b/b.txt', 'of a user\n');
  const inTheWay = await project.pipe('run', 'study');
  assert.equal(inTheWay.code, 2);
  assert.match(inTheWay.stderr, /error\[unset-environment\]/);
  assert.match(
    inTheWay.stderr,
    /error\[publish-conflict\].*results\/b\/b\.txt is there already.*\n +--> pipelines\/study\.yaml:4:/,
  );
  assert.doesNotMatch(inTheWay.stdout, /executed/);

  // What a whole folder will hold nobody knows: it is told, and the file is not touched.
  const {code, stdout, stderr} = await project.start(['run', 'study', 'a'], {env: {PIPE_T_UNSET: '1'}}).ended;
  assert.equal(code, 2);
  assert.match(stderr, /warning\[publish-beside\]: a publishes a whole folder where results\/a\/a\.txt is/);
  assert.match(stdout, /✓ a /);
  assert.equal(project.read('results/a/a.txt'), 'of a user\n');
});

test('what a selection leaves out, and what it selects needs, is a mistake and no silent success', async () => {
  const text = (word: string): string => `pipeline: p
stages:
  a: {run: 'echo ${word} > "$out/x"'}
  b: {run: 'cat "$in_a/x" > "$out/x"', in: {a: a}}
`;
  using project = new CliProject(text('one'));
  await project.expect(0, 'run', 'study');
  await project.expect(0, 'run', 'study', '--only', 'b', '--force');
  project.write('pipelines/study.yaml', text('two'));
  const said = await project.pipe('run', 'study', '--only', 'b', '--force');
  assert.equal(said.code, 2, said.stdout);
  assert.match(
    said.stdout + said.stderr,
    /expected a result of a, which is needed, got none that is up to date \(the command changed\)/,
  );
  assert.match(said.stdout + said.stderr, /--only does not/);
  assert.match(said.stdout, /✗ 1 skipped/);
});

test('files that come and go in a glob are told as such', async () => {
  using project = new CliProject(`pipeline: p
stages:
  a: {run: 'cat d/*.csv > "$out_x"', files: "d/*.csv", out: {x: x}}
`);
  project.write('d/a.csv', '1\n');
  await project.expect(0, 'run', 'study');
  project.write('d/b.csv', '2\n');
  assert.match(await project.expect(0, 'run', 'study'), /\(file d\/b\.csv added\)/);
  rmSync(project.path('d/a.csv'));
  project.write('d/b.csv', '3\n');
  assert.match(await project.expect(10, 'plan', 'study'), /file d\/a\.csv removed; file d\/b\.csv changed/);
});

test('a plan says what will run, where it is known, and what may', async () => {
  const text = (word: string): string => `pipeline: p
stages:
  a: {run: 'echo ${word} > "$out/x"'}
  b: {run: 'cat "$in_a/x" > "$out/x"', in: {a: a}}
  c: {run: 'date > "$out/x"', in: {b: b}, volatile: true}
  d: {run: 'cat "$in_c/x"', in: {c: c}}
`;
  using project = new CliProject(text('one'));
  const fresh = await project.expect(10, 'plan', 'study');
  assert.match(
    fresh,
    /▸ a +runs +first run\n▸ b +will run +after a \(first run\)\n▸ c +will run +after b .*\n▸ d +will run/,
  );
  assert.match(fresh, /4 instances would run$/m);
  await project.expect(0, 'run', 'study');
  project.write('pipelines/study.yaml', text('two'));
  const changed = await project.expect(10, 'plan', 'study');
  assert.match(
    changed,
    /▸ a +runs +.*\n\? b +may run +if a gives other bytes\n▸ c +will run +after b .*\n\? d +may run/,
  );
});

test('a frozen stage keeps what it gave last, and what it ignores is said', async () => {
  const text = (word: string, more = ''): string => `pipeline: p
stages:
  a: {run: 'echo ${word} > "$out/x"'${more}}
  b: {run: 'cat "$in_a/x" > "$out/x"', in: {a: a}, publish: results/b}
`;
  using project = new CliProject(text('one', ', frozen: true'));
  await project.expect(0, 'run', 'study');
  project.write('pipelines/study.yaml', text('two', ', frozen: true'));
  assert.match(
    await project.expect(0, 'plan', 'study'),
    /● a +cached +frozen, in spite of: the command changed/,
  );
  const ran = await project.expect(0, 'run', 'study');
  assert.match(ran, /! a is frozen, and keeps what it gave last \(the command changed\)/);
  assert.equal(project.read('results/b/x'), 'one\n');
  assert.match(
    await project.expect(0, 'why', 'study', 'a'),
    /is cached.*\n +frozen, in spite of: the command changed/,
  );
  await project.expect(0, 'run', 'study', 'a', '--force');
  await project.expect(0, 'run', 'study');
  assert.equal(project.read('results/b/x'), 'two\n');
  project.write('pipelines/study.yaml', text('one'));
  await project.expect(0, 'run', 'study');
  assert.equal(project.read('results/b/x'), 'one\n');
});

test('what comes after a stage waits for it, agrees on its axes, and does not depend on what it gives', async () => {
  const text = (word: string): string => `pipeline: p
stages:
  first: {run: 'echo ${word} > "$out/x"', matrix: {x: [1, 2]}}
  then: {run: 'echo then', after: [first], matrix: {x: [2]}}
  bad: {run: 'exit 3'}
  never: {run: 'true', after: bad}
`;
  using project = new CliProject(text('one'));
  const events = (await project.expect(1, 'run', 'study', '--json'))
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line));
  const at = (type: string, id: string): number =>
    events.findIndex(event => event.type === type && event.id === id);
  assert.ok(at('finished', 'first[x=2]') < at('started', 'then[x=2]'));
  assert.equal(
    events.find(event => event.type === 'finished' && event.id === 'never').outcome.status,
    'skipped',
  );
  project.write('pipelines/study.yaml', text('two'));
  const again = await project.pipe('run', 'study', 'then');
  assert.match(again.stdout, /✓ 1 executed, 1 cached/);
  const bad = await project.pipe('plan', 'study', '--set', 'x=1');
  assert.equal(bad.code, 2);
});

test('a notice says once of whom it is', async () => {
  using project = new CliProject(
    `pipeline: p\nstages:\n  a: {run: 'echo > "$out_x"; echo > "$out/y"', out: {x: x}, resources: {cpus: 9999}}\n`,
  );
  const ran = await project.expect(0, 'run', 'study');
  assert.match(ran, /^! a wants 9,?999 CPU slots/m);
  assert.match(ran, /^! a wrote y, which is none of its outputs/m);
});
