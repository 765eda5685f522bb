// The queue's executor, put together from settings: Redis for jobs, the store elsewhere for bytes.

import {createRequire} from 'node:module';
import {join} from 'node:path';
import {QueueExecutor} from '../exec/queue/queue-executor.ts';
import {RedisLink} from '../exec/queue/redis-link.ts';
import type {NamedExecutor} from './executor-config.ts';
import {refuse} from './exit.ts';
import {fleetStoreOf} from './fleet.ts';
import {type QueueConfig, withoutPassword} from './queue-config.ts';
import type {Shell} from './shell.ts';
import type {Workspace} from './workspace.ts';

const PACKAGES = ['bullmq', 'ioredis'];
export const INSTALL_QUEUE = `npm install ${PACKAGES.join(' ')}`;

/** Whether the optional packages of the queue are installed. */
export function hasQueuePackages({packageRoot}: Shell): boolean {
  const find = createRequire(join(packageRoot, 'package.json'));
  return PACKAGES.every(name => {
    try {
      return find.resolve(name) !== '';
    } catch {
      return false;
    }
  });
}

export function requireQueuePackages(shell: Shell): void {
  if (hasQueuePackages(shell)) return;
  refuse('missing-package', 'a queue needs packages that are not installed', `run: ${INSTALL_QUEUE}`);
}

/** `notice`: what people should know while jobs are out. */
export function queueExecutorOf(
  shell: Shell,
  workspace: Workspace,
  {name, config}: NamedExecutor<QueueConfig>,
  notice: (text: string) => void,
): QueueExecutor {
  const {tier} = workspace;
  requireQueuePackages(shell);
  if (tier === null) {
    return refuse(
      'no-store',
      `expected a store that this machine and the workers of ${name} share, got none`,
      'say `store: s3://…`, `http://…` or a folder that all of them see in pipe.config.yaml (docs/machines.md)',
    );
  }
  return new QueueExecutor({
    name,
    link: (onTrouble, onReady) => RedisLink.open(config.url, onTrouble, onReady),
    place: withoutPassword(config.url),
    store: fleetStoreOf(workspace, tier),
    address: tier.address,
    version: shell.version,
    labels: config.labels,
    most: config.jobs,
    gpus: 0,
    now: shell.outside.clock.now,
    notice,
  });
}
