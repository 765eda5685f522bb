// Decides when. Walks the plan once in its order and settles all that the rebuilder finds in the cache; what has to
// run goes into p-queue as soon as its producers have results. Every instance that a run is about gets one outcome.

import {setTimeout as sleep, setImmediate as turn} from 'node:timers/promises';
import PQueue from 'p-queue';
import type {Fingerprint} from '../action/action.ts';
import type {Outcome, StageFailure} from '../action/outcome.ts';
import type {Diagnostic} from '../core/diagnostic.ts';
import type {InstanceId, PendingMatrix, Plan} from '../plan/plan.ts';
import type {Cell} from '../stage/define.ts';
import type {Made} from './action-builder.ts';
import {Attempt, type AttemptServices} from './attempt.ts';
import {readCells} from './matrix-file.ts';
import {PlanGraph} from './plan-graph.ts';
import type {Due, Rebuilder} from './rebuilder.ts';
import {type ResourceOptions, ResourceQueue} from './resource-queue.ts';
import {type Demand, demandOf, type Grant, ResourcePool} from './resources.ts';
import type {RunNews} from './run-news.ts';
import {isSameResult} from './same-result.ts';

/** How long an instance is taken to run that never has. Milliseconds. */
const UNKNOWN_DURATION_MS = 1000;
/** How long the walk over the plan goes on before timers and signals get their turn. Milliseconds. */
const WALK_MS = 30;
/** The longest pause between two tries. Milliseconds. */
const LONGEST_BACKOFF_MS = 3_600_000;

export interface SchedulerServices extends AttemptServices {
  readonly rebuilder: Rebuilder;
  readonly news: RunNews;
}

type Stopping = 'no' | 'failed' | 'draining' | 'killing';

/** An instance on its way through the queue. */
interface Job {
  readonly id: InstanceId;
  readonly due: Due;
  readonly demand: Demand;
  readonly attempt: number;
}

export class Scheduler {
  readonly #services: SchedulerServices;
  readonly #pool: ResourcePool;
  readonly #queue: PQueue<ResourceQueue, ResourceOptions>;
  #graph: PlanGraph;
  #selected: ReadonlySet<InstanceId>;
  /** What this run looks at: the selection and all that it needs. */
  #concerned: Set<InstanceId>;
  #needed: ReadonlySet<InstanceId> = new Set();
  #paths: Map<InstanceId, number> | undefined;
  /** How many producers have not been settled yet. */
  readonly #missing = new Map<InstanceId, number>();
  readonly #made = new Map<InstanceId, Made>();
  /** Settled, and told to its consumers. */
  readonly #told = new Set<InstanceId>();
  /** Settled without a result: the instance that is to blame. */
  readonly #blame = new Map<InstanceId, InstanceId>();
  readonly #outcomes = new Map<InstanceId, Outcome>();
  readonly #matrices = new Map<string, readonly Cell[]>();
  readonly #diagnostics: Diagnostic[] = [];
  readonly #ready: InstanceId[] = [];
  readonly #inFlight = new Map<Fingerprint, Promise<void>>();
  /** Instances that are queued, run, wait for another run or for their next try. */
  #open = 0;
  #isWalking = false;
  #stopping: Stopping = 'no';
  readonly #drain = new AbortController();
  readonly #kill = new AbortController();
  #onDone: () => void = () => {};
  #onBug: (error: unknown) => void = () => {};

