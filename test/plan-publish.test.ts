// Where stages publish, before anything runs: apart from each other, from other pipelines, and from other profiles.

import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';
import {mistakesOf, mustPlan} from './rig/pipelines.ts';

const text = (to: string, name = 'p', more = ''): string => `pipeline: ${name}
params: {x: 1}
profiles: {smoke: {x: 2}, large: {x: 3}}
stages:
  a: {run: 'echo $x > "$out_t"', with: {x: "\${x}"}, out: {t: t.md}, publish: ${to}}
${more}`;

test('a profile publishes beside the results, and takes no part of the key', async () => {
  const placeOf = async (profile: string | null) =>
    (await mustPlan(text('results/a'), {profile})).instances[0]?.publish;
  assert.equal(await placeOf(null), 'results/a');
  assert.equal(await placeOf('smoke'), 'results/a-smoke');
});

test('two stages may not meet in any profile', async () => {
  const more = '  b: {run: x, publish: results/a-smoke}\n  c: {run: x, publish: results/other}\n';
  const mistakes = await mistakesOf(text('results/a', 'p', more));
  assert.deepEqual(
    mistakes.map(({code, message}) => `${code}: ${message}`),
    [
      "publish-conflict: expected a folder of its own for each stage that publishes, got 'results/a-smoke' and 'results/a'",
    ],
  );
});

test('results of every profile stay where they are, with a lock file of their own', async () => {
  using project = new CliProject(text('results/a'));
  await project.expect(0, 'run', 'study');
  await project.expect(0, 'run', 'study', '--profile', 'smoke');
  await project.expect(0, 'run', 'study', '--profile', 'large');
  await project.expect(0, 'run', 'study');
  assert.equal(project.read('results/a/t.md'), '1\n');
  assert.equal(project.read('results/a-smoke/t.md'), '2\n');
  assert.equal(project.read('results/a-large/t.md'), '3\n');
  assert.notEqual(project.read('pipelines/study.lock.json'), project.read('pipelines/study-smoke.lock.json'));
  await project.expect(0, 'reproduce', 'study', '--profile', 'smoke');
  project.write('pipelines/study.yaml', text('results/b'));
  await project.expect(0, 'run', 'study', '--profile', 'smoke');
  assert.ok(!existsSync(project.path('results/a-smoke')), 'what the profile published moves');
  assert.ok(existsSync(project.path('results/a/t.md')), 'what others published stays');
});

test('another pipeline of the project that publishes to the same place is a mistake before anything runs', async () => {
  using project = new CliProject(text('results/a'));
  await project.expect(0, 'run', 'study');
  project.write('pipelines/other.yaml', text('results/a', 'other'));
  const said = await project.pipe('run', 'other');
  assert.equal(said.code, 2);
  assert.match(said.stderr, /publish-conflict.*got 'results\/a', where pipelines\/study\.yaml publishes/);
  assert.match(said.stderr, /--> pipelines\/study\.yaml:5:\d+/);
  // A kept plan knows of pipelines that came later, too.
  assert.equal((await project.pipe('run', 'study')).code, 2);
  project.write('pipelines/other.yaml', text('results/a-large', 'other'));
  assert.equal((await project.pipe('run', 'study')).code, 2);
  project.write('pipelines/other.yaml', text('results/a', 'other').replace('t: t.md', 't: u.md'));
  await project.expect(0, 'run', 'other');
  await project.expect(0, 'run', 'study');
  project.write('pipelines/other.yaml', 'pipeline: [');
  await project.expect(0, 'run', 'study');
});
