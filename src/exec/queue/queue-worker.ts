// A worker: listens to the queues of every shape that it may take, takes jobs as long as it has slots for them, keeps
// their leases, and says what becomes of them. Told to leave, it puts back what it has. It runs nothing itself.

import {randomUUID} from 'node:crypto';
import {setTimeout as sleep} from 'node:timers/promises';
import type {Fingerprint} from '../../action/action.ts';
import {isDigest} from '../../core/digest.ts';
import type {PilotMessage} from '../pilot.ts';
import {untilAborted} from './abort.ts';
import {type ReadJob, readJob, readShape, SIGN_MS} from './queue-job.ts';
import {type JobWorker, KEYS, type RedisLink} from './redis-link.ts';
import {obstacleTo, type QueueShape, type WorkerMeans} from './shape.ts';

export interface QueueWorkerOptions {
  readonly link: RedisLink;
  readonly means: WorkerMeans;
  readonly host: string;
  readonly pid: number;
  /** A job whose worker is silent for so long goes to another. Milliseconds. */
  readonly leaseMs: number;
  /** Runs one job; `cancelled` for what an abort ended. `waitedMs`: in the queue. Never rejects for what a stage does. */
  readonly run: (
    fingerprint: Fingerprint,
    job: ReadJob,
    waitedMs: number,
    tell: (message: PilotMessage) => void,
    signal: AbortSignal,
  ) => Promise<PilotMessage>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly notice: (text: string) => void;
}

