// How an instance ended, and why it had to run. Plain data: outcomes go into events and into the ledger.

import type {Digest} from '../core/digest.ts';
import type {InstanceId} from '../plan/plan.ts';
import type {ActionResult, Fingerprint} from './action.ts';

/** One reason why an action missed the cache, as data; `explain` turns it into a sentence. */
export type Change =
  | {readonly what: 'parameter'; readonly name: string; readonly before: string; readonly after: string}
  | {
      readonly what: 'code';
      /** `null` where nothing is known of the sources of the code before. */
      readonly file: string | null;
      /** The modules through which the file came in: `lib/a.py, imported by stages/fit.py`; `null` for the stage's own. */
      readonly importedBy: string | null;
    }
  | {readonly what: 'package'; readonly name: string; readonly before: string; readonly after: string}
  | {readonly what: 'command'}
  | {
      readonly what: 'input';
      readonly name: string;
      /** Cells that came and went, as `seed=6`; for a single input none. */
      readonly added: readonly string[];
      readonly removed: readonly string[];
      /** Files that differ, of those of cells that both have; metrics count as one. */
      readonly changed: number;
      readonly of: number;
      /** Cells whose maker has another key, whatever its bytes: what traces is made anew by that. */
      readonly remade: readonly string[];
    }
  | {readonly what: 'study'}
  | {readonly what: 'file'; readonly path: string; readonly how: 'added' | 'removed' | 'changed'}
  | {readonly what: 'environment'; readonly name: string}
  | {readonly what: 'device'; readonly before: string; readonly after: string}
  /** The machine, where it can change bits. */
  | {readonly what: 'platform'; readonly before: string; readonly after: string}
  | {readonly what: 'outputs'}
  | {readonly what: 'sandbox'}
  | {readonly what: 'salt'};

/** Why an instance has to run. */
export type Staleness =
  | {readonly why: 'never-run'}
  | {readonly why: 'changed'; readonly changes: readonly Change[]}
  /** The result is known, but a blob of it is gone or damaged. */
  | {readonly why: 'lost'; readonly output: string}
  /** The bytes of this temporary output went when all that takes it was done, and are needed again. */
  | {readonly why: 'dropped'; readonly output: string}
  | {readonly why: 'volatile'}
  | {readonly why: 'forced'}
  /** It failed or was stopped last time, and failures are not cached. */
  | {readonly why: 'unfinished'};

export type StageFailure =
  /** A StageError: the user's to mend. */
  | {readonly reason: 'mistake'; readonly message: string; readonly hint: string | null}
  | {readonly reason: 'threw'; readonly message: string; readonly stack: string}
  | {readonly reason: 'exited'; readonly code: number | null; readonly signal: string | null}
  | {readonly reason: 'timed-out'; readonly afterMs: number}
  /** It returned while work that it had begun was still under way. */
  | {readonly reason: 'unfinished'; readonly left: readonly string[]}
  | {readonly reason: 'missing-output'; readonly output: string; readonly path: string}
  | {readonly reason: 'wrong-output'; readonly output: string; readonly message: string}
  | {readonly reason: 'changed-input'; readonly path: string}
  /** The infrastructure failed again and again: nodes that are gone, connections that were cut. */
  | {readonly reason: 'lost'; readonly message: string}
  /** The store could not take the result: disk full, no permission. */
  | {readonly reason: 'store'; readonly message: string};

export type Outcome =
  | {
      readonly status: 'executed';
      readonly fingerprint: Fingerprint;
      readonly result: ActionResult;
      readonly stale: Staleness;
      readonly attempts: number;
      /** True when the outputs equal those of the last result of this instance: what is below may stay cached. */
      readonly sameBytes: boolean;
    }
  | {
      readonly status: 'cached';
      readonly fingerprint: Fingerprint;
      readonly result: ActionResult;
      /** True when another run made it while this one waited. */
      readonly shared: boolean;
    }
  | {
      readonly status: 'failed';
      readonly fingerprint: Fingerprint | null;
      readonly failure: StageFailure;
      readonly attempts: number;
      /** The last lines of its log. */
      readonly logTail: readonly string[];
      /** What was found out about the failure that its user can act on. */
      readonly advice: string | null;
      /** The blob that holds its whole log; `null` where it wrote none, or where it could not be kept. */
      readonly log: Digest | null;
    }
  | {readonly status: 'skipped'; readonly because: InstanceId}
  | {readonly status: 'cancelled'};
