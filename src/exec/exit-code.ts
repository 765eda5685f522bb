// What the exit code of a command that a shell ran says about its failure.

import type {StageFailure} from '../action/outcome.ts';

/** A shell says 128 + n of a command that signal n ended. */
const SIGNALS: ReadonlyMap<number, string> = new Map([
  [129, 'SIGHUP'],
  [130, 'SIGINT'],
  [131, 'SIGQUIT'],
  [132, 'SIGILL'],
  [134, 'SIGABRT'],
  [135, 'SIGBUS'],
  [136, 'SIGFPE'],
  [137, 'SIGKILL'],
  [139, 'SIGSEGV'],
  [141, 'SIGPIPE'],
  [143, 'SIGTERM'],
]);

export function failureOfCode(code: number): StageFailure {
  const signal = SIGNALS.get(code);
  return {reason: 'exited', code: signal === undefined ? code : null, signal: signal ?? null};
}
