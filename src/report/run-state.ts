// What a run looks like at this moment: events go in, one at a time, and every display reads the same state.
// It keeps no text of logs beyond the last line of what runs.

import type {Outcome, StageFailure, Staleness} from '../action/outcome.ts';
import {chosenMetrics} from '../plan/chosen-metrics.ts';
import type {Instance, InstanceId, Plan} from '../plan/plan.ts';
import {producersOf} from '../plan/plan-graph.ts';
import type {OutcomeCounts, RunEvent} from '../run/event.ts';
import type {Progress} from '../stage/define.ts';

export interface Running {
  readonly id: InstanceId;
  /** When a machine took it; until then, when it was given to its executor. */
  readonly startedAt: number;
  /** The name of the executor that it was given to. */
  readonly executor: string;
  /** The machine that runs it; `null` while it waits at its executor. */
  readonly host: string | null;
  readonly attempt: number;
  readonly stale: Staleness;
  readonly progress: Progress | null;
  /** The first report of this attempt, which the rate is measured from. */
  readonly firstProgress: {readonly at: number; readonly done: number} | null;
  readonly lastLine: string;
}

export interface Failed {
  readonly id: InstanceId;
  readonly failure: StageFailure;
  readonly attempts: number;
  readonly logTail: readonly string[];
  readonly advice: string | null;
}

/** Who is there, at an executor on other machines. */
export interface RoomState {
  readonly machines: number;
  readonly slots: number;
  readonly busy: number;
}

export interface StageTally {
  readonly stage: string;
  /** Selected instances. */
  readonly total: number;
  readonly counts: OutcomeCounts;
}

const noCounts: OutcomeCounts = {executed: 0, cached: 0, failed: 0, skipped: 0, cancelled: 0};

/** `executed + cached + …` of one tally. */
export const settledCount = (counts: OutcomeCounts): number =>
  counts.executed + counts.cached + counts.failed + counts.skipped + counts.cancelled;

export class RunState {
  /** The metrics that stages of the plan are told to look at. */
  chosenMetrics: readonly string[] = [];
  plan: Plan | null = null;
  startedAt = 0;
  counts: OutcomeCounts = noCounts;
  total = 0;
  stopping: 'no' | 'draining' | 'killing' = 'no';
  readonly running = new Map<InstanceId, Running>();
  /** Instances that another run is making, with its process id. */
  readonly awaited = new Map<InstanceId, number>();
  /** By the executor's name. */
  readonly rooms = new Map<string, RoomState>();
  readonly stages = new Map<string, StageTally>();
  readonly failed: Failed[] = [];
  /** Instances that ran and gave the bytes that they gave before. */
  readonly unchanged: InstanceId[] = [];
  readonly settled = new Map<InstanceId, Outcome['status']>();
  /** How long each executed instance took, in milliseconds. */
  readonly tookMs = new Map<InstanceId, number>();
  #selected: ReadonlySet<InstanceId> = new Set();
  #instances = new Map<InstanceId, Instance>();

  instance(id: InstanceId): Instance | undefined {
    return this.#instances.get(id);
  }

  selected(): Iterable<InstanceId> {
    return this.#selected;
  }

  apply(event: RunEvent): void {
    switch (event.type) {
      case 'planned':
        this.startedAt = event.at;
        this.#adopt(event.plan, event.selected);
        break;
      case 'expanded':
        this.#adopt(event.plan, event.selected);
        break;
      case 'waiting':
        this.awaited.set(event.id, event.pid);
        break;
      case 'started':
        this.awaited.delete(event.id);
        this.running.set(event.id, {
          id: event.id,
          startedAt: event.at,
          executor: event.executor,
          host: null,
          attempt: event.attempt,
          stale: event.stale,
          progress: null,
          firstProgress: null,
          lastLine: '',
        });
        break;
      case 'placed':
        this.#change(event.id, running => ({...running, host: event.host, startedAt: event.at}));
        break;
      case 'room':
        this.rooms.set(event.executor, event);
        break;
      case 'progress':
        this.#change(event.id, running => ({
          ...running,
          progress: shortened(event.progress),
          firstProgress:
            running.firstProgress !== null && running.firstProgress.done <= event.progress.done
              ? running.firstProgress
              : {at: event.at, done: event.progress.done},
        }));
        break;
      case 'log':
        this.#change(event.id, running => ({
          ...running,
          lastLine: lastLineOf(event.text) || running.lastLine,
        }));
        break;
      case 'finished':
        this.#settle(event.id, event.outcome, event.at);
        break;
      case 'stopping':
        this.stopping = event.how;
        break;
      default:
    }
  }

  /** How many instances below any of `ids` ended as cached. */
  cachedBelow(ids: Iterable<InstanceId>): number {
    const below = new Set<InstanceId>(ids);
    let count = 0;
    for (const instance of this.plan?.instances ?? []) {
      if (!producersOf(instance).some(id => below.has(id))) continue;
      below.add(instance.id);
      if (this.settled.get(instance.id) === 'cached') count++;
    }
    return count;
  }

  #adopt(plan: Plan, selected: readonly InstanceId[]): void {
    this.plan = plan;
    this.chosenMetrics = chosenMetrics(plan);
    this.#selected = new Set(selected);
    this.total = this.#selected.size;
    this.#instances = new Map(plan.instances.map(instance => [instance.id, instance]));
    const totals = new Map<string, number>();
    for (const instance of plan.instances) {
      if (this.#selected.has(instance.id)) totals.set(instance.stage, (totals.get(instance.stage) ?? 0) + 1);
    }
    for (const [stage, total] of totals) {
      this.stages.set(stage, {stage, total, counts: this.stages.get(stage)?.counts ?? noCounts});
    }
  }

  #settle(id: InstanceId, outcome: Outcome, at: number): void {
    const running = this.running.get(id);
    this.running.delete(id);
    this.awaited.delete(id);
    this.settled.set(id, outcome.status);
    this.counts = increment(this.counts, outcome.status);
    const stage = this.#instances.get(id)?.stage;
    const tally = stage === undefined ? undefined : this.stages.get(stage);
    if (tally) this.stages.set(tally.stage, {...tally, counts: increment(tally.counts, outcome.status)});
    if (outcome.status === 'executed') {
      this.tookMs.set(id, outcome.result.made.durationMs);
      if (outcome.sameBytes) this.unchanged.push(id);
    } else if (outcome.status === 'failed') {
      if (running) this.tookMs.set(id, at - running.startedAt);
      const {failure, attempts, logTail, advice} = outcome;
      this.failed.push({id, failure, attempts, logTail, advice});
    }
  }

  #change(id: InstanceId, change: (running: Running) => Running): void {
    const running = this.running.get(id);
    if (running) this.running.set(id, change(running));
  }
}

const increment = (counts: OutcomeCounts, status: Outcome['status']): OutcomeCounts => ({
  ...counts,
  [status]: counts[status] + 1,
});

/** More of a line than any terminal is wide: what measures and cuts it must not depend on how long it is. */
const LONGEST_SHOWN = 1000;

function lastLineOf(text: string): string {
  const whole = text.trimEnd();
  const start = Math.max(whole.lastIndexOf('\n'), whole.lastIndexOf('\r')) + 1;
  return whole.slice(start, start + LONGEST_SHOWN).trim();
}

function shortened(progress: Progress): Progress {
  const {unit, detail} = progress;
  const told = detail === undefined ? {} : {detail: detail.slice(0, LONGEST_SHOWN)};
  return {...progress, unit: unit.slice(0, LONGEST_SHOWN), ...told};
}
