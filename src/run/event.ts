// What happens during a run, as plain data: every reporter, `--json` and the ledger read these and nothing else.

import type {Fingerprint, Prefix} from '../action/action.ts';
import type {Audit} from '../action/audit.ts';

import type {Outcome, StageFailure, Staleness} from '../action/outcome.ts';
import type {Diagnostic} from '../core/diagnostic.ts';
import type {InstanceId, Plan} from '../plan/plan.ts';
import type {Progress} from '../stage/define.ts';

export type OutcomeCounts = Readonly<Record<Outcome['status'], number>>;

/** `at` is in milliseconds since the epoch. */
export type RunEvent = {readonly at: number} & (
  | {
      readonly type: 'planned';
      readonly run: string;
      readonly plan: Plan;
      readonly selected: readonly InstanceId[];
    }
  /** Files that the plan waits for are there: cells of a matrix came in, or parameters that a stage chose. */
  | {
      readonly type: 'expanded';
      /** By the name of what made them: `best[optimizer=sam].best`. */
      readonly files: readonly string[];
      readonly plan: Plan;
      readonly selected: readonly InstanceId[];
    }
  /** Another run is making the same result. */
  | {readonly type: 'waiting'; readonly id: InstanceId; readonly pid: number}
  | {
      readonly type: 'started';
      readonly id: InstanceId;
      readonly fingerprint: Fingerprint;
      readonly stale: Staleness;
      readonly prefix: Prefix | null;
      readonly attempt: number;
      /** The name of the executor that it was given to. */
      readonly executor: string;
    }
  /** The executor's machine that runs it: until then it waits there. */
  | {readonly type: 'placed'; readonly id: InstanceId; readonly host: string}
  /** Who is there to take something, at an executor on other machines. */
  | {
      readonly type: 'room';
      readonly executor: string;
      readonly machines: number;
      readonly slots: number;
      readonly busy: number;
    }
  | {
      readonly type: 'log';
      readonly id: InstanceId;
      readonly stream: 'stdout' | 'stderr';
      readonly text: string;
    }
  | {readonly type: 'progress'; readonly id: InstanceId; readonly progress: Progress}
  /** What a try read, ran and reached that it was not given, where that was asked for. */
  | {readonly type: 'audited'; readonly id: InstanceId; readonly audit: Audit}
  | {
      readonly type: 'retrying';
      readonly id: InstanceId;
      readonly failure: StageFailure;
      readonly attempt: number;
      readonly inMs: number;
    }
  /** The whole log of a cached instance, when replay was asked for. */
  | {readonly type: 'replayed'; readonly id: InstanceId; readonly text: string}
  | {readonly type: 'finished'; readonly id: InstanceId; readonly outcome: Outcome}
  | {
      readonly type: 'published';
      readonly id: InstanceId;
      readonly to: string;
      readonly files: number;
      readonly restored: boolean;
    }
  /** Something that people should know and that stops nothing: a damaged blob set aside, a second result for one key. */
  | {readonly type: 'notice'; readonly message: string; readonly id: InstanceId | null}
  /** A file that gives no parameters, a publish target in the way: mistakes that only a run can find. */
  | {readonly type: 'diagnosed'; readonly diagnostics: readonly Diagnostic[]}
  /** The first Ctrl-C: what runs may finish; the second: what runs is stopped. */
  | {readonly type: 'stopping'; readonly how: 'draining' | 'killing'}
  | {readonly type: 'run-finished'; readonly counts: OutcomeCounts; readonly durationMs: number}
);
