// The executor port: runs an action that is closed, wherever that may be, and signs what it gave. Sandbox, inputs,
// admission of outputs and the log are the executor's own; it gets at bytes through a content store and knows nothing
// of plans, caches or runs. What it is given and what it answers is plain data.

import type {Action, ActionResult, Fingerprint, GitState, Prefix} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import type {Digest} from '../core/digest.ts';
import type {CodeCard} from './content-store.ts';
import type {TaskListener} from './task.ts';

/** What an action may occupy. */
export interface Limits {
  readonly cpus: number;
  /** Bytes, 0 where nothing is said. */
  readonly memory: number;
  readonly gpus: number;
  readonly timeoutMs: number | null;
}

/** An action to run, with what is no part of its key. */
export interface Assignment {
  readonly action: Action;
  readonly fingerprint: Fingerprint;
  /** The instance's id, for messages. */
  readonly label: string;
  /** The run's id, for the provenance. */
  readonly run: string;
  readonly limits: Limits;
  /**
   * Values of the declared variables; the action has their digests. Those that the action calls secret go into no file
   * and no store: what is sent elsewhere is `openVariables`.
   */
  readonly env: Readonly<Record<string, string>>;
  /** True where it has to run although its result is known: it was forced, or it is another try after a failure. */
  readonly isFresh: boolean;
  /** True for a stage that keeps a folder from one try to the next. */
  readonly keepsCheckpoint: boolean;
  /** A shorter result whose state is handed over as the checkpoint, where no earlier try has left one. */
  readonly prefix: Prefix | null;
  /** Where `download` looks before the network. */
  readonly mirror: string | null;
  /** The state of the project's sources, for the provenance. */
  readonly git: GitState | null;
  /** For a stage module: how to make its bundle ready elsewhere. */
  readonly card: CodeCard | null;
}

export interface ExecutionListener extends TaskListener {
  /** It was taken by a machine and is no longer waiting there. At most once. */
  readonly onPlaced: (host: string) => void;
  /** Nothing of it runs any more and its limits are free again; what follows is admission. At most once. */
  readonly onFree: () => void;
}

/** How an execution ended. */
export type Ending =
  | {
      readonly status: 'done';
      /** Every blob that it names is in the content store. */
      readonly result: ActionResult;
      /** What people should know of it, such as an output that nobody declared. */
      readonly notices: readonly string[];
    }
  | {
      readonly status: 'failed';
      readonly failure: StageFailure;
      /** The last lines of its log. */
      readonly logTail: readonly string[];
      /** The whole log, in the content store; `null` where there is none, or where it could not be kept. */
      readonly log: Digest | null;
      /** What was found out about the failure that its user can act on. */
      readonly advice: string | null;
    }
  | {readonly status: 'cancelled'}
  /** The infrastructure failed, not the stage: a node that is gone, a connection that was cut. Tried again for free. */
  | {readonly status: 'lost'; readonly message: string};

/** What some executors can run of no stage: Python, or stages that are handed secrets. */
export type Inability = 'python' | 'secrets';

/** What there is to give. */
export interface Capabilities {
  /** Such as `local`, `slurm`. */
  readonly name: string;
  /** CPU slots to hand out at once; for an elastic executor, how many actions it takes at once. */
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly gpus: number;
  /** True where demands are passed on as they are: somebody else finds room for them. */
  readonly isElastic: boolean;
  /** What it can never run, which is told before anything runs. */
  readonly cannot: readonly Inability[];
}

/** Who is there to take something at the moment, as far as an executor was told. */
export interface Room {
  /** Workers, pilots or nodes that live. */
  readonly machines: number;
  /** CPU slots of all of them, and those that are taken. */
  readonly slots: number;
  readonly busy: number;
}

export interface Executor {
  capabilities(): Capabilities;
  /** `undefined` where it has no machines to tell of, or has not asked. */
  room(): Room | undefined;
  /**
   * Settles only when nothing of the task runs any more: after success, failure, time-out or abort.
   * An abort through `signal` gives `cancelled`. Never rejects for what a stage does.
   */
  execute(assignment: Assignment, listener: ExecutionListener, signal: AbortSignal): Promise<Ending>;
  /** Goes on with what an earlier coordinator started and what still runs; `undefined` where there is nothing. */
  attach(
    assignment: Assignment,
    listener: ExecutionListener,
    signal: AbortSignal,
  ): Promise<Ending | undefined>;
  /** Ends what coordinators that have died left running here, and removes what they left behind. */
  sweep(): Promise<void>;
  /** A run is over: gives up what was kept for its next task, but not what is warm. */
  rest(): Promise<void>;
  /** Ends what is kept warm. */
  close(): Promise<void>;
}

/** The declared variables of an assignment that are no secrets. */
export const openVariables = ({action, env}: Assignment): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(env).filter(([name]) => action.env[name] !== 'secret'));
