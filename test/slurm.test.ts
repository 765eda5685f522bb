// A study on a real Slurm cluster: the same bytes as here, few calls, and nothing lost when coordinator, pilots, nodes or
// the controller die.

import assert from 'node:assert/strict';
import {chmodSync} from 'node:fs';
import {userInfo} from 'node:os';
import {after, test} from 'node:test';
import {CliProject, type Started} from './rig/cli-project.ts';
import {type HeldStage, HeldStages} from './rig/held-stages.ts';
import {findProgram} from './rig/servers.ts';
import {type SlurmCluster, startSlurm} from './rig/slurm.ts';

const cluster = await startSlurm();
after(() => cluster?.[Symbol.asyncDispose]());

/** A project on the cluster, which has no jobs before and after the test. */
class SlurmProject extends CliProject {
  readonly cluster: SlurmCluster;

  constructor(cluster: SlurmCluster) {
    super();
    this.cluster = cluster;
    this.write('pipe.config.yaml', 'executor: {kind: slurm, pilots: 2, idle: 2, minutes: 5}\n');
  }

  run(...args: readonly string[]): Started {
    return this.start(['run', 'study', ...args], {env: this.cluster.env});
  }

  /** A pipeline of one stage, which waits as `slow` before it ends. `more`: further keys of the stage. */
  writeSlow(held: HeldStages, more = ''): void {
    this.write(
      'pipelines/study.yaml',
      `
pipeline: study
stages:
  slow:
    run: ${JSON.stringify(`${held.shell('slow')}; echo made >> "$out_n"`)}
    out: {n: n.txt}
    publish: results/study
${more}`,
    );
  }

  /** The run ended well, and what the slow stage gave was made once. */
  async endsWell(running: Started): Promise<void> {
    const {code, stdout, stderr} = await running.ended;
    assert.equal(code, 0, stdout + stderr);
    assert.equal(this.read('results/study/n.txt'), 'made\n');
  }
}

function slurmTest(
  title: string,
  body: (project: SlurmProject, cluster: SlurmCluster) => Promise<void>,
): void {
  // For a machine that is ten times slower than an idle one.
  const options = {timeout: 300_000, skip: cluster === undefined && 'Slurm is not installed'};
  test(title, options, async () => {
    if (cluster === undefined) return;
    const project = new SlurmProject(cluster);
    try {
      await body(project, cluster);
    } finally {
      // Pilots write to the project as long as they live.
      await cluster.clear();
      project[Symbol.dispose]();
    }
  });
}

/** The stage when it has arrived, unless the run ends before. */
function arrival(held: HeldStages, running: Started, name = 'slow'): Promise<HeldStage> {
  const ended = running.ended.then(({stdout, stderr}) => {
    throw new Error(`the run ended before ${name} came:\n${stdout}${stderr}`);
  });
  return Promise.race([held.next(name), ended]);
}

slurmTest('a study on Slurm gives what it gives here, by pilots', async (project, {env}) => {
  project.write(
    'pipelines/study.yaml',
    `
pipeline: study
stages:
  draw:
    run: echo "$seed" > "$out_n"
    matrix: {seed: [1, 2, 3, 4, 5, 6]}
    out: {n: n.txt}
  sum:
    run: cat "$in_runs"/*.txt | sort > "$out_table"
    in: {runs: {each: draw.n}}
    out: {table: table.txt}
    publish: results/study
`,
  );
  const ran = await project.run().ended;
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  assert.match(ran.stdout, /7 executed/);
  assert.equal(project.read('results/study/table.txt'), '1\n2\n3\n4\n5\n6\n');
  const shown = await project.start(['show', 'study', 'sum', '--json'], {env}).ended;
  assert.match(shown.stdout, /slurm/, 'who ran it signs it');
  assert.match((await project.run().ended).stdout, /7 cached/);
});

slurmTest('a coordinator that is killed loses nothing: the next run attaches', async project => {
  await using held = await HeldStages.open();
  project.writeSlow(held);
  const first = project.run();
  const stage = await arrival(held, first);
  first.kill('SIGKILL');
  await first.ended;
  const second = project.run();
  stage.release();
  await project.endsWell(second);
});

