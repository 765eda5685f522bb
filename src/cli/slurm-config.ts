// An executor of kind slurm in pipe.config.yaml: how pilots are asked for. One line, `executor: slurm`, is enough where
// the project lies on a file system that all nodes see.

import {type AwayConfig, LIKE_HERE, readAway} from './away-config.ts';
import type {SettingsReader} from './settings-reader.ts';

export interface SlurmConfig extends AwayConfig {
  readonly kind: 'slurm';
  /** A folder that all nodes see, relative to the project or absolute. */
  readonly share: string;
  readonly partition: string | null;
  readonly account: string | null;
  /** A pilot's time limit; `null` for an hour, or less where the partition allows less. */
  readonly minutes: number | null;
  /** Pilots at once. */
  readonly pilots: number;
  /** Seconds that a pilot waits for another job. */
  readonly idle: number;
  /** Seconds without a sign of life after which a pilot counts as lost. */
  readonly silence: number;
  /** Where a node keeps its own copies. */
  readonly scratch: string;
  /** What starts `pipe` on a node, where it is not at the same place as here. */
  readonly command: readonly string[] | null;
  readonly flags: readonly string[];
}

export const defaultSlurm: SlurmConfig = {
  ...LIKE_HERE,
  kind: 'slurm',
  share: 'cache',
  partition: null,
  account: null,
  minutes: null,
  pilots: 8,
  idle: 30,
  silence: 45,
  scratch: '/tmp',
  command: null,
  flags: [],
};

export const readSlurm = (settings: SettingsReader): SlurmConfig => ({
  ...readAway(settings),
  kind: 'slurm',
  share: settings.text('share') ?? defaultSlurm.share,
  partition: settings.text('partition') ?? null,
  account: settings.text('account') ?? null,
  minutes: settings.count('minutes') ?? defaultSlurm.minutes,
  pilots: settings.count('pilots') ?? defaultSlurm.pilots,
  idle: settings.count('idle') ?? defaultSlurm.idle,
  silence: settings.count('silence') ?? defaultSlurm.silence,
  scratch: settings.text('scratch') ?? defaultSlurm.scratch,
  command: settings.texts('command') ?? null,
  flags: settings.texts('flags') ?? [],
});
