// How `pipe` ends. The numbers are documented in the README and in every help; scripts rely on them.

import type {Diagnostic} from '../core/diagnostic.ts';
import {mistake} from '../core/diagnostic.ts';

export const EXIT = {
  ok: 0,
  /** A stage failed, a blob was damaged, two things that should be equal are not, or what was asked for is not there. */
  failed: 1,
  /** The user's to mend: a mistake in the pipeline or on the command line. */
  mistake: 2,
  /** `pipe plan`: something would run. */
  work: 10,
  /** A bug of `pipe`. */
  bug: 70,
  interrupted: 130,
} as const;

/** The project's own settings; the folder that holds it is the project. */
export const CONFIG = 'pipe.config.yaml';

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with mistakes of the user; caught in one place, which draws them. Never a bug. */
export class UserMistakes extends Error {
  override readonly name = 'UserMistakes';
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(({message}) => message).join('\n'));
    this.diagnostics = diagnostics;
  }
}

/** Ends a command that was asked for a result that is not there: no mistake, and no answer either. */
export class MissingResult extends UserMistakes {}

/** Ends a command for which the machine failed: a disk that is full, or cannot be read. */
export class MachineFailed extends UserMistakes {}

/** Throws one mistake of the command line, which has no place in a file. */
export function refuse(code: string, message: string, hint?: string): never {
  throw new UserMistakes([mistake(code, message, undefined, {hint})]);
}
