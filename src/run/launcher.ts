// The life of a job from its turn in the queue to its outcome: claims it, tries it, tries it again, or takes what
// somebody else has made of the same action meanwhile. Gives its slots back when nothing of it runs any more.

import {setTimeout as sleep} from 'node:timers/promises';
import type {Fingerprint} from '../action/action.ts';
import type {Outcome, StageFailure} from '../action/outcome.ts';
import type {Instance, InstanceId} from '../plan/plan.ts';
import {isSameResult} from '../store/index/action-row.ts';
import {Attempt, type AttemptServices, type Concluded} from './attempt.ts';
import {type Due, storeFailure} from './rebuilder.ts';
import type {Demand, Grant, ResourcePool} from './resources.ts';
import type {RunNews} from './run-news.ts';
import type {Stop} from './stop.ts';

/** The longest pause between two tries. Milliseconds. */
const LONGEST_BACKOFF_MS = 3_600_000;

/** An instance on its way through the queue. */
export interface Job {
  readonly id: InstanceId;
  readonly due: Due;
  readonly demand: Demand;
  readonly attempt: number;
}

export interface LauncherServices extends AttemptServices {
  readonly news: RunNews;
}

/** What becomes of jobs. */
export interface Jobs {
  readonly instance: (id: InstanceId) => Instance;
  /** Its turn comes again. */
  readonly enqueue: (job: Job) => void;
  readonly finish: (job: Job, outcome: Outcome) => Promise<void>;
  /** It ends without an outcome: the run is being stopped. */
  readonly close: () => void;
  readonly onBug: (error: unknown) => void;
}

export class Launcher {
  readonly #services: LauncherServices;
  readonly #pool: ResourcePool;
  readonly #stop: Stop;
  readonly #jobs: Jobs;
  /** What this run is making at the moment. */
  readonly #inFlight = new Map<Fingerprint, Promise<void>>();

  constructor(services: LauncherServices, pool: ResourcePool, stop: Stop, jobs: Jobs) {
    this.#services = services;
    this.#pool = pool;
    this.#stop = stop;
    this.#jobs = jobs;
  }

