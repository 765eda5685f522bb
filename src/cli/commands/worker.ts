// `pipe worker URL`: takes jobs from a queue in Redis and runs them on this machine, until it is told to leave. Bytes
// come from and go to the store that it shares with whoever sent them; it needs nothing else of them.

import {setMaxListeners} from 'node:events';
import {availableParallelism, hostname, totalmem} from 'node:os';
import {createInterface, type Interface} from 'node:readline';
import {platformText} from '../../action/action.ts';
import {QueueWorker} from '../../exec/queue/queue-worker.ts';
import {RedisLink} from '../../exec/queue/redis-link.ts';
import type {WorkerMeans} from '../../exec/queue/shape.ts';
import {ownPlatform} from '../../host/platform.ts';
import {parseSize} from '../../spec/quantity.ts';
import {EXIT, type ExitCode, refuse} from '../exit.ts';
import {requireQueuePackages} from '../queue.ts';
import {isRedisUrl, withoutPassword} from '../queue-config.ts';
import type {Invocation, Options, Shell} from '../shell.ts';
import {WorkerStores} from '../worker-stores.ts';
import {machineOf} from '../workspace.ts';

/** How long a worker may be silent before its jobs go to others, where nothing is said. Seconds. */
const LEASE = 30;

export async function worker(shell: Shell, invocation: Invocation): Promise<ExitCode> {
  const {args, options} = invocation;
  const {outside} = shell;
  const isTied = args[0] === '-';
  // What starts it by ssh says the address on its input, and is gone when that ends.
  const lines = isTied ? createInterface(process.stdin) : undefined;
  const url = lines === undefined ? (args[0] ?? '') : await firstOf(lines);
  if (!isRedisUrl(url))
    refuse('bad-url', `expected the address of a Redis server, got '${url}'`, 'such as redis://lab:6379');
  if (options.ssh !== undefined) {
    const {workersBySsh} = await import('../worker-ssh.ts');
    return workersBySsh(shell, url, options.ssh.split(','), options);
  }
  requireQueuePackages(shell);
  const say = (text: string): void => outside.stderr.screen.write(`${text}\n`);
  const place = withoutPassword(url);
  const link = await RedisLink.open(
    url,
    message => say(`! ${place} does not answer: ${message}; waiting for it`),
    () => say(`listening at ${place}`),
  );
  const leaving = new AbortController();
  setMaxListeners(0, leaving.signal);
  const release = outside.onInterrupt(() => leaving.abort());
  const means = meansOf(shell, options);
  say(introduction(means));
  const {cacheSize} = options;
  const stores = new WorkerStores(shell, options, cacheSize === undefined ? null : sizeOf(cacheSize));
  const queue = new QueueWorker({
    link,
    means,
    host: hostname(),
    pid: process.pid,
    leaseMs: (options.lease ?? LEASE) * 1000,
    now: outside.clock.now,
    notice: text => say(`! ${text}`),
    run: (fingerprint, job, waitedMs, tell, signal) =>
      stores.run(link, fingerprint, job, waitedMs, tell, signal),
  });
  lines?.once('close', () => leaving.abort());
  try {
    await queue.work(leaving.signal);
    return EXIT.ok;
  } finally {
    release();
    await stores.close();
    link.close();
    lines?.close();
  }
}

const firstOf = (lines: Interface): Promise<string> =>
  new Promise(resolve => {
    lines.once('line', resolve);
    lines.once('close', () => resolve(''));
  });

function meansOf(shell: Shell, options: Options): WorkerMeans {
  const {gpus} = machineOf(shell, options.jobs);
  const memory = options.memory === undefined ? totalmem() : sizeOf(options.memory);
  return {
    version: shell.version,
    platform: ownPlatform(),
    labels: options.label ?? [],
    cpus: options.jobs ?? availableParallelism(),
    memory: Math.floor(memory / 2 ** 20),
    gpus: (options.gpus ?? gpus).length,
  };
}

/** Bytes. */
const sizeOf = (text: string): number =>
  parseSize(text) ?? refuse('bad-size', `expected a size such as 16GB, got '${text}'`);

/** What it takes, so that nobody has to guess why a job waits. */
function introduction({version, platform, labels, cpus, memory, gpus}: WorkerMeans): string {
  const tags = labels.length === 0 ? 'without a label' : `with no label or of ${labels.join(', ')}`;
  return `takes jobs of pipe ${version}, for ${platformText(platform)} or any platform, ${tags}; up to ${cpus} CPU slots, ${memory} MiB, ${gpus} GPUs at once`;
}
