// The connections to Redis, and where everything is there. BullMQ holds the jobs; what is said of them and who listens
// is ours. While there is no connection, commands wait for it: an outage is no answer.
//
//   pipe:queue:NAME:*     BullMQ's: the jobs of one shape
//   pipe:shapes           hash: NAME → the shape, so that workers find queues
//   pipe:workers          hash: worker → its sign of life
//   pipe:stop:F           there while nobody wants the job F any more; the same is said on the channel pipe:stop
//   pipe:checkpoint:F     the artifact in the shared store that the next try of F goes on from
//   pipe:said:F           channel: what the worker of F says
//   pipe:wake             channel: a job was put up

import type {Queue, Worker} from 'bullmq';
import type {Redis} from 'ioredis';
import type {Fingerprint} from '../../action/action.ts';
import type {PilotMessage} from '../pilot.ts';
import type {QueueJob} from './queue-job.ts';

export const KEYS = {
  prefix: 'pipe:queue',
  shapes: 'pipe:shapes',
  workers: 'pipe:workers',
  wake: 'pipe:wake',
  stop: 'pipe:stop',
  stopOf: (fingerprint: Fingerprint): string => `pipe:stop:${fingerprint}`,
  checkpointOf: (fingerprint: Fingerprint): string => `pipe:checkpoint:${fingerprint}`,
  saidOf: (fingerprint: string): string => `pipe:said:${fingerprint}`,
} as const;

/** Pauses between tries to connect. Milliseconds. */
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 1_000;

export type JobQueue = Queue<QueueJob, PilotMessage, 'action'>;
export type JobWorker = Worker<QueueJob, PilotMessage, 'action'>;

export interface WorkerTimes {
  /** A worker that is silent for so long has lost its job. */
  readonly leaseMs: number;
}

export class RedisLink {
  readonly commands: Redis;
  /** Says nothing itself. */
  readonly ears: Redis;
  readonly #bullmq: typeof import('bullmq');
  #offset: Promise<number> | undefined;

  private constructor(commands: Redis, ears: Redis, bullmq: typeof import('bullmq')) {
    this.commands = commands;
    this.ears = ears;
    this.#bullmq = bullmq;
  }

  /** Does not wait for the server. `onTrouble`: the connection is gone, and why; once until it is there again. */
  static async open(
    url: string,
    onTrouble: (message: string) => void,
    onReady: () => void,
  ): Promise<RedisLink> {
    const [{Redis}, bullmq] = await Promise.all([import('ioredis'), import('bullmq')]);
    const options = {
      maxRetriesPerRequest: null,
      retryStrategy: (times: number) => Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * times),
    };
    const commands = new Redis(url, options);
    // A connection that listens takes no questions, such as that whether its server is ready.
    const ears = new Redis(url, {...options, enableReadyCheck: false});
    let isInTrouble = false;
    for (const client of [commands, ears]) {
      client.on('error', error => {
        if (!isInTrouble) onTrouble(error.message === '' ? String(error) : error.message);
        isInTrouble = true;
      });
    }
    commands.on('ready', () => {
      isInTrouble = false;
      onReady();
    });
    // BullMQ and every flight listen for themselves.
    commands.setMaxListeners(0);
    ears.setMaxListeners(0);
    return new RedisLink(commands, ears, bullmq);
  }

  get isReady(): boolean {
    return this.commands.status === 'ready';
  }

  queue(name: string): JobQueue {
    const queue: JobQueue = new this.#bullmq.Queue(name, {connection: this.commands, prefix: KEYS.prefix});
    // Errors of the connection are told by the link.
    queue.on('error', () => undefined);
    return queue;
  }

  /** `name`: the worker's, by which a job says who has it. Takes nothing by itself. */
  worker(queue: string, name: string, {leaseMs}: WorkerTimes): JobWorker {
    const worker: JobWorker = new this.#bullmq.Worker(queue, null, {
      connection: this.commands,
      prefix: KEYS.prefix,
      name,
      autorun: false,
      lockDuration: leaseMs,
      stalledInterval: Math.ceil(leaseMs / 2),
      maxStalledCount: MOST_STALLED,
    });
    worker.on('error', () => undefined);
    return worker;
  }

  /** Milliseconds since the epoch by the server's clock, which all machines share. `now`: this machine's. */
  async time(now: () => number): Promise<number> {
    this.#offset ??= this.#measureOffset(now);
    return now() + (await this.#offset);
  }

  async #measureOffset(now: () => number): Promise<number> {
    const [seconds, microseconds] = await this.commands.time();
    return Number(seconds) * 1000 + Number(microseconds) / 1000 - now();
  }

  close(): void {
    this.commands.disconnect();
    this.ears.disconnect();
  }
}

/** How many workers may die over one job before whoever sent it is told. */
const MOST_STALLED = 2;
