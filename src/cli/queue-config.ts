// An executor of kind queue in pipe.config.yaml: where its Redis is, and which workers may take its jobs.

import {type AwayConfig, readAway} from './away-config.ts';
import type {SettingsReader} from './settings-reader.ts';

export interface QueueConfig extends AwayConfig {
  readonly kind: 'queue';
  /** `redis://…` or `rediss://…`; empty where it was missing, which is a mistake. */
  readonly url: string;
  /** Labels that a worker must have. */
  readonly labels: readonly string[];
  /** Jobs in flight at once. */
  readonly jobs: number;
}

/** What is beyond waits here, in the order of the critical path. */
const MOST_JOBS = 1_000;

export const readQueue = (settings: SettingsReader): QueueConfig => ({
  ...readAway(settings),
  kind: 'queue',
  url: settings.required('url', 'redis://HOST:6379', isRedisUrl) ?? '',
  labels: settings.texts('labels') ?? [],
  jobs: settings.count('jobs') ?? MOST_JOBS,
});

export const isRedisUrl = (text: string): boolean => /^rediss?:\/\/./.test(text) && URL.canParse(text);

/** An address for messages: without its password. */
export const withoutPassword = (url: string): string => url.replace(/\/\/[^@/]*@/, '//');