/** Between two looks for new shapes and for jobs that nobody said. Milliseconds. */
const LOOK_MS = 1_000;
/** After a job that this machine could not run, which another may. Milliseconds, doubled from one to the next. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

interface Lane {
  readonly name: string;
  readonly shape: QueueShape;
  readonly jobs: JobWorker;
}

type Taken = NonNullable<Awaited<ReturnType<JobWorker['getNextJob']>>>;

export class QueueWorker {
  readonly name: string;
  readonly #options: QueueWorkerOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #refused = new Set<string>();
  readonly #running = new Map<string, {readonly unwanted: AbortController; readonly ended: Promise<void>}>();
  readonly #free: {cpus: number; memory: number; gpus: number};
  #wake = new AbortController();
  #misfits = 0;
  #pausedUntil = 0;

  constructor(options: QueueWorkerOptions) {
    this.#options = options;
    const {host, means} = options;
    this.name = `${host}-${randomUUID().slice(0, 8)}`;
    this.#free = {cpus: means.cpus, memory: means.memory, gpus: means.gpus};
  }

  /** Until `leaving` aborts; then everything that runs is ended and put back. */
  async work(leaving: AbortSignal): Promise<void> {
    const {link} = this.#options;
    link.ears.on('message', (channel, text) => {
      if (channel === KEYS.stop) this.#running.get(text)?.unwanted.abort();
      else if (channel === KEYS.wake) this.#wake.abort();
    });
    await untilAborted(link.ears.subscribe(KEYS.stop, KEYS.wake), leaving);
    const signs = setInterval(() => void this.#sign().catch(() => undefined), SIGN_MS);
    leaving.addEventListener('abort', () => this.#wake.abort(), {once: true});
    try {
      while (!leaving.aborted) {
        await untilAborted(this.#round(leaving), leaving);
        if (leaving.aborted) break;
        await sleep(LOOK_MS, undefined, {signal: this.#wake.signal}).catch(() => undefined);
      }
      await Promise.all([...this.#running.values()].map(({ended}) => ended));
    } finally {
      clearInterval(signs);
      if (link.isReady) await link.commands.hdel(KEYS.workers, this.name);
      const closed = [...this.#lanes.values()].map(({jobs}) => jobs.close(true).catch(() => undefined));
      // A server that does not answer is not waited for.
      if (link.isReady) await Promise.all(closed);
    }
  }

  /** Takes all that there is room for. */
  async #round(leaving: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    if (leaving.aborted) return;
    await this.#listen();
    await this.#sign();
    if (this.#options.now() < this.#pausedUntil) return;
    for (let hasTaken = true; hasTaken; ) {
      hasTaken = false;
      // One from each queue in turn: a long one does not hold up the others.
      for (const lane of this.#lanes.values()) {
        if (leaving.aborted || !this.#hasRoom(lane.shape)) continue;
        const token = `${this.name}-${randomUUID()}`;
        const job = await lane.jobs.getNextJob(token, {block: false});
        if (job === undefined) continue;
        hasTaken = true;
        this.#start(lane, job, token, leaving);
      }
    }
  }

  /** Opens the queues of shapes that are new and that this machine may take. */
  async #listen(): Promise<void> {
    const {link, means, leaseMs} = this.#options;
    for (const [name, text] of Object.entries(await link.commands.hgetall(KEYS.shapes))) {
      if (this.#lanes.has(name) || this.#refused.has(name)) continue;
      const shape = readShape(text);
      if (shape === undefined || obstacleTo(shape, means) !== undefined) {
        this.#refused.add(name);
        continue;
      }
      const jobs = link.worker(name, this.name, {leaseMs});
      await jobs.startStalledCheckTimer();
      this.#lanes.set(name, {name, shape, jobs});
    }
  }

  async #sign(): Promise<void> {
    const {link, means, host, pid, now} = this.#options;
    const at = await link.time(now);
    const busyCpus = means.cpus - this.#free.cpus;
    const sign = JSON.stringify({...means, host, pid, busyCpus, jobs: this.#running.size, at});
    await link.commands.hset(KEYS.workers, this.name, sign);
  }

  #hasRoom({cpus, memory, gpus}: QueueShape): boolean {
    return cpus <= this.#free.cpus && memory <= this.#free.memory && gpus <= this.#free.gpus;
  }

  #occupy({cpus, memory, gpus}: QueueShape, sign: 1 | -1): void {
    this.#free.cpus -= sign * cpus;
    this.#free.memory -= sign * memory;
    this.#free.gpus -= sign * gpus;
  }

  #start({shape}: Lane, job: Taken, token: string, leaving: AbortSignal): void {
    const {notice} = this.#options;
    const unwanted = new AbortController();
    this.#occupy(shape, 1);
    const ended = this.#carryOut(job, token, unwanted.signal, leaving)
      // A server that forgot the job, or gave it to another: the record says what became of it.
      .catch(error => notice(`${job.id}: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => {
        this.#occupy(shape, -1);
        this.#running.delete(String(job.id));
        this.#wake.abort();
      });
    this.#running.set(String(job.id), {unwanted, ended});
  }

  async #carryOut(job: Taken, token: string, unwanted: AbortSignal, leaving: AbortSignal): Promise<void> {
    const {link, leaseMs, run, now} = this.#options;
    const {commands} = link;
    const fingerprint = fingerprintOf(job);
    const read = readJob(job.data);
    if (fingerprint === undefined || typeof read === 'string') {
      await job.moveToCompleted(
        {type: 'lost', message: `not a job of this version: ${String(read)}`},
        token,
        false,
      );
      return;
    }
    const channel = KEYS.saidOf(fingerprint);
    const tell = (message: PilotMessage): void =>
      void commands.publish(channel, JSON.stringify(message)).catch(() => undefined);
    const stop = new AbortController();
    const signal = AbortSignal.any([leaving, unwanted, stop.signal]);
    const isWanted = async (): Promise<boolean> => (await commands.exists(KEYS.stopOf(fingerprint))) === 0;
    // A lease that another has by now is no reason to stop: whoever records first has done it.
    const leases = setInterval(() => {
      void job.extendLock(token, leaseMs).catch(() => undefined);
      void isWanted().then(
        is => is || stop.abort(),
        () => undefined,
      );
    }, leaseMs / 3);
    try {
      const isUnwanted = !(await isWanted());
      const waitedMs = (await link.time(now)) - read.postedAt;
      const last: PilotMessage = isUnwanted
        ? {type: 'cancelled'}
        : await run(fingerprint, read, waitedMs, tell, signal);
      const isPutBack =
        leaving.aborted && last.type === 'cancelled' && !unwanted.aborted && !stop.signal.aborted;
      if (isPutBack) return void (await untilAborted(job.moveToWait(token), AbortSignal.timeout(LEAVE_MS)));
      this.#pause(last);
      await job.moveToCompleted(last, token, false);
      tell(last);
    } finally {
      clearInterval(leases);
    }
  }

  /** A machine that can run nothing, for want of its store or of packages, leaves jobs to others for a while. */
  #pause(last: PilotMessage): void {
    this.#misfits = last.type === 'lost' ? this.#misfits + 1 : 0;
    if (last.type !== 'lost') return;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#misfits);
    this.#pausedUntil = this.#options.now() + pauseMs;
    this.#options.notice(`could not run a job: ${last.message}`);
  }
}

/** How long a worker that leaves waits for a server that does not answer. Milliseconds. */
const LEAVE_MS = 5_000;

const fingerprintOf = ({id}: Taken): Fingerprint | undefined =>
  id !== undefined && isDigest(id) ? (id as Fingerprint) : undefined;
