// What the executor is told of a Python stage's code: plain data, from whoever keeps the code.

import type {JsonObject} from '../core/json.ts';

/** Everything that a template process is made for: tasks with an equal one share it. */
export interface PythonLaunch {
  /** The interpreter, absolute. */
  readonly executable: string;
  /** pipe's own program that imports and forks, absolute. */
  readonly program: string;
  /** Where the sources are at their paths in the project, absolute. */
  readonly folder: string;
  /** What to import from where; see `templateSetup`. */
  readonly setup: JsonObject;
  /** Where packages of the user are; `null` where they do not count. */
  readonly userBase: string | null;
}
