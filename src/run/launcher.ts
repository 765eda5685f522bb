// The life of a job from its turn in the queue to its outcome: claims it, tries it, tries it again, or takes what
// somebody else has made of the same action meanwhile. Gives its slots back when nothing of it runs any more.

import {setTimeout as sleep} from 'node:timers/promises';

import {type ActionResult, type Fingerprint, type Prefix, trackedFilesOf} from '../action/action.ts';
import {withoutDeclared} from '../action/audit.ts';

import type {Outcome, StageFailure} from '../action/outcome.ts';
import {assertNever} from '../core/result.ts';
import type {ExecutionListener} from '../exec/executor.ts';
import type {Instance, InstanceId} from '../plan/plan.ts';
import {isSameResult} from '../store/index/action-row.ts';
import type {Lookup} from '../store/store.ts';
import {type AttemptEnding, type AttemptServices, startAttempt} from './attempt.ts';
import {Families, findPrefix} from './prefixes.ts';
import {canReuse, type Due, storeFailure} from './rebuilder.ts';
import type {Demand, ResourcePool} from './resources.ts';
import type {RunNews} from './run-news.ts';
import type {Stop} from './stop.ts';

/** The longest pause between two tries. Milliseconds. */
const LONGEST_BACKOFF_MS = 3_600_000;
/** Losses in a row, after which it is said that the infrastructure cannot run this. */
const MOST_LOSSES = 10;
/** Pauses after a loss. Milliseconds. */
const FIRST_LOSS_BACKOFF_MS = 500;
const LONGEST_LOSS_BACKOFF_MS = 60_000;

type Recording = Extract<AttemptEnding, {status: 'recorded'}>;
type Failing = Extract<AttemptEnding, {status: 'failed'}>;

/** An instance on its way through the queue. */
export interface Job {
  readonly id: InstanceId;
  readonly due: Due;
  readonly demand: Demand;
  /** The name of the executor that it goes to. */
  readonly executor: string;
  readonly attempt: number;
  /** How often the infrastructure has failed it, which counts as no attempt. */
  readonly losses: number;
}

export interface LauncherServices extends AttemptServices {
  readonly news: RunNews;
}

/** What becomes of jobs. */
export interface Jobs {
  readonly instance: (id: InstanceId) => Instance;
  /** What is free at an executor. */
  readonly poolOf: (executor: string) => ResourcePool;
  /** Its turn comes again. */
  readonly enqueue: (job: Job) => void;
  readonly finish: (job: Job, outcome: Outcome) => Promise<void>;
  /** It ends without an outcome: the run is being stopped. */
  readonly close: (id: InstanceId) => void;
  readonly onBug: (error: unknown) => void;
}

export class Launcher {
  readonly #services: LauncherServices;
  readonly #stop: Stop;
  readonly #jobs: Jobs;
  /** What is planned and has no outcome yet. */
  readonly #families = new Families();
  /** What this run is making at the moment. */
  readonly #inFlight = new Map<Fingerprint, Promise<void>>();