  constructor(services: SchedulerServices) {
    const {request, surroundings} = services;
    this.#services = services;
    const pool = new ResourcePool(surroundings.machine);
    this.#pool = pool;
    this.#queue = new PQueue({
      autoStart: false,
      queueClass: class extends ResourceQueue {
        constructor() {
          super(pool, surroundings.machine.cpus);
        }
      },
    });
    this.#graph = new PlanGraph(request.plan);
    this.#selected = request.selected;
    this.#concerned = this.#concern();
  }

  get plan(): Plan {
    return this.#graph.plan;
  }

  get outcomes(): ReadonlyMap<InstanceId, Outcome> {
    return this.#outcomes;
  }

  get diagnostics(): readonly Diagnostic[] {
    return this.#diagnostics;
  }

  get isStopped(): boolean {
    return this.#stopping === 'draining' || this.#stopping === 'killing';
  }

  /** Resolves when every selected instance has its outcome. Rejects only for bugs. */
  async run(): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#onDone = resolve;
      this.#onBug = reject;
    });
    for (const {id} of this.plan.instances) this.#enter(id);
    this.#walk();
    await done;
    for (const {id} of this.plan.instances) {
      if (this.#selected.has(id) && !this.#outcomes.has(id)) await this.#settle(id, {status: 'cancelled'});
    }
  }

  /** The first call lets what runs finish, the second stops it. */
  stop(): void {
    if (this.#stopping === 'killing') return;
    this.#stopping = this.#stopping === 'draining' ? 'killing' : 'draining';
    this.#services.news.emit({type: 'stopping', how: this.#stopping});
    this.#drain.abort();
    if (this.#stopping === 'killing') this.#kill.abort();
    this.#checkDone();
  }

  /** Matrix files are looked at in any case: what the run is about may hang on them. */
  #concern(): Set<InstanceId> {
    const matrices = this.plan.pending.map(({from}) => from.id);
    this.#needed = this.#graph.withProducers(this.#selected);
    return this.#graph.withProducers([...this.#needed, ...matrices]);
  }

  #enter(id: InstanceId): void {
    if (!this.#concerned.has(id) || this.#missing.has(id)) return;
    let missing = 0;
    for (const producer of this.#graph.producers(id)) if (!this.#told.has(producer)) missing++;
    this.#missing.set(id, missing);
    if (missing === 0) this.#ready.push(id);
  }

  /** Considers what is ready, one after another, until nothing is. */
  #walk(): void {
    if (this.#isWalking) return;
    this.#isWalking = true;
    this.#walkOn().then(
      () => {
        this.#isWalking = false;
        this.#queue.start();
        // Something may have become ready since the last look.
        if (this.#ready.length > 0) this.#walk();
        else this.#checkDone();
      },
      error => this.#onBug(error),
    );
  }

  async #walkOn(): Promise<void> {
    this.#services.actions.forgetFiles();
    let since = performance.now();
    for (let at = 0; at < this.#ready.length; at++) {
      const id = this.#ready[at];
      if (id !== undefined) await this.#consider(id);
      if (performance.now() - since > WALK_MS) {
        await turn();
        since = performance.now();
      }
    }
    this.#ready.length = 0;
  }

  #checkDone(): void {
    if (this.#open === 0 && !this.#isWalking && this.#ready.length === 0) this.#onDone();
  }

  async #consider(id: InstanceId): Promise<void> {
    const {rebuilder, request} = this.#services;
    for (const producer of this.#graph.producers(id)) {
      const because = this.#blame.get(producer);
      if (because !== undefined) return this.#settle(id, {status: 'skipped', because});
    }
    // What is left without an outcome counts as cancelled in the end.
    if (this.#stopping !== 'no') return;
    const instance = this.#graph.instance(id);
    const isSelected = this.#selected.has(id);
    const decision = await rebuilder.decide(instance, this.#madeBy, isSelected && request.forced.has(id));
    switch (decision.will) {
      case 'reuse': {
        const {fingerprint, result} = decision;
        return this.#settle(id, {status: 'cached', fingerprint, result, shared: false});
      }
      case 'fail': {
        const {fingerprint, failure} = decision;
        return this.#settle(id, {status: 'failed', fingerprint, failure, attempts: 0, logTail: []});
      }
      case 'execute':
        if (isSelected) return this.#plan(id, decision);
        if (this.#needed.has(id)) {
          this.#services.news.notice(`${id} is needed and has no result, but is not selected`, id);
        }
        return this.#settle(id, {status: 'skipped', because: id});
    }
  }

  readonly #madeBy = (id: InstanceId): Made => {
    const made = this.#made.get(id);
    if (made === undefined) throw new Error(`Internal error: ${id} has no result yet`);
    return made;
  };

  async #plan(id: InstanceId, due: Due): Promise<void> {
    const {machine} = this.#services.surroundings;
    const answer = demandOf(this.#graph.instance(id).resources, machine);
    if (!answer.isMet) {
      const failure: StageFailure = {reason: 'mistake', message: answer.message, hint: answer.hint};
      const {fingerprint} = due;
      return this.#settle(id, {status: 'failed', fingerprint, failure, attempts: 0, logTail: []});
    }
    const {demand} = answer;
    if (demand.notice !== undefined) this.#services.news.notice(`${id} wants ${demand.notice}`, id);
    this.#open++;
    this.#enqueue({id, due, demand, attempt: 1});
  }

  #enqueue(job: Job): void {
    const options = {
      priority: this.#priorityOf(job.id),
      demand: job.demand,
      order: this.#graph.order(job.id),
    };
    this.#queue.add(() => this.#start(job), options).catch(error => this.#onBug(error));
  }

  #priorityOf(id: InstanceId): number {
    const {lastStateOf} = this.#services.stores;
    this.#paths ??= this.#graph.criticalPaths(each => lastStateOf(each)?.durationMs ?? UNKNOWN_DURATION_MS);
    return this.#paths.get(id) ?? 0;
  }

  /** Runs inside the queue: ends when the slots are free again, whatever is left to be recorded. */
  async #start(job: Job): Promise<void> {
    if (this.#stopping !== 'no') return this.#close();
    const {id, due, demand} = job;
    const {stores, news, request, surroundings} = this.#services;
    const other = this.#inFlight.get(due.fingerprint);
    if (other !== undefined) {
      void other.then(() => this.#takeFromElsewhere(job, false)).catch(error => this.#onBug(error));
      return;
    }
    const grant = this.#pool.take(demand);
    let land = this.#takeOff(due.fingerprint);
    try {
      const claim = await stores.claims.acquire(due.fingerprint);
      if (claim.status === 'taken') {
        news.emit({type: 'waiting', id, pid: claim.by.pid});
        land();
        void stores.claims
          .wait(due.fingerprint, this.#drain.signal)
          .then(() => this.#takeFromElsewhere(job, true))
          .catch(error => this.#onBug(error));
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
        void this.#finish(job, {status: 'cached', fingerprint: due.fingerprint, result, shared: true});
        return;
      }
      news.emit({type: 'started', id, fingerprint: due.fingerprint, stale: due.stale, attempt: job.attempt});
      request.recorder.started(id, due.fingerprint, surroundings.now());
      await this.#try(job, grant, land);
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

  async #try(job: Job, grant: Grant, land: () => void): Promise<void> {
    const {id} = job;
    const {news} = this.#services;
    const attempt = new Attempt(this.#services, this.#graph.instance(id), job.due, grant);
    const executed = await attempt.execute(
      {
        onLog: (stream, text) => news.emit({type: 'log', id, stream, text}),
        onProgress: progress => news.emit({type: 'progress', id, progress}),
      },
      this.#kill.signal,
    );
    const conclude = async (): Promise<void> => {
      const concluded = executed.ok ? await attempt.conclude(executed.value) : executed;
      const logTail = concluded.ok ? [] : attempt.logTail();
      attempt.close();
      if (!concluded.ok) void (await this.#services.stores.cache.note(job.due.action));
      land();
      if (concluded.ok) return this.#finish(job, this.#executed(job, concluded.value));
      if (concluded.error.reason === 'cancelled') return this.#finish(job, {status: 'cancelled'});
      return this.#fail(job, concluded.error, logTail);
    };
    // Not awaited: the next stage may start while this one's outputs are admitted.
    conclude().catch(error => this.#onBug(error));
  }

  #executed({id, due, attempt}: Job, concluded: Parameters<typeof executedOutcome>[2]): Outcome {
    const {differsFrom} = concluded.recorded;
    if (differsFrom !== undefined && this.#graph.instance(id).isVolatile === false) {
      const message = `${id} is not deterministic: the same action gave other results before`;
      this.#services.news.notice(message, id);
    }
    return executedOutcome(due, attempt, concluded);
  }

  async #fail(job: Job, failure: StageFailure, logTail: readonly string[]): Promise<void> {
    const {id, due, attempt} = job;
    const {retries} = this.#graph.instance(id);
    const {news, surroundings} = this.#services;
    if (attempt > retries.times || failure.reason === 'store' || this.#stopping !== 'no') {
      const {fingerprint} = due;
      return this.#finish(job, {status: 'failed', fingerprint, failure, attempts: attempt, logTail});
    }
    const longest = Math.min(retries.backoffMs * 2 ** (attempt - 1), LONGEST_BACKOFF_MS);
    const inMs = Math.round(longest * (0.5 + surroundings.random() / 2));
    news.emit({type: 'retrying', id, failure, attempt, inMs});
    await sleep(inMs, undefined, {signal: this.#drain.signal}).catch(() => {});
    if (this.#stopping !== 'no') {
      const {fingerprint} = due;
      return this.#finish(job, {status: 'failed', fingerprint, failure, attempts: attempt, logTail});
    }
    this.#enqueue({...job, attempt: attempt + 1});
  }

  /** Another run, or another instance of this one, was making the same result: take it, or make it after all. */
  async #takeFromElsewhere(job: Job, isOtherRun: boolean): Promise<void> {
    const {stores, executor} = this.#services;
    if (this.#stopping !== 'no') return this.#close();
    const {fingerprint} = job.due;
    const lookup = this.#canReuse(job.due) ? await stores.cache.lookup(fingerprint) : undefined;
    if (lookup?.ok && lookup.value.status === 'hit') {
      return this.#finish(job, {
        status: 'cached',
        fingerprint,
        result: lookup.value.result,
        shared: isOtherRun,
      });
    }
    // The other run may have died, and what it started may still write to the checkpoint.
    if (isOtherRun) await executor.sweep();
    this.#enqueue(job);
  }

  async #finish(job: Job, outcome: Outcome): Promise<void> {
    try {
      await this.#settle(job.id, outcome);
    } catch (error) {
      return this.#onBug(error);
    }
    this.#close();
  }

  #close(): void {
    this.#open--;
    this.#walk();
  }

  /** Gives an instance its outcome, publishes, expands what hung on it, and lets its consumers go on. */
  async #settle(id: InstanceId, outcome: Outcome): Promise<void> {
    const {news, request} = this.#services;
    const instance = this.#graph.instance(id);
    const isSelected = this.#selected.has(id);
    switch (outcome.status) {
      case 'executed':
      case 'cached':
        this.#made.set(id, {instance, result: outcome.result});
        break;
      case 'failed':
        this.#blame.set(id, id);
        if (request.mode === 'fail-fast' && this.#stopping === 'no') {
          this.#stopping = 'failed';
          this.#drain.abort();
        }
        break;
      case 'skipped':
        this.#blame.set(id, outcome.because);
        break;
      case 'cancelled':
        this.#blame.set(id, id);
        break;
    }
    if (isSelected) {
      this.#outcomes.set(id, outcome);
      await news.finished(instance, outcome, this.#diagnostics);
    } else if (outcome.status === 'failed' && this.#needed.has(id)) {
      news.notice(`${id} is needed and cannot be had`, id);
    }
    if (this.#made.has(id)) {
      for (const pending of this.plan.pending) if (pending.from.id === id) await this.#expand(pending);
    }
    if (outcome.status === 'cancelled') return;
    this.#told.add(id);
    for (const consumer of this.#graph.consumers(id)) {
      const missing = this.#missing.get(consumer);
      if (missing === undefined) continue;
      this.#missing.set(consumer, missing - 1);
      if (missing === 1) this.#ready.push(consumer);
    }
  }

  /** The file with a matrix is there: plan anew and go on with the larger plan. */
  async #expand(pending: PendingMatrix): Promise<void> {
    const {stage, from} = pending;
    if (this.#matrices.has(stage)) return;
    const {stores, request, news} = this.#services;
    const cells = readCells(stores.blobs, stage, from, this.#madeBy(from.id).result);
    const answer = cells.ok
      ? await request.replan(new Map([...this.#matrices, [stage, cells.value]]))
      : cells;
    if (!answer.ok) {
      this.#diagnostics.push(...answer.error);
      news.emit({type: 'diagnosed', diagnostics: answer.error});
      return;
    }
    if (cells.ok) this.#matrices.set(stage, cells.value);
    const {plan, selected} = answer.value;
    this.#graph = new PlanGraph(plan);
    this.#selected = selected;
    this.#concerned = this.#concern();
    this.#paths = undefined;
    news.emit({type: 'expanded', stage, plan, selected: [...selected]});
    for (const instance of plan.instances) this.#enter(instance.id);
    // Several matrices may hang on one file, or on one that is there already.
    for (const next of plan.pending) if (this.#made.has(next.from.id)) await this.#expand(next);
  }
}

function executedOutcome(
  due: Due,
  attempts: number,
  {
    result,
  }: {readonly result: Made['result']; readonly recorded: {readonly differsFrom: Made['result'] | undefined}},
): Outcome {
  const sameBytes = due.previous !== undefined && isSameResult(due.previous, result);
  return {status: 'executed', fingerprint: due.fingerprint, result, stale: due.stale, attempts, sameBytes};
}
