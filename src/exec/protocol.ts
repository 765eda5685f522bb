// What the runner and a worker process say to each other: JSON over the process's own channel.

import type {StageFailure} from '../action/outcome.ts';
import type {Result} from '../core/result.ts';
import type {Progress} from '../stage/define.ts';
import type {Task, TaskGain} from './task.ts';

/** To a worker: the next task. One at a time; stopping is a signal (TERM, then KILL), not a message. */
export interface TaskMessage {
  readonly type: 'task';
  readonly task: Task;
}

/** From a worker. */
export type WorkerMessage =
  | {readonly type: 'progress'; readonly progress: Progress}
  | {
      readonly type: 'done';
      readonly result: Result<TaskGain, StageFailure>;
      /** False where the stage left something behind: timers, sockets, children, a broken global state. */
      readonly isReusable: boolean;
    };

export const isTaskMessage = (message: unknown): message is TaskMessage =>
  typeof message === 'object' && message !== null && 'type' in message && message.type === 'task';

export const isWorkerMessage = (message: unknown): message is WorkerMessage =>
  typeof message === 'object' &&
  message !== null &&
  'type' in message &&
  (message.type === 'progress' || message.type === 'done');
