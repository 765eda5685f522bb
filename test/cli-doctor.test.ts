// `pipe doctor` looks and changes nothing; settings are checked when they are read.

import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';

test('doctor outside of a project makes no store, and says that there is none', async () => {
  using project = new CliProject();
  const told = await project.expect(0, 'doctor');
  assert.match(told, /store +· folder +none yet/);
  assert.match(told, /· pipelines +none; pipe init/);
  assert.equal(existsSync(project.path('cache')), false);
});

test('doctor tells of a store that is there', async () => {
  using project = new CliProject('pipeline: study\nstages:\n  a: {run: "echo hi"}\n');
  await project.expect(0, 'run', 'study');
  const told = await project.expect(0, 'doctor', '--json');
  const facts = JSON.parse(told) as Array<{topic: string; name: string; state: string}>;
  assert.ok(
    facts.some(({topic, name, state}) => topic === 'store' && name === 'action cache' && state === 'good'),
  );
});

test('a device in pipe.config.yaml that there cannot be is a mistake with its place', async () => {
  using project = new CliProject('pipeline: study\nstages:\n  a: {run: "echo hi"}\n');
  project.write('pipe.config.yaml', 'device: cdua\n');
  const ended = await project.pipe('run', 'study');
  assert.equal(ended.code, 2);
  assert.match(ended.stderr, /pipe\.config\.yaml:1:9[\s\S]*did you mean cuda\?/);
});
