// One action laid out on this disk: inputs in place, a folder to write to. Plain data, so that it can be handed to a
// worker process. All paths are absolute.

import type {Usage} from '../action/action.ts';
import type {Audit} from '../action/audit.ts';
import type {StageFailure} from '../action/outcome.ts';
import type {JsonObject} from '../core/json.ts';
import type {Metrics} from '../core/metric.ts';
import type {Result} from '../core/result.ts';
import type {OutputKind, Progress, StageInput, Study} from '../stage/define.ts';
import type {PythonLaunch} from './python-launch.ts';

export type TaskWork =
  /** `entry`: absolute path of a JavaScript module whose default export is a stage definition. */
  | {readonly kind: 'module'; readonly entry: string}
  | {readonly kind: 'python'; readonly launch: PythonLaunch}
  | {readonly kind: 'shell'; readonly command: string};

/** What a stage sees of a producer, as JSON. */
export type ProducerFiles = Omit<StageInput, 'metrics'> & {readonly metrics: Metrics};

export type TaskInput =
  | {readonly kind: 'one'; readonly input: ProducerFiles}
  /** `path` is a folder with one entry per producer and an `index.json` that says which cell is which. */
  | {readonly kind: 'each'; readonly path: string; readonly inputs: readonly ProducerFiles[]};

export interface Task {
  /** The instance's id, for messages. */
  readonly label: string;
  readonly work: TaskWork;
  readonly params: JsonObject;
  readonly inputs: Readonly<Record<string, TaskInput>>;
  readonly study: Study | null;
  readonly outputs: Readonly<Record<string, {readonly kind: OutputKind; readonly path: string}>>;
  readonly files: Readonly<Record<string, string>>;
  /** The folder that holds the outputs: private to this task, empty at the start. */
  readonly outputFolder: string;
  /** What the task prints is appended here, both streams in the order of writing; made when there is something. */
  readonly logFile: string;
  /** Where a shell command may write its metrics: one JSON object of names and numbers. */
  readonly metricsFile: string;
  /** The working directory: the folder with the declared files, or the project. */
  readonly cwd: string;
  /** Declared variables, and those that are private to this task (`HOME`, `TMPDIR`). */
  readonly env: Readonly<Record<string, string>>;
  readonly cpus: number;
  readonly gpus: readonly number[];
  readonly device: string;
  /** What of the machine can change bits, in words; `null` where it is no part of the key. */
  readonly platform: string | null;
  readonly mirror: string | null;
  readonly checkpoint: string | null;
  readonly timeoutMs: number | null;
}

export interface TaskListener {
  /** What came into the log file since the last call; everything has been told before the task settles. */
  readonly onLog: (stream: 'stdout' | 'stderr', text: string) => void;
  readonly onProgress: (progress: Progress) => void;
  /** What it read that it was not given; only where that is looked at. */
  readonly onAudit: (audit: Audit) => void;
}

/** What a task gave, beside the files in its output folder. */
export interface TaskGain {
  readonly metrics: Metrics;
  /** The device that did the work, where the stage reported one. */
  readonly device: string;
  readonly usage: Usage;
}

export type TaskAnswer = Result<TaskGain, StageFailure | {readonly reason: 'cancelled'}>;
