// What every command is handed: its surroundings, and its own arguments and options as they were read.

import type {Surroundings} from './surroundings.ts';

/** What a command needs to know of its surroundings, and where it says how it ended. */
export interface Shell {
  readonly outside: Surroundings;
  readonly version: string;
  /** This package's folder. */
  readonly packageRoot: string;
  /** The command line after `pipe`. */
  readonly argv: readonly string[];
}

/** A command's own arguments and options, as commander read them. */
export interface Invocation {
  readonly args: readonly string[];
  readonly options: Options;
}

/** Every option of every command; absent where it was not given. */
export interface Options {
  readonly set?: readonly string[];
  readonly profile?: string;
  readonly only?: readonly string[];
  readonly from?: readonly string[];
  readonly until?: readonly string[];
  readonly force?: boolean;
  readonly python?: boolean;
  readonly jobs?: number;
  readonly keepGoing?: boolean;
  readonly failFast?: boolean;
  readonly dryRun?: boolean;
  readonly mirror?: string;
  readonly markdown?: boolean;
  readonly device?: string;
  readonly json?: boolean;
  readonly last?: boolean;
  readonly metric?: string;
  readonly code?: boolean;
  readonly plan?: boolean;
  readonly watch?: boolean;
  readonly replay?: boolean;
  readonly repair?: boolean;
  readonly audit?: boolean;
  readonly explain?: boolean;
  readonly logs?: boolean;
  readonly output?: string;
  readonly format?: string;
  readonly instances?: boolean;
  readonly all?: boolean;
  readonly limit?: number;
  readonly keepDays?: number;
  readonly maxSize?: string;
  readonly events?: boolean;
  readonly tolerance?: number;
  readonly orders?: string;
  readonly shape?: string;
  readonly name?: string;
  readonly executor?: string;
  readonly detach?: boolean;
  readonly cancel?: boolean;
  /** Seconds. */
  readonly idle?: number;
  /** Seconds since the epoch. */
  readonly ends?: number;
  readonly store?: string;
  readonly ending?: string;
  readonly ssh?: string;
  readonly command?: string;
  readonly label?: readonly string[];
  readonly memory?: string;
  readonly gpus?: readonly number[];
  readonly folder?: string;
  /** Seconds. */
  readonly lease?: number;
  readonly cacheSize?: string;
}
