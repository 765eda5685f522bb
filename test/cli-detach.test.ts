// A run in the background: started by one command, listed by another, ended or waited for by a third.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';
import {HeldStages} from './rig/held-stages.ts';

const studyOf = (held: HeldStages): string => `
pipeline: study
stages:
  slow:
    run: ${JSON.stringify(`${held.shell('slow')}; echo made >> "$out_n"`)}
    out: {n: n.txt}
    publish: results/study
`;

test('a detached run goes on, and the next run takes what it makes', {timeout: 300_000}, async () => {
  await using held = await HeldStages.open();
  using project = new CliProject(studyOf(held));
  const said = await project.expect(0, 'run', 'study', '--detach');
  assert.match(said, /goes on in the background/);
  const stage = await held.next('slow');
  const [job] = JSON.parse(await project.expect(0, 'jobs', '--json'));
  assert.deepEqual([job.executor, job.what, job.state], ['coordinator', 'run study', 'running']);
  const second = project.start(['run', 'study']);
  stage.release();
  const {code, stdout, stderr} = await second.ended;
  assert.equal(code, 0, stdout + stderr);
  assert.equal(project.read('results/study/n.txt'), 'made\n');
  assert.deepEqual(held.history, ['slow'], 'it was made once');
});

test('a detached run is ended by pipe jobs --cancel', {timeout: 300_000}, async () => {
  await using held = await HeldStages.open();
  using project = new CliProject(studyOf(held));
  await project.expect(0, 'run', 'study', '--detach');
  const stage = await held.next('slow');
  await project.expect(0, 'jobs', '--cancel');
  await stage.gone;
  let jobs = '';
  while (jobs !== 'nothing is out there\n') jobs = await project.expect(0, 'jobs');
});

test('mistakes are told before anything goes to the background', {timeout: 300_000}, async () => {
  using project = new CliProject('pipeline: study\nstages: {a: {run: true, out: {x: x}, wat: 1}}\n');
  await project.expect(2, 'run', 'study', '--detach');
  assert.equal(await project.expect(0, 'jobs'), 'nothing is out there\n');
});