  constructor(services: LauncherServices, stop: Stop, jobs: Jobs) {
    this.#services = services;
    this.#stop = stop;
    this.#jobs = {
      ...jobs,
      finish: (job, outcome) => {
        this.#families.leave(job.id);
        return jobs.finish(job, outcome);
      },
      close: id => {
        this.#families.leave(id);
        jobs.close(id);
      },
    };
  }

  /** To be told of every job before the queue starts: one that can go on from another waits for it. */
  expect({id, due}: Job): void {
    this.#families.join(this.#jobs.instance(id), due.action);
  }

  /** Runs inside the queue: ends when the slots are free again, whatever is left to be recorded. */
  async start(job: Job): Promise<void> {
    if (this.#stop.isStopping) return this.#jobs.close(job.id);
    const {id, due, demand, executor} = job;
    const pool = this.#jobs.poolOf(executor);
    const {stores, news, request, surroundings} = this.#services;
    const other = this.#inFlight.get(due.fingerprint);
    if (other !== undefined) {
      void other.then(() => this.#takeFromElsewhere(job, false)).catch(error => this.#jobs.onBug(error));
      return;
    }
    const shorter = canReuse(due) ? this.#families.shorterThan(id) : undefined;
    if (shorter !== undefined) {
      void shorter.then(() => this.#jobs.enqueue(job)).catch(error => this.#jobs.onBug(error));
      return;
    }
    pool.take(demand);
    let land = this.#takeOff(due.fingerprint);
    try {
      const claim = await stores.claims.acquire(due.fingerprint);
      if (claim.status === 'failed') {
        land();
        const failure = storeFailure(claim.error);
        const {fingerprint} = due;
        const attempts = job.attempt - 1;
        const logTail: string[] = [];
        const rest = {logTail, log: null, advice: null};
        const outcome: Outcome = {status: 'failed', fingerprint, failure, attempts, ...rest};
        void this.#jobs.finish(job, outcome);
        return;
      }
      if (claim.status === 'taken') {
        news.emit({type: 'waiting', id, pid: claim.by.pid});
        land();
        void stores.claims
          .wait(due.fingerprint, this.#stop.drain)
          .then(() => this.#takeFromElsewhere(job, true))
          .catch(error => this.#jobs.onBug(error));
        return;
      }
      const landed = land;
      land = () => {
        claim.release();
        landed();
      };
      // Another run may have made it between the first look and the claim.
      const made = canReuse(due)
        ? await stores.cache.lookup(due.fingerprint, undefined, due.action)
        : undefined;
      if (made?.ok && isFound(made.value)) {
        land();
        const {result} = made.value;
        void this.#jobs.finish(job, {status: 'cached', fingerprint: due.fingerprint, result, shared: true});
        return;
      }
      const prefix = canReuse(due) ? await findPrefix(stores, this.#jobs.instance(id), due.action) : null;
      const {fingerprint, stale} = due;
      news.emit({type: 'started', id, fingerprint, stale, prefix, attempt: job.attempt, executor});
      request.recorder.started(id, fingerprint, due.action, executor, surroundings.now());
      await this.#try(job, prefix, claim.isHeld, land);
    } finally {
      // Before this function's promise resolves, which is when p-queue looks for what fits.
      pool.give(demand);
    }
  }

  /** Marks a result as being made by this run, until the answer is called. */
  #takeOff(fingerprint: Fingerprint): () => void {
    let land = (): void => {};
    const flight = new Promise<void>(resolve => {
      land = () => {
        this.#inFlight.delete(fingerprint);
        resolve();
      };
    });
    this.#inFlight.set(fingerprint, flight);
    return land;
  }

  /** Resolves when its slots are free: the next stage may start while this one's outputs are admitted. */
  async #try(job: Job, prefix: Prefix | null, isHeld: () => boolean, land: () => void): Promise<void> {
    const {id, due, demand, executor} = job;
    const {news} = this.#services;
    const listener: Omit<ExecutionListener, 'onFree'> = {
      onPlaced: host => news.emit({type: 'placed', id, host}),
      onLog: (stream, text) => news.emit({type: 'log', id, stream, text}),
      onProgress: progress => news.emit({type: 'progress', id, progress}),
      onAudit: seen => {
        const audit = withoutDeclared(seen, Object.keys(trackedFilesOf(due.action)));
        this.#services.request.recorder.audited(id, audit, this.#services.surroundings.now());
        news.emit({type: 'audited', id, audit});
      },
    };
    const instance = this.#jobs.instance(id);
    const trial = {instance, due, demand, executor, attempt: job.attempt, prefix, isHeld};
    const {free, ended} = startAttempt(this.#services, trial, listener, this.#stop.kill);
    ended.then(ending => this.#conclude(job, ending, land)).catch(error => this.#jobs.onBug(error));
    await free;
  }

  async #conclude(job: Job, ending: AttemptEnding, land: () => void): Promise<void> {
    const {stores, news} = this.#services;
    if (ending.status !== 'recorded' && ending.status !== 'overtaken')
      await stores.cache.note(job.due.action);
    land();
    switch (ending.status) {
      case 'recorded':
        return this.#jobs.finish(job, this.#executed(job, ending));
      case 'cancelled':
        return this.#jobs.finish(job, {status: 'cancelled'});
      case 'failed':
        return this.#fail(job, ending);
      case 'overtaken':
        news.notice(`${job.id} was taken over by another run while this one was stopped`, job.id);
        return this.#takeFromElsewhere(job, true);
      case 'lost':
        return this.#tryAgainForFree(job, ending.message);
      default:
        return assertNever(ending);
    }
  }

  #executed({id, due, attempt}: Job, ending: Recording): Outcome {
    const {news} = this.#services;
    if (ending.recorded.differsFrom !== undefined && this.#jobs.instance(id).isVolatile === false) {
      news.notice(`${id} is not deterministic: the same action gave other results before`, id);
    }
    for (const stray of ending.notices) {
      news.notice(`${id} wrote ${stray}, which is none of its outputs: it is not kept`, id);
    }
    const {fingerprint, stale, previous} = due;
    const {result} = ending;
    const sameBytes = previous !== undefined && isSameResult(previous, result);
    return {status: 'executed', fingerprint, result, stale, attempts: attempt, sameBytes};
  }

  async #fail(job: Job, {failure, logTail, log, advice}: Failing): Promise<void> {
    const {id, due, attempt} = job;
    const {retries} = this.#jobs.instance(id);
    const {news} = this.#services;
    const {fingerprint} = due;
    const rest = {logTail, log, advice};
    const outcome: Outcome = {status: 'failed', fingerprint, failure, attempts: attempt, ...rest};
    // What its user has to mend, no further try mends.
    const isHopeless = failure.reason === 'store' || failure.reason === 'mistake' || advice !== null;
    if (attempt > retries.times || isHopeless || this.#stop.isStopping)
      return this.#jobs.finish(job, outcome);
    const inMs = this.#backoff(retries.backoffMs, attempt, LONGEST_BACKOFF_MS);
    news.emit({type: 'retrying', id, failure, attempt, inMs});
    await sleep(inMs, undefined, {signal: this.#stop.drain}).catch(() => {});
    if (this.#stop.isStopping) return this.#jobs.finish(job, outcome);
    this.#jobs.enqueue({...job, attempt: attempt + 1});
  }

  /** A failure of the infrastructure is none of the stage's: it costs no attempt. */
  async #tryAgainForFree(job: Job, message: string): Promise<void> {
    const {id, due, attempt} = job;
    const losses = job.losses + 1;
    if (losses > MOST_LOSSES || this.#stop.isStopping) {
      const failure: StageFailure = {reason: 'lost', message};
      const {fingerprint} = due;
      const outcome = {
        status: 'failed',
        fingerprint,
        failure,
        attempts: attempt,
        logTail: [],
        log: null,
        advice: null,
      } as const;
      return this.#jobs.finish(job, this.#stop.isStopping ? {status: 'cancelled'} : outcome);
    }
    this.#services.news.notice(`${id} was lost and is tried again: ${message}`, id);
    const inMs = this.#backoff(FIRST_LOSS_BACKOFF_MS, losses, LONGEST_LOSS_BACKOFF_MS);
    await sleep(inMs, undefined, {signal: this.#stop.drain}).catch(() => {});
    if (this.#stop.isStopping) return this.#jobs.finish(job, {status: 'cancelled'});
    this.#jobs.enqueue({...job, losses});
  }

  /** Doubles from try to try, with jitter, so that many that failed together do not come back together. */
  #backoff(firstMs: number, times: number, longestMs: number): number {
    const longest = Math.min(firstMs * 2 ** (times - 1), longestMs);
    return Math.round(longest * (0.5 + this.#services.surroundings.random() / 2));
  }

  /** Another run, or another instance of this one, was making the same result: take it, or make it after all. */
  async #takeFromElsewhere(job: Job, isOtherRun: boolean): Promise<void> {
    const {stores, executors} = this.#services;
    if (this.#stop.isStopping) return this.#jobs.close(job.id);
    const {fingerprint} = job.due;
    const lookup = canReuse(job.due)
      ? await stores.cache.lookup(fingerprint, undefined, job.due.action)
      : undefined;
    if (lookup?.ok && isFound(lookup.value)) {
      return this.#jobs.finish(job, {
        status: 'cached',
        fingerprint,
        result: lookup.value.result,
        shared: isOtherRun,
      });
    }
    // The other run may have died: what it had started here ends before its work is begun again.
    if (isOtherRun) await executors.sweep();
    this.#jobs.enqueue(job);
  }
}

const isFound = (lookup: Lookup): lookup is Extract<Lookup, {readonly result: ActionResult}> =>
  lookup.status === 'hit' || lookup.status === 'elsewhere';
