// Where a campaign takes place: a real engine of more than this machine, and what can be struck there besides the
// coordinator. Each blow is over when what was struck is there again.

import {setTimeout as sleep} from 'node:timers/promises';
import {WorkerMachine} from '../rig/machines.ts';
import {startRedis, startWebCache, WEB_TOKEN} from '../rig/servers.ts';
import {type SlurmShape, startSlurm} from '../rig/slurm.ts';

export interface Blow {
  readonly name: string;
  /** Whether an instance that was just made may be made again: whoever made it died before it was recorded. */
  readonly mayRepeat: boolean;
  /** `random` answers numbers below 1. */
  readonly strike: (random: () => number) => Promise<void>;
}

export interface Field extends AsyncDisposable {
  readonly name: string;
  /** pipe.config.yaml of a project that runs here. */
  readonly settings: string;
  readonly env: Readonly<Record<string, string>>;
  readonly blows: readonly Blow[];
  /** Instances that one blow can make run again. */
  readonly width: number;
}

/** How long a server is gone at most. Milliseconds. */
const LONGEST_GAP_MS = 3_000;
/** A silence after which what a pilot or a worker had goes to another: seconds, long beside what a busy machine is late. */
const SILENCE = 10;

/** Slurm without accounting. `undefined` where it is not installed. */
export async function slurmField(shape?: SlurmShape): Promise<Field | undefined> {
  const cluster = await startSlurm(shape);
  if (cluster === undefined) return undefined;
  const pilots = 3;
  return {
    name: 'slurm',
    settings: `executor: {kind: slurm, pilots: ${pilots}, idle: 5, minutes: 10, silence: ${SILENCE}}\n`,
    env: cluster.env,
    width: pilots,
    blows: [
      {
        name: 'controller',
        mayRepeat: false,
        async strike(random) {
          await cluster.killController();
          await sleep(random() * LONGEST_GAP_MS);
          await cluster.startController();
        },
      },
      {
        name: 'worker',
        mayRepeat: true,
        // Every pilot that runs, at once, as nodes whose power is cut.
        strike: async () =>
          void cluster.ask('scancel', '--quiet', '--full', '--signal=KILL', '--state=RUNNING'),
      },
    ],
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

/** Redis, a web server as the store, and two workers. `undefined` where one of the servers is not installed. */
export async function queueField(): Promise<Field | undefined> {
  const redis = await startRedis();
  const store = await startWebCache();
  if (redis === undefined || store === undefined) return undefined;
  const env = {PIPE_STORE_TOKEN: WEB_TOKEN};
  const slots = 2;
  const hire = (): WorkerMachine =>
    new WorkerMachine(redis.url, ['--lease', String(SILENCE), '--jobs', String(slots)], {env});
  const workers = [hire(), hire()];
  const outage = (server: {kill(): Promise<void>; restart(): Promise<void>}): Blow['strike'] => {
    return async random => {
      await server.kill();
      await sleep(random() * LONGEST_GAP_MS);
      await server.restart();
    };
  };
  return {
    name: 'queue',
    settings: `store: ${store.url}\nexecutor: {kind: queue, url: "${redis.url}"}\n`,
    env,
    width: slots,
    blows: [
      {name: 'redis', mayRepeat: false, strike: outage(redis)},
      {name: 'store', mayRepeat: false, strike: outage(store)},
      {
        name: 'worker',
        mayRepeat: true,
        async strike(random) {
          const [worker] = workers.splice(Math.floor(random() * workers.length), 1);
          await worker?.[Symbol.asyncDispose]();
          workers.push(hire());
        },
      },
    ],
    async [Symbol.asyncDispose]() {
      for (const worker of workers) await worker[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    },
  };
}
