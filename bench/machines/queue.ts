// Trivial stages over a queue in Redis with one worker on this machine, beside the same stages without one.

import {spawn} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {availableParallelism, tmpdir} from 'node:os';
import {join} from 'node:path';
import {Redis} from 'ioredis';
import {startRedis} from '../../test/rig/servers.ts';
import {cli, type Measure, perStage, timeRun, writeProject} from './measure.ts';

export const measureQueue: Measure = async stages => {
  const server = await startRedis();
  if (server === undefined) return undefined;
  const base = mkdtempSync(join(tmpdir(), 'pipe-bench-queue-'));
  const away = join(base, 'worker');
  mkdirSync(away);
  const jobs = String(availableParallelism());
  const worker = spawn(process.execPath, [cli, 'worker', server.url, '--jobs', jobs, '--folder', away], {
    cwd: away,
    stdio: 'ignore',
  });
  const redis = new Redis(server.url);
  try {
    writeProject(join(base, 'here'), stages, '');
    const here = await timeRun(join(base, 'here'));
    const settings = `store: ${join(base, 'store')}\nexecutor: {kind: queue, url: '${server.url}'}\n`;
    writeProject(join(base, 'queue'), stages, settings);
    const before = await commandsOf(redis);
    const queue = await timeRun(join(base, 'queue'));
    const asked = (await commandsOf(redis)) - before;
    return [
      {what: `${stages} stages here, ${jobs} slots`, measured: perStage(here, stages)},
      {
        what: `${stages} stages over the queue, one worker with ${jobs} slots`,
        measured: perStage(queue, stages),
      },
      {what: 'overhead of the queue', measured: perStage(queue - here, stages)},
      {what: 'commands to Redis', measured: `${(asked / stages).toFixed(1)} a stage`},
    ];
  } finally {
    const gone = new Promise(done => worker.once('exit', done));
    worker.kill('SIGKILL');
    await gone;
    redis.disconnect();
    await server[Symbol.asyncDispose]();
    rmSync(base, {recursive: true, force: true});
  }
};

async function commandsOf(redis: Redis): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1] ?? 0);
}
