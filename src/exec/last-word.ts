// How a job ended that a pilot ran, from its last word and from the store that both share: a result counts because it is
// recorded there, never because a pilot says so.

import type {Action, ActionResult} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import type {Digest} from '../core/digest.ts';
import type {Result} from '../core/result.ts';
import type {Assignment, Ending} from './executor.ts';
import type {PilotMessage} from './pilot.ts';

/** What an executor of pilots needs of the store that it shares with them. Waits a while for one that does not answer. */
export interface PilotStore {
  /** Sends every blob that whoever runs the action will ask for, the action among them. */
  send(assignment: Assignment, signal: AbortSignal): Promise<Result<void, string>>;
  /** The recorded result; `undefined` where there is none. */
  find(assignment: Assignment): Promise<ActionResult | undefined>;
  /** What of the project, which pilots do not see, a failed stage may have looked for in vain. */
  adviceOn(action: Action, failure: StageFailure, logTail: readonly string[]): string | null;
  /** Brings the log of a failure here, where it can be had. */
  bringLog(log: Digest): Promise<void>;
}

/** After it a pilot says no more of a job. */
export type LastWord = Exclude<PilotMessage, {readonly type: 'log' | 'progress' | 'free' | 'placed'}>;

export const isLastWord = (message: PilotMessage | undefined): message is LastWord =>
  message !== undefined && !['log', 'progress', 'free', 'placed'].includes(message.type);

/** The ending behind a word of success or failure. `who` said it: `pilot` or `worker`. */
export async function endingOf(
  word: Extract<LastWord, {readonly type: 'done' | 'failed'}>,
  assignment: Assignment,
  store: PilotStore,
  who: string,
): Promise<Ending> {
  if (word.type === 'done') {
    const result = await store.find(assignment);
    return result === undefined
      ? {status: 'lost', message: `its ${who} says that it is done, and nothing is recorded`}
      : {status: 'done', result, notices: word.notices};
  }
  const {failure, logTail, log, advice} = word;
  if (log !== null) await store.bringLog(log);
  return {
    status: 'failed',
    failure,
    logTail,
    log,
    advice: advice ?? store.adviceOn(assignment.action, failure, logTail),
  };
}