slurmTest('a pilot that Slurm takes away costs no attempt', async (project, {ask}) => {
  await using held = await HeldStages.open();
  project.writeSlow(held);
  const running = project.run();
  await arrival(held, running);
  ask('scancel', '--state=RUNNING', '--user', userInfo().username);
  (await arrival(held, running)).release();
  await project.endsWell(running);
});

slurmTest('pilots that cannot start are told, with the end of their log', async project => {
  await using held = await HeldStages.open();
  project.writeSlow(held);
  project.write('pipe.config.yaml', 'executor: {kind: slurm, pilots: 1, command: [/nowhere/pipe]}\n');
  const running = project.run();
  await running.until(/pilots end before they take a job: .*\/nowhere\/pipe/);
  running.kill('SIGKILL');
  await running.ended;
});

slurmTest(
  'a job that an urgent one pushes aside goes on from its checkpoint, and it costs no attempt',
  async (project, {ask}) => {
    await using held = await HeldStages.open();
    project.write(
      'pipelines/study.yaml',
      `
pipeline: study
stages:
  slow:
    run: ${JSON.stringify(`if test -e "$checkpoint/at"; then echo made > "$out_n"; else echo > "$checkpoint/at"; ${held.shell('slow')}; fi`)}
    checkpoint: true
    out: {n: n.txt}
    publish: results/study
`,
    );
    const running = project.run();
    const stage = await arrival(held, running);
    ask('sbatch', '--partition=urgent', '--nodes=2', '--exclusive', '--output=/dev/null', '--wrap=true');
    await stage.gone;
    await project.endsWell(running);
  },
);

slurmTest('a node that dies loses its pilot, and costs no attempt', async (project, {ask}) => {
  await using held = await HeldStages.open();
  project.write('pipe.config.yaml', 'executor: {kind: slurm, pilots: 2, idle: 2, minutes: 5, silence: 6}\n');
  project.writeSlow(held);
  const running = project.run();
  const stage = await arrival(held, running);
  const node = ask('squeue', '--noheader', '--states=RUNNING', '--format=%N').trim();
  // At once, as in a power cut: nobody can give anything back.
  ask('scancel', '--full', '--signal=KILL', '--user', userInfo().username);
  ask('scontrol', 'update', `nodename=${node}`, 'state=down', 'reason=test');
  try {
    await stage.gone;
    (await arrival(held, running)).release();
    await project.endsWell(running);
  } finally {
    try {
      ask('scontrol', 'update', `nodename=${node}`, 'state=resume');
    } catch {
      // It has come back by itself.
    }
  }
});

slurmTest('a controller that is gone holds up nothing that runs', async (project, cluster) => {
  await using held = await HeldStages.open();
  project.writeSlow(held);
  const running = project.run();
  const stage = await arrival(held, running);
  await cluster.killController();
  try {
    stage.release();
    await project.endsWell(running);
  } finally {
    await cluster.startController();
  }
});

slurmTest('several executors of one cluster ask it in one call', async (project, {env}) => {
  project.write(
    'pipe.config.yaml',
    `executor: one
executors:
  one: {kind: slurm, idle: 2, pilots: 1}
  two: {kind: slurm, idle: 2, pilots: 1, gpus: 1}
`,
  );
  project.write(
    'pipelines/study.yaml',
    `
pipeline: study
stages:
  a: {run: echo a > "$out_x", out: {x: x}}
  b: {run: 'echo "\${CUDA_VISIBLE_DEVICES:+gpu}" > "$out_x"', resources: {pool: two, gpu: optional}, out: {x: x}, publish: results/b}
`,
  );
  const real = findProgram('squeue') ?? '';
  project.write('bin/squeue', `#!/bin/sh\necho "$@" >> '${project.path('asked')}'\nexec '${real}' "$@"\n`);
  chmodSync(project.path('bin/squeue'), 0o755);
  const PATH = `${project.path('bin')}:${process.env.PATH ?? ''}`;
  const {code, stdout, stderr} = await project.start(['run', 'study'], {env: {...env, PATH}}).ended;
  assert.equal(code, 0, stdout + stderr);
  assert.equal(project.read('results/b/x'), 'gpu\n', 'one for a stage that can do without');
  const asked = project.read('asked').trim().split('\n');
  // One name for each post office, and that of the executor that is always there.
  for (const call of asked) assert.match(call, /--name=pipe-\w+,pipe-\w+,pipe-\w+ /);
});