  /** Runs inside the queue: ends when the slots are free again, whatever is left to be recorded. */
  async start(job: Job): Promise<void> {
    if (this.#stop.isStopping) return this.#jobs.close();
    const {id, due, demand} = job;
    const {stores, news, request, surroundings} = this.#services;
    const other = this.#inFlight.get(due.fingerprint);
    if (other !== undefined) {
      void other.then(() => this.#takeFromElsewhere(job, false)).catch(error => this.#jobs.onBug(error));
      return;
    }
    const grant = this.#pool.take(demand);
    let land = this.#takeOff(due.fingerprint);
    try {
      const claim = await stores.claims.acquire(due.fingerprint);
      if (claim.status === 'failed') {
        land();
        const failure = storeFailure(claim.error);
        const {fingerprint} = due;
        const attempts = job.attempt - 1;
        void this.#jobs.finish(job, {status: 'failed', fingerprint, failure, attempts, logTail: []});
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
      const made = this.#canReuse(due) ? await stores.cache.lookup(due.fingerprint) : undefined;
      if (made?.ok && made.value.status === 'hit') {
        land();
        const {result} = made.value;
        void this.#jobs.finish(job, {status: 'cached', fingerprint: due.fingerprint, result, shared: true});
        return;
      }
      news.emit({type: 'started', id, fingerprint: due.fingerprint, stale: due.stale, attempt: job.attempt});
      request.recorder.started(id, due.fingerprint, surroundings.now());
      await this.#try(job, grant, claim.isHeld, land);
    } finally {
      // Before this function's promise resolves, which is when p-queue looks for what fits.
      this.#pool.give(grant);
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

  #canReuse({stale}: Due): boolean {
    return stale.why !== 'forced' && stale.why !== 'volatile';
  }

  async #try(job: Job, grant: Grant, isHeld: () => boolean, land: () => void): Promise<void> {
    const {id} = job;
    const {news} = this.#services;
    const attempt = new Attempt(this.#services, this.#jobs.instance(id), job.due, grant);
    const executed = await attempt.execute(
      {
        onLog: (stream, text) => news.emit({type: 'log', id, stream, text}),
        onProgress: progress => news.emit({type: 'progress', id, progress}),
      },
      this.#stop.kill,
    );
    const conclude = async (): Promise<void> => {
      if (!isHeld()) {
        // Somebody elsewhere took us for dead and makes the result: ours counts for nothing, nor does a failure.
        attempt.close();
        land();
        news.notice(`${id} was taken over by another run while this one was stopped`, id);
        return this.#takeFromElsewhere(job, true);
      }
      const concluded = executed.ok ? await attempt.conclude(executed.value) : executed;
      const logTail = concluded.ok ? [] : attempt.logTail();
      attempt.close();
      if (!concluded.ok) void (await this.#services.stores.cache.note(job.due.action));
      land();
      if (concluded.ok) return this.#jobs.finish(job, this.#executed(job, concluded.value));
      if (concluded.error.reason === 'cancelled') return this.#jobs.finish(job, {status: 'cancelled'});
      return this.#fail(job, concluded.error, logTail);
    };
    // Not awaited: the next stage may start while this one's outputs are admitted.
    conclude().catch(error => this.#jobs.onBug(error));
  }

  #executed({id, due, attempt}: Job, concluded: Concluded): Outcome {
    const {differsFrom} = concluded.recorded;
    if (differsFrom !== undefined && this.#jobs.instance(id).isVolatile === false) {
      const message = `${id} is not deterministic: the same action gave other results before`;
      this.#services.news.notice(message, id);
    }
    return executedOutcome(due, attempt, concluded);
  }

  async #fail(job: Job, failure: StageFailure, logTail: readonly string[]): Promise<void> {
    const {id, due, attempt} = job;
    const {retries} = this.#jobs.instance(id);
    const {news, surroundings} = this.#services;
    if (attempt > retries.times || failure.reason === 'store' || this.#stop.isStopping) {
      const {fingerprint} = due;
      return this.#jobs.finish(job, {status: 'failed', fingerprint, failure, attempts: attempt, logTail});
    }
    const longest = Math.min(retries.backoffMs * 2 ** (attempt - 1), LONGEST_BACKOFF_MS);
    const inMs = Math.round(longest * (0.5 + surroundings.random() / 2));
    news.emit({type: 'retrying', id, failure, attempt, inMs});
    await sleep(inMs, undefined, {signal: this.#stop.drain}).catch(() => {});
    if (this.#stop.isStopping) {
      const {fingerprint} = due;
      return this.#jobs.finish(job, {status: 'failed', fingerprint, failure, attempts: attempt, logTail});
    }
    this.#jobs.enqueue({...job, attempt: attempt + 1});
  }

  /** Another run, or another instance of this one, was making the same result: take it, or make it after all. */
  async #takeFromElsewhere(job: Job, isOtherRun: boolean): Promise<void> {
    const {stores, executor} = this.#services;
    if (this.#stop.isStopping) return this.#jobs.close();
    const {fingerprint} = job.due;
    const lookup = this.#canReuse(job.due) ? await stores.cache.lookup(fingerprint) : undefined;
    if (lookup?.ok && lookup.value.status === 'hit') {
      return this.#jobs.finish(job, {
        status: 'cached',
        fingerprint,
        result: lookup.value.result,
        shared: isOtherRun,
      });
    }
    // The other run may have died: what it had started here ends before its work is begun again.
    if (isOtherRun) await executor.sweep();
    this.#jobs.enqueue(job);
  }
}

function executedOutcome(
  {fingerprint, stale, previous}: Due,
  attempts: number,
  {result}: Concluded,
): Outcome {
  const sameBytes = previous !== undefined && isSameResult(previous, result);
  return {status: 'executed', fingerprint, result, stale, attempts, sameBytes};
}
