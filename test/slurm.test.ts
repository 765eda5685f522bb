// A study on a real Slurm cluster: the same bytes as here, few calls, and nothing lost when coordinator or pilots die.

import assert from 'node:assert/strict';
import {after, test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';
import {HeldStages} from './rig/held-stages.ts';
import {startSlurm} from './rig/slurm.ts';

// What a test that ran out of time has left running must not keep this process.
after(() => void setTimeout(() => process.exit(), 5_000).unref());

const STUDY = `
pipeline: study
stages:
  draw:
    run: echo "$seed" > "$out_n"; sleep 0
    matrix: {seed: [1, 2, 3, 4, 5, 6]}
    out: {n: n.txt}
  sum:
    run: cat "$in_runs"/*.txt | sort > "$out_table"
    in: {runs: {each: draw.n}}
    out: {table: table.txt}
    publish: results/study
`;
const SETTINGS = 'executor: slurm\nslurm: {pilots: 2, idle: 2, minutes: 5}\n';

test('a study on Slurm gives what it gives here, by pilots', {timeout: 120_000}, async context => {
  await using cluster = await startSlurm();
  if (cluster === undefined) return context.skip('Slurm is not installed');
  using project = new CliProject(STUDY);
  project.write('pipe.config.yaml', SETTINGS);
  const ran = await project.start(['run', 'study'], {env: cluster.env}).ended;
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  assert.match(ran.stdout, /7 executed/);
  assert.equal(project.read('results/study/table.txt'), '1\n2\n3\n4\n5\n6\n');
  const shown = await project.start(['show', 'study', 'sum', '--json'], {env: cluster.env}).ended;
  assert.match(shown.stdout, /slurm/, 'who ran it signs it');
  const again = await project.start(['run', 'study'], {env: cluster.env}).ended;
  assert.match(again.stdout, /7 cached/);
});

test('a coordinator that is killed loses nothing: the next run attaches', {
  timeout: 120_000,
}, async context => {
  await using cluster = await startSlurm();
  if (cluster === undefined) return context.skip('Slurm is not installed');
  await using held = await HeldStages.open();
  using project = new CliProject(`
pipeline: study
stages:
  slow:
    run: ${JSON.stringify(`${held.shell('slow')}; echo made >> "$out_n"`)}
    out: {n: n.txt}
    publish: results/study
`);
  project.write('pipe.config.yaml', SETTINGS);
  const first = project.start(['run', 'study'], {env: cluster.env});
  const stage = await held.next('slow');
  first.kill('SIGKILL');
  await first.ended;
  const second = project.start(['run', 'study'], {env: cluster.env});
  stage.release();
  const ended = await second.ended;
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  assert.equal(project.read('results/study/n.txt'), 'made\n');
});

test('a pilot that Slurm takes away costs no attempt', {timeout: 120_000}, async context => {
  await using cluster = await startSlurm();
  if (cluster === undefined) return context.skip('Slurm is not installed');
  await using held = await HeldStages.open();
  using project = new CliProject(`
pipeline: study
stages:
  slow:
    run: ${JSON.stringify(`${held.shell('slow')}; echo made >> "$out_n"`)}
    out: {n: n.txt}
    publish: results/study
`);
  project.write('pipe.config.yaml', SETTINGS);
  const running = project.start(['run', 'study'], {env: cluster.env});
  await held.next('slow');
  cluster.scancel('--state=RUNNING', '--user', String(process.env.USER ?? 'root'));
  (await held.next('slow')).release();
  const ended = await running.ended;
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  assert.equal(project.read('results/study/n.txt'), 'made\n');
});

test('pilots that cannot start are told, with the end of their log', {timeout: 120_000}, async context => {
  await using cluster = await startSlurm();
  if (cluster === undefined) return context.skip('Slurm is not installed');
  using project = new CliProject(STUDY);
  project.write('pipe.config.yaml', 'executor: slurm\nslurm: {pilots: 1, command: [/nowhere/pipe]}\n');
  const running = project.start(['run', 'study'], {env: cluster.env});
  await running.until(/pilots end before they take a job: .*\/nowhere\/pipe/);
  running.kill('SIGKILL');
  await running.ended;
});