slurmTest('a stage that asks for a GPU gets one of a node that has some', async project => {
  project.write('pipe.config.yaml', 'executor: {kind: slurm, idle: 2, partition: main, account: any}\n');
  project.write(
    'pipelines/study.yaml',
    `
pipeline: study
stages:
  gpu:
    run: 'case $CUDA_VISIBLE_DEVICES in 0|1) echo made > "$out_n";; esac'
    resources: {gpu: 1}
    timeout: 90s
    out: {n: n.txt}
    publish: results/study
`,
  );
  await project.endsWell(project.run());
});

slurmTest('jobs are listed after their coordinator is gone, and can be cancelled', async (project, {env}) => {
  await using held = await HeldStages.open();
  project.writeSlow(held);
  const running = project.run();
  const stage = await arrival(held, running);
  running.kill('SIGKILL');
  await running.ended;
  const listed = await project.start(['jobs', '--json'], {env}).ended;
  const [job, ...rest] = JSON.parse(listed.stdout);
  assert.deepEqual([job.executor, job.what, job.state, rest], ['slurm', 'slow', 'running', []]);
  assert.match(job.job, /^\d+-\d*$/, 'the number of its Slurm job');
  const told = await project.start(['jobs', '--cancel'], {env}).ended;
  assert.equal(told.code, 0, told.stdout + told.stderr);
  await stage.gone;
  await until(async () => (await project.start(['jobs'], {env}).ended).stdout === 'nothing is out there\n');
});

slurmTest('a second interrupt ends the jobs as well', async project => {
  await using held = await HeldStages.open();
  project.writeSlow(held);
  const running = project.run();
  const stage = await arrival(held, running);
  running.interrupt();
  await running.until(/again/);
  running.interrupt();
  await stage.gone;
  assert.equal((await running.ended).code, 130);
});

test('a cluster of another shape: other partitions, for short jobs alone, and several small nodes', {
  timeout: 300_000,
  skip: cluster === undefined && 'Slurm is not installed',
}, async () => {
  await using small = await startSlurm({
    nodes: ['a1', 'a2', 'a3'].map(name => ({name, cpus: 1, gpus: 0, memory: 600})),
    partitions: ['batch Nodes=ALL Default=YES MaxTime=30', 'long Nodes=a3 MaxTime=600'],
  });
  assert.ok(small !== undefined);
  using project = new CliProject(`pipeline: study
stages:
  a: {run: 'echo "$n" > "$out_x"', matrix: {n: [1, 2, 3]}, out: {x: x}}
  b: {run: 'cat "$in_a"/n=* | sort > "$out_x"; echo "\${#PIPE_T_TOKEN}" >> "$out_x"', in: {a: {each: a.x}}, env: {PIPE_T_TOKEN: secret}, out: {x: x}, publish: results/study}
`);
  try {
    project.write(
      'pipe.config.yaml',
      'executor: {kind: slurm, idle: 2, flags: ["--export=PIPE_T_TOKEN"], scratch: /tmp}\n',
    );
    const env = {...small.env, PIPE_T_TOKEN: 'swordfish'};
    const ran = await project.start(['run', 'study'], {env}).ended;
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.equal(project.read('results/study/x'), '1\n2\n3\n9\n');
    // What the partition does not allow waits for ever, and that is said.
    project.write('pipe.config.yaml', 'executor: {kind: slurm, idle: 2, minutes: 90}\n');
    const waits = project.start(['run', 'study', '--force'], {env});
    await waits.until(/Slurm lets pilots wait: PartitionTimeLimit; `minutes` of the executor/);
    waits.kill('SIGKILL');
    await waits.ended;
  } finally {
    await small.clear();
  }
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(resolve => setTimeout(resolve, 200));
}
