// Decides when. Walks the plan once in its order and settles all that the rebuilder finds in the cache; what has to
// run goes into p-queue as soon as its producers have results. Every instance that a run is about gets one outcome.

import {setImmediate as turn} from 'node:timers/promises';
import PQueue from 'p-queue';
import type {Fingerprint} from '../action/action.ts';
import {explainStaleness} from '../action/explain.ts';
import type {Outcome, StageFailure, Staleness} from '../action/outcome.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {type InstanceId, isOpen, type Plan} from '../plan/plan.ts';
import {PlanGraph} from '../plan/plan-graph.ts';
import type {DroppedOutputs} from '../store/temporary.ts';
import type {ActionBuilder, Made} from './action-builder.ts';
import {DroppedResults} from './dropped.ts';
import type {FileKeeper} from './file-keeper.ts';
import {type Job, Launcher, type LauncherServices} from './launcher.ts';
import {PlanReader} from './plan-reader.ts';
import {type Due, type Need, needOf, type Rebuilder} from './rebuilder.ts';
import type {ReplanAnswer} from './request.ts';
import {type ResourceOptions, ResourceQueue} from './resource-queue.ts';
import {demandOf, ResourcePool, wishOf} from './resources.ts';
import {Stop} from './stop.ts';

/** How long an instance is taken to run that never has. Milliseconds. */
const UNKNOWN_DURATION_MS = 1000;
/** How long the walk over the plan goes on before timers and signals get their turn. Milliseconds. */
const WALK_MS = 30;

export interface SchedulerServices extends LauncherServices {
  readonly rebuilder: Rebuilder;
  readonly keeper: FileKeeper;
  readonly actions: ActionBuilder;
}

/** What waits for an executor, and what is free there. */
interface Lane {
  readonly queue: PQueue<ResourceQueue, ResourceOptions>;
  readonly pool: ResourcePool;
}

export class Scheduler {
  readonly #services: SchedulerServices;
  /** One queue for each executor that something goes to. */
  readonly #lanes = new Map<string, Lane>();
  #graph: PlanGraph;
  #selected: ReadonlySet<InstanceId>;
  /** What this run looks at: the selection and all that it needs. */
  #concerned: Set<InstanceId>;
  #needed: ReadonlySet<InstanceId> = new Set();
  #paths: Map<InstanceId, number> | undefined;
  /** How many producers have not been settled yet. */
  readonly #missing = new Map<InstanceId, number>();
  readonly #made = new Map<InstanceId, Made>();
  /** What has a result without its bytes; it gets its outcome when it is needed, or in the end. */
  readonly #dropped = new DroppedResults();
  /** Settled, and told to its consumers. */
  readonly #told = new Set<InstanceId>();
  /** Settled without a result: the instance that is to blame. */
  readonly #blame = new Map<InstanceId, InstanceId>();
  readonly #outcomes = new Map<InstanceId, Outcome>();
  readonly #reader: PlanReader<ReplanAnswer>;
  /** True when results came in since files for the plan were last looked for among them. */
  #hasNews = false;
  /** Whose producers are settled and whose parameters are not chosen yet. */
  #unchosen: InstanceId[] = [];
  readonly #diagnostics: Diagnostic[] = [];
  readonly #ready: InstanceId[] = [];
  /** Instances that are queued, run, wait for another run or for their next try. */
  #open = 0;
  #isWalking = false;
  readonly #stop = new Stop();
  readonly #launcher: Launcher;
  #onDone: () => void = () => {};
  #onBug: (error: unknown) => void = () => {};

