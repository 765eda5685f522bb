// The queue's executor, put together from settings: Redis for jobs, the store elsewhere for bytes.

import {createRequire} from 'node:module';
import {hostname} from 'node:os';
import {join} from 'node:path';
import {digestBytes} from '../core/digest.ts';
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
export const hasQueuePackages = (shell: Shell): boolean => hasPackages(shell, PACKAGES);

export function hasPackages({packageRoot}: Shell, packages: readonly string[]): boolean {
  const find = createRequire(join(packageRoot, 'package.json'));
  return packages.every(name => {
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

/** Jobs of this clone on this machine are its own: those of a colleague with the same store are not. */
export const senderOf = ({project}: Workspace): string => digestBytes(`${hostname()}\n${project}`);

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
    store: fleetStoreOf(workspace, tier, notice),
    address: tier.address,
    sender: senderOf(workspace),
    version: shell.version,
    labels: config.labels,
    most: config.jobs,
    gpus: config.gpus,
    now: shell.outside.clock.now,
    notice,
  });
}
