// What Slurm says of the pilots of all executors of a run: one call for all of them, at a polite rhythm.

import {execFile} from 'node:child_process';
import {promisify} from 'node:util';

/** A pilot, waiting or running. */
export interface QueuedPilot {
  readonly id: string;
  /** The name of the job, which all pilots of one post office have. */
  readonly jobName: string;
  readonly shape: string;
  /** Why it waits, in Slurm's words. */
  readonly reason: string;
}

export interface SqueueAnswer {
  /** Milliseconds since the epoch. */
  readonly askedAt: number;
  readonly pilots: readonly QueuedPilot[];
}

export const SQUEUE_EVERY_MS = 10_000;
const run = promisify(execFile);

export class Squeue {
  readonly #jobNames: readonly string[];
  readonly #now: () => number;
  #askedAt = Number.NEGATIVE_INFINITY;
  #answer: Promise<SqueueAnswer> | undefined;

  /** `jobNames`: of all that will ever ask. `now`: milliseconds since the epoch. */
  constructor(jobNames: Iterable<string>, now: () => number) {
    this.#jobNames = [...new Set(jobNames)];
    this.#now = now;
  }

  /** The last answer, or a new one where that is old. Rejects where `squeue` failed, until it is asked anew. */
  look(): Promise<SqueueAnswer> {
    if (this.#answer === undefined || this.#now() - this.#askedAt >= SQUEUE_EVERY_MS) {
      this.#askedAt = this.#now();
      this.#answer = this.#ask(this.#askedAt);
    }
    return this.#answer;
  }

  /** The most minutes that a partition allows, `null` for the one that is taken by default; `undefined` where nobody says. */
  async limitOf(partition: string | null): Promise<number | undefined> {
    const {stdout} = await run('sinfo', ['--noheader', '--format=%P %l']);
    const lines = stdout.split('\n').map(line => line.trim().split(' '));
    // The default one has a star behind its name.
    const [, limit] =
      lines.find(([name = '']) =>
        partition === null ? name.endsWith('*') : name.replace('*', '') === partition,
      ) ?? [];
    return limit === undefined ? undefined : minutesOf(limit);
  }

  async #ask(askedAt: number): Promise<SqueueAnswer> {
    // %k is the comment, which holds the shape; %r why it waits; one line a task of an array.
    const {stdout} = await run('squeue', [
      '--noheader',
      '--array',
      `--name=${this.#jobNames.join(',')}`,
      '--states=PENDING,RUNNING,CONFIGURING,SUSPENDED,REQUEUED',
      '--format=%i %j %k %r',
    ]);
    const pilots = stdout.split('\n').flatMap((line): QueuedPilot[] => {
      const [id = '', jobName = '', shape = '', ...reason] = line.trim().split(' ');
      return shape === '' ? [] : [{id, jobName, shape, reason: reason.join(' ')}];
    });
    return {askedAt, pilots};
  }
}

/** `30:00`, `1-12:00:00`, `infinite`: minutes, or `undefined` for no limit. */
function minutesOf(limit: string): number | undefined {
  const parts = /^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)$/.exec(limit);
  if (parts === null) return undefined;
  const [days = 0, hours = 0, minutes = 0] = parts.slice(1, 4).map(part => Number(part ?? 0));
  return (days * 24 + hours) * 60 + minutes;
}