  constructor(services: SchedulerServices) {
    const {request} = services;
    this.#services = services;
    this.#graph = new PlanGraph(request.plan);
    this.#reader = new PlanReader(services.stores.blobs, request.replan);
    this.#launcher = new Launcher(services, this.#stop, {
      instance: id => this.#graph.instance(id),
      poolOf: executor => this.#lane(executor).pool,
      enqueue: job => this.#enqueue(job),
      finish: (job, outcome) => this.#finish(job, outcome),
      close: () => this.#close(),
      onBug: error => this.#onBug(error),
    });
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

  /** Aborts when nothing new starts any more. */
  get stopping(): AbortSignal {
    return this.#stop.drain;
  }

  get isStopped(): boolean {
    return this.#stop.isAsked;
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
      if (!this.#selected.has(id) || this.#outcomes.has(id)) continue;
      const made = this.#dropped.has(id) ? this.#made.get(id) : undefined;
      await this.#settle(id, made ? {status: 'cached', shared: false, ...made} : {status: 'cancelled'});
    }
  }

  /** The first call lets what runs finish, the second stops it; one `at-once` does not wait for a second. */
  stop(how: 'in-order' | 'at-once' = 'in-order'): void {
    const next = this.#stop.ask(how);
    if (next === undefined) return;
    this.#services.news.emit({type: 'stopping', how: next});
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
        for (const {queue} of this.#lanes.values()) queue.start();
        // Something may have become ready since the last look.
        if (this.#ready.length > 0 || this.#hasNews) this.#walk();
        else this.#checkDone();
      },
      error => this.#onBug(error),
    );
  }

  async #walkOn(): Promise<void> {
    this.#services.actions.forgetFiles();
    let since = performance.now();
    do {
      for (let at = 0; at < this.#ready.length; at++) {
        const id = this.#ready[at];
        if (id !== undefined) await this.#consider(id);
        if (performance.now() - since > WALK_MS) {
          await turn();
          since = performance.now();
        }
      }
      this.#ready.length = 0;
      // Only here, and so never twice at once: whatever several results gave makes one new plan.
      await this.#readFiles();
    } while (this.#ready.length > 0);
  }

  #checkDone(): void {
    const isIdle = this.#open === 0 && !this.#isWalking;
    if (isIdle && this.#ready.length === 0 && !this.#hasNews) this.#onDone();
  }

  async #consider(id: InstanceId): Promise<void> {
    const {rebuilder, keeper} = this.#services;
    for (const producer of this.#graph.producers(id)) {
      const because = this.#blame.get(producer);
      if (because !== undefined) return this.#settle(id, {status: 'skipped', because});
    }
    // What is left without an outcome counts as cancelled in the end.
    if (this.#stop.isStopping) return;
    const instance = this.#graph.instance(id);
    if (isOpen(instance)) return void this.#unchosen.push(id);
    const isSelected = this.#selected.has(id);
    const decision = await (isSelected ? keeper : rebuilder).decide(instance, this.#madeBy, this.#needOf(id));
    switch (decision.will) {
      case 'reuse': {
        const {fingerprint, result, frozen} = decision;
        if (frozen !== undefined) {
          const why = frozen === null ? 'it could not run' : explainStaleness(frozen);
          this.#services.news.notice(`is frozen, and keeps what it gave last (${why})`, id);
        }
        if (decision.dropped.length > 0) {
          this.#dropped.note(id, decision.dropped);
          this.#made.set(id, {instance, fingerprint, result});
          this.#hasNews = true;
          return this.#tell(id);
        }
        return this.#settle(id, {status: 'cached', fingerprint, result, shared: false});
      }
      case 'fail': {
        const {fingerprint, failure} = decision;
        return this.#settle(id, failedBefore(fingerprint, failure));
      }
      case 'execute':
        if (isSelected) return this.#plan(id, decision);
        if (this.#needed.has(id)) this.#diagnose([notSelected(id, decision.stale)]);
        return this.#settle(id, {status: 'skipped', because: id});
    }
  }

  /** Temporary outputs that nothing needs any more: all that takes them has its result, and nobody asked for them. */
  get spent(): readonly DroppedOutputs[] {
    // A stage that is still to come may take any of them.
    if (this.plan.pending.length > 0) return [];
    return this.plan.instances.flatMap(({id, temporary}): DroppedOutputs[] => {
      const outcome = temporary.length > 0 ? this.#outcomes.get(id) : undefined;
      if (outcome?.status !== 'executed' && outcome?.status !== 'cached') return [];
      if (this.#dropped.has(id) || this.#services.request.wanted.has(id)) return [];
      const consumers = this.#graph.consumers(id);
      if (consumers.length === 0 || !consumers.every(each => this.#made.has(each))) return [];
      const {fingerprint, result} = outcome;
      const outputs = Object.entries(result.outputs).filter(([name]) => temporary.includes(name));
      return [{fingerprint, outputs: Object.fromEntries(outputs)}];
    });
  }

  #needOf(id: InstanceId): Need {
    const need = needOf(id, this.#services.request, this.#selected.has(id));
    return need === 'result' && this.#dropped.isWanted(id) ? 'bytes' : need;
  }

  readonly #madeBy = (id: InstanceId): Made => {
    const made = this.#made.get(id);
    if (made === undefined) throw new Error(`Internal error: ${id} has no result yet`);
    return made;
  };

  async #plan(id: InstanceId, due: Due): Promise<void> {
    const {executors} = this.#services;
    const instance = this.#graph.instance(id);
    const {all, first} = this.#dropped.await(instance);
    if (all.length > 0) {
      this.#missing.set(id, all.length);
      this.#ready.push(...first);
      return;
    }
    const executor = executors.nameFor(wishOf(instance));
    const answer = demandOf(instance.resources, executors.named(executor).capabilities());
    if (!answer.isMet) {
      const failure: StageFailure = {reason: 'mistake', message: answer.message, hint: answer.hint};
      return this.#settle(id, failedBefore(due.fingerprint, failure));
    }
    const {demand} = answer;
    if (demand.notice !== undefined) this.#services.news.notice(`${id} wants ${demand.notice}`, id);
    this.#open++;
    const job = {id, due, demand, executor, attempt: 1, losses: 0};
    this.#launcher.expect(job);
    this.#enqueue(job);
  }

  #enqueue(job: Job): void {
    const options = {
      priority: this.#priorityOf(job.id),
      demand: job.demand,
      order: this.#graph.order(job.id),
    };
    const {queue} = this.#lane(job.executor);
    queue.add(() => this.#launcher.start(job), options).catch(error => this.#onBug(error));
  }

  #lane(executor: string): Lane {
    const known = this.#lanes.get(executor);
    if (known !== undefined) return known;
    const capabilities = this.#services.executors.named(executor).capabilities();
    const pool = new ResourcePool(capabilities);
    const queue = new PQueue({
      autoStart: false,
      queueClass: class extends ResourceQueue {
        constructor() {
          super(pool, capabilities.cpus);
        }
      },
    });
    const lane = {queue, pool};
    this.#lanes.set(executor, lane);
    return lane;
  }

  #priorityOf(id: InstanceId): number {
    const {lastStateOf} = this.#services.stores;
    this.#paths ??= this.#graph.criticalPaths(each => lastStateOf(each)?.durationMs ?? UNKNOWN_DURATION_MS);
    return this.#paths.get(id) ?? 0;
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

  /** Gives an instance its outcome, publishes, and lets its consumers go on. */
  async #settle(id: InstanceId, outcome: Outcome): Promise<void> {
    const {news, request} = this.#services;
    const instance = this.#graph.instance(id);
    const isSelected = this.#selected.has(id);
    switch (outcome.status) {
      case 'executed':
      case 'cached':
        this.#made.set(id, {instance, fingerprint: outcome.fingerprint, result: outcome.result});
        this.#hasNews = true;
        break;
      case 'failed':
        this.#blame.set(id, id);
        if (request.mode === 'fail-fast') this.#stop.fail();
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
    if (outcome.status !== 'cancelled') this.#tell(id);
  }

  /** Lets go on what waits for it: all that takes it, or what needed its bytes again. */
  #tell(id: InstanceId): void {
    const again = this.#told.has(id) ? (this.#dropped.settle(id) ?? []) : undefined;
    this.#told.add(id);
    for (const consumer of again ?? this.#graph.consumers(id)) {
      const missing = this.#missing.get(consumer);
      if (missing === undefined) continue;
      this.#missing.set(consumer, missing - 1);
      if (missing === 1) this.#ready.push(consumer);
    }
  }

  /** Goes on with a larger plan where files are there that it waits for; settles what they leave without parameters. */
  async #readFiles(): Promise<void> {
    while (this.#hasNews) {
      this.#hasNews = false;
      const {planned, mistakes} = await this.#reader.read(this.plan, id => this.#made.get(id)?.result);
      if (mistakes.length > 0) this.#diagnose(mistakes);
      if (!planned) continue;
      this.#adopt(planned.answer, planned.files);
      // Another matrix may hang on a file that is there already.
      this.#hasNews = true;
    }
    const unchosen = this.#unchosen;
    this.#unchosen = [];
    for (const id of unchosen) {
      const refused = this.#graph.instance(id).choosers.find(({gives}) => gives === null);
      if (refused === undefined) this.#ready.push(id);
      else await this.#settle(id, {status: 'skipped', because: refused.from.id});
    }
  }

  #diagnose(diagnostics: readonly Diagnostic[]): void {
    this.#diagnostics.push(...diagnostics);
    this.#services.news.emit({type: 'diagnosed', diagnostics});
  }

  #adopt({plan, selected}: ReplanAnswer, files: readonly string[]): void {
    this.#graph = new PlanGraph(plan);
    this.#selected = selected;
    this.#concerned = this.#concern();
    this.#paths = undefined;
    this.#services.news.emit({type: 'expanded', files, plan, selected: [...selected]});
    for (const instance of plan.instances) this.#enter(instance.id);
  }
}

/** It could not even start. */
const failedBefore = (fingerprint: Fingerprint | null, failure: StageFailure): Outcome => ({
  status: 'failed',
  fingerprint,
  failure,
  attempts: 0,
  logTail: [],
  log: null,
  advice: null,
});

/** What a selection leaves out, and what it selects cannot do without. */
const notSelected = (id: InstanceId, stale: Staleness): Diagnostic =>
  mistake(
    'not-selected',
    `expected a result of ${id}, which is needed, got none that is up to date (${explainStaleness(stale)})`,
    undefined,
    {
      hint: 'select it as well: targets and --until take along what they need, --only does not',
    },
  );
