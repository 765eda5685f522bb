// What a run is asked for, and what it answers. Plain data and functions that the command line hands in:
// the clock, randomness, the environment and the planner enter here and nowhere else.

import type {DeviceKind, GitState, Platform, Prefix} from '../action/action.ts';
import type {Outcome, StageFailure, Staleness} from '../action/outcome.ts';
import type {Diagnostic} from '../core/diagnostic.ts';
import type {Wish} from '../exec/router.ts';
import type {InstanceId, Plan} from '../plan/plan.ts';
import type {RunRecorder} from '../store/store.ts';
import type {OutcomeCounts} from './event.ts';
import type {PlanAgain} from './plan-reader.ts';

/** What the machine can give to instances at once. */
export interface Machine {
  /** CPU slots: `--jobs`, by default the number of cores. */
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  /** Ids of the GPUs that may be used. */
  readonly gpus: readonly number[];
  readonly host: string;
  /** Such as `linux x64, node 20.20.2`. */
  readonly platform: string;
  /** What of it can change bits. */
  readonly system: Platform;
}

/** Where something will run, as far as that stands in keys. */
export interface Destination {
  readonly platform: Platform;
  /** What a stage gets that can do without a GPU. */
  readonly gpus: number;
  /** What stages compute on that get a GPU; `null` for this machine, where it was looked at what there is. */
  readonly device: DeviceKind | null;
}

/** Where the outside world enters a run. */
export interface Surroundings {
  /** The project's folder, absolute. */
  readonly project: string;
  /** The folder of the store (`cache/`), absolute: sandboxes and checkpoints live below it. */
  readonly cache: string;
  readonly machine: Machine;
  readonly destinationOf: (wish: Wish) => Destination;
  /** Bytes of declared files that an instance may bring into the store before it is said. */
  readonly largeCopy: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Uniform in [0, 1): the jitter of retries. */
  readonly random: () => number;
}

export type FailureMode = 'keep-going' | 'fail-fast';

/** The planner as a function: plans anew with the files that stages have made by now. */
export type Replan = PlanAgain<ReplanAnswer>;

export interface ReplanAnswer {
  readonly plan: Plan;
  /** The instances that this run is about, in the new plan. */
  readonly selected: ReadonlySet<InstanceId>;
}

/** What `--device` comes to on this machine: found before any key is made. */
export interface ChosenDevice {
  readonly kind: DeviceKind;
  /** False for `auto`: then an instance that gets no GPU computes on the CPU. */
  readonly isAsked: boolean;
}

export interface RunRequest {
  /** The run's id: unique, sorts by time. */
  readonly run: string;
  readonly plan: Plan;
  /**
   * The instances that this run is about. Their producers are not implied: a producer outside of the selection
   * must have a result in the cache, or else its consumers are skipped.
   */
  readonly selected: ReadonlySet<InstanceId>;
  readonly replan: Replan;
  readonly mode: FailureMode;
  /** Instances that run although their result is known. */
  readonly forced: ReadonlySet<InstanceId>;
  /** Instances that the user named: their bytes are to be there, temporary ones as well. */
  readonly wanted: ReadonlySet<InstanceId>;
  readonly device: ChosenDevice;
  /** Where `download` looks before the network, absolute. */
  readonly mirror: string | null;
  /** Emit `replayed` with the log of every cached instance. */
  readonly replayLogs: boolean;
  /** The state of the project's sources. Asked by runs that make something, before anything is made. */
  readonly git: () => Promise<GitState | null>;
  readonly recorder: RunRecorder;
}

export interface RunSummary {
  readonly plan: Plan;
  readonly outcomes: ReadonlyMap<InstanceId, Outcome>;
  readonly counts: OutcomeCounts;
  /** Mistakes that only the run could find: a file that gives no parameters, a publish target in the way. */
  readonly diagnostics: readonly Diagnostic[];
  /** True when it was stopped before everything was done. */
  readonly isStopped: boolean;
  readonly durationMs: number;
}

/** A run under way. */
export interface Run {
  readonly finished: Promise<RunSummary>;
  /** The first call lets what runs finish and starts nothing more; the second, or one `at-once`, stops what runs. */
  stop(how?: 'in-order' | 'at-once'): void;
}

/** What a run would do with an instance. */
export type Prediction =
  | {
      readonly will: 'reuse';
      /** Outputs whose bytes went on purpose, and that nothing needs. */
      readonly dropped: readonly string[];
      /** Why it would run if it were not frozen; `null` where it could not even run. */
      readonly frozen?: Staleness | null;
    }
  | {readonly will: 'execute'; readonly stale: Staleness; readonly prefix: Prefix | null}
  /** Whatever a producer of it gives: it has no result yet, or runs every time. */
  | {readonly will: 'follow'; readonly on: InstanceId; readonly stale: Staleness}
  /** A producer of it executes first: equal bytes, or an equal choice of parameters, would leave it cached. */
  | {readonly will: 'depend'; readonly on: InstanceId; readonly for: 'input' | 'choice'}
  /** It could not even start: a declared file is not there. */
  | {readonly will: 'fail'; readonly failure: StageFailure};
