// Workers on other hosts, started by the system's ssh: they run what the queue has, and leave with whoever started them.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {setTimeout as sleep} from 'node:timers/promises';
import {Redis} from 'ioredis';
import {CliProject, cli, type Started} from './rig/cli-project.ts';
import {startRedis} from './rig/servers.ts';
import {startSshHosts} from './rig/ssh.ts';

test('workers are started by ssh, and leave with whoever started them, however that ends', {
  timeout: 240_000,
}, async context => {
  await using hosts = await startSshHosts(['node1', 'node2']);
  await using server = await startRedis();
  if (hosts === undefined || server === undefined) return context.skip('sshd or Redis is not installed');
  using project = new CliProject(
    'pipeline: study\nstages:\n  a: {run: "echo $n > $out/n", matrix: {n: [1, 2, 3, 4]}}\n',
  );
  project.write(
    'pipe.config.yaml',
    `store: ${project.path('store')}\nexecutor: {kind: queue, url: '${server.url}'}\n`,
  );
  const {env} = hosts;
  const command = `'${process.execPath}' '${cli}'`;
  const args = [
    '--ssh',
    'node1,node2',
    '--jobs',
    '1',
    '--command',
    command,
    '--folder',
    project.path('away'),
  ];
  const start = async (): Promise<Started> => {
    const workers = project.start(['worker', server.url, ...args], {env});
    await workers.until(/node1: listening/);
    await workers.until(/node2: listening/);
    return workers;
  };
  const redis = new Redis(server.url);
  const untilNobody = async (): Promise<void> => {
    while ((await redis.hlen('pipe:workers')) > 0) await sleep(50);
  };
  try {
    const workers = await start();
    const ran = await project.pipe('run', 'study');
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.match(ran.stdout, /4 executed/);
    const found = await project.pipe('doctor');
    assert.match(found.stdout, /queue at \S+ +pipe \d/);
    workers.kill('SIGTERM');
    const ended = await workers.ended;
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, /node1: left/);
    await untilNobody();
    const again = await start();
    while ((await redis.hlen('pipe:workers')) < 2) await sleep(50);
    again.kill('SIGKILL');
    await again.ended;
    await untilNobody();
    assert.match(
      (await project.pipe('doctor')).stdout,
      /no worker listens; on a machine: pipe worker redis:/,
    );
  } finally {
    redis.disconnect();
  }
});
