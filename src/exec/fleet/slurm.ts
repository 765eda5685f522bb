// Starts pilots as arrays of Slurm jobs: few `sbatch` calls, one `squeue` for everything at a polite rhythm. Slurm is
// asked how many pilots there are and never what became of a job: that is the record's to say. So a controller that is
// down, or an accounting database that is, holds up nothing but new pilots.

import {execFile} from 'node:child_process';
import {createHash} from 'node:crypto';
import {readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {makeFolder} from '../../host/folder.ts';
import type {Assignment} from '../executor.ts';
import type {PilotStarter} from './fleet-executor.ts';
import {
  demandsOf,
  type Needs,
  needsOf,
  type PilotHome,
  pilotScript,
  shapeOfLimits,
  USUAL_MINUTES,
} from './pilot-job.ts';
import type {Shape} from './post.ts';
import {type QueuedPilot, SQUEUE_EVERY_MS, type Squeue} from './squeue.ts';

export interface SlurmOptions extends PilotHome {
  readonly partition: string | null;
  readonly account: string | null;
  /** A pilot's time limit, in minutes; a job that may take longer gets a pilot of its own. `null`: as the partition allows. */
  readonly minutes: number | null;
  /** Pilots at once. */
  readonly pilots: number;
  /** Further arguments of sbatch. */
  readonly flags: readonly string[];
  /** True when a pilot of this post office lives. */
  readonly hasSigns: () => boolean;
  /** Shared by all executors of a run. */
  readonly squeue: Squeue;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const run = promisify(execFile);
/** After a failure to submit. Milliseconds. */
const FAILED_EVERY_MS = 15_000;
/** Stages become ready one after the other: so long they are gathered before pilots are asked for. Milliseconds. */
const GATHER_MS = 500;
/** Pilots of one shape are asked for so often at once, and once more after each pause. */
const MOST_SUBMITS = 2;
const SUBMIT_EVERY_MS = 30_000;
/** After pilots that never came to life, so often in a row. Milliseconds. */
const STILLBORN_EVERY_MS = 60_000;
const MOST_STILLBORN = 2;
/** Why a pilot waits that will get its turn. */
const ORDINARY = new Set([
  '',
  'None',
  'Priority',
  'Resources',
  'BeginTime',
  'JobArrayTaskLimit',
  'Prolog',
  'Cleaning',
]);

export class SlurmStarter implements PilotStarter {
  readonly #options: SlurmOptions;
  readonly #jobName: string;
  readonly #notices: string[] = [];
  /** Pilots that wait or run, by shape, as far as we know. */
  #known = new Map<Shape, number>();
  #lookedAt = Number.NEGATIVE_INFINITY;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #lastProblem = '';
  /** Times in a row that pilots were gone before one of them had shown a sign of life. */
  #stillborn = 0;
  #isAwaitingSign = false;
  #waitingSince: number | undefined;
  /** Of the partition, in minutes. */
  #limit: Promise<number | undefined> | undefined;
  readonly #toldReasons = new Set<string>();
  /** When pilots of a shape were asked for, as far as that still counts. */
  readonly #submits = new Map<Shape, readonly number[]>();

  constructor(options: SlurmOptions) {
    this.#options = options;
    this.#jobName = pilotJobName(options.post);
  }

  shapeOf({limits}: Assignment): Shape {
    return shapeOfLimits(limits, this.#options.minutes);
  }

  async supply(waiting: ReadonlyMap<Shape, number>, busy: ReadonlyMap<Shape, number>): Promise<void> {
    const {now, hasSigns} = this.#options;
    if (this.#isAwaitingSign && hasSigns()) {
      this.#stillborn = 0;
      this.#isAwaitingSign = false;
    }
    if (waiting.size === 0) {
      this.#waitingSince = undefined;
      return;
    }
    this.#waitingSince ??= now();
    if (now() - this.#waitingSince < GATHER_MS || now() < this.#pausedUntil) return;
    if (now() - this.#lookedAt >= SQUEUE_EVERY_MS) {
      // No answer says nothing about pilots: what was known of them holds.
      if (!(await this.#lookAtQueue())) return;
    }
    for (const [shape, jobs] of waiting) {
      const idle = Math.max(0, (this.#known.get(shape) ?? 0) - (busy.get(shape) ?? 0));
      const all = [...this.#known.values()].reduce((sum, count) => sum + count, 0);
      const lacking = Math.min(jobs - idle, this.#options.pilots - all);
      if (lacking > 0 && this.#maySubmit(shape)) await this.#submit(shape, lacking);
    }
  }

  /** An hour is no more than a proposal: partitions for short jobs allow less. A stage's own time limit is kept. */
  async #minutesOf({minutes}: Needs): Promise<number> {
    const {squeue, partition, minutes: given} = this.#options;
    if (given !== null || minutes > USUAL_MINUTES) return minutes;
    this.#limit ??= squeue.limitOf(partition).catch(() => undefined);
    return Math.min(minutes, (await this.#limit) ?? minutes);
  }

  #maySubmit(shape: Shape): boolean {
    const {now} = this.#options;
    const recent = (this.#submits.get(shape) ?? []).filter(at => now() - at < SUBMIT_EVERY_MS);
    if (recent.length >= MOST_SUBMITS) return false;
    this.#submits.set(shape, [...recent, now()]);
    return true;
  }

  async leave(isIdle: boolean): Promise<void> {
    if (!isIdle || this.#known.size === 0) return;
    await run('scancel', ['--quiet', '--state=PENDING', `--name=${this.#jobName}`]).catch(() => undefined);
  }

  get name(): string {
    return this.#options.name;
  }

  takeNotices(): readonly string[] {
    return this.#notices.splice(0);
  }

  async #lookAtQueue(): Promise<boolean> {
    try {
      const {askedAt, pilots} = await this.#options.squeue.look();
      this.#known = new Map();
      const stuck: string[] = [];
      for (const {id, jobName, shape, reason} of pilots) {
        if (jobName !== this.#jobName) continue;
        // A controller that was restarted may start a job twice, and then holds it: it never runs.
        if (reason === 'launch failed requeued held') stuck.push(id);
        // One that was taken away comes again in two minutes: too late to count on.
        else if (reason !== 'BeginTime') this.#known.set(shape, (this.#known.get(shape) ?? 0) + 1);
      }
      this.#tellReasons(pilots);
      if (stuck.length > 0) await run('scancel', ['--quiet', ...stuck]).catch(() => undefined);
      this.#lookedAt = askedAt;
      this.#countStillborn();
      return true;
    } catch (error) {
      this.#complain('squeue', error);
      return false;
    }
  }

  /** A pilot that waits for something else than its turn may wait for ever. */
  #tellReasons(pilots: readonly QueuedPilot[]): void {
    for (const {jobName, reason} of pilots) {
      // Slurm writes nodes that a job has, or a sentence, into the same column.
      const [word = ''] = reason.replaceAll(/[(),]/g, ' ').trim().split(' ');
      if (jobName !== this.#jobName || ORDINARY.has(word) || this.#toldReasons.has(word)) continue;
      this.#toldReasons.add(word);
      const hint = /TimeLimit/.test(word)
        ? '; `minutes` of the executor, or a `timeout`, is more than the partition allows'
        : '';
      this.#notices.push(`Slurm lets pilots wait: ${reason}${hint}`);
    }
  }

  /** Pilots that end before they have signed find no store, no `pipe` or no Node on their node: asking for more helps nobody. */
  #countStillborn(): void {
    const {post, now} = this.#options;
    if (this.#isAwaitingSign && this.#known.size === 0) {
      this.#isAwaitingSign = false;
      this.#stillborn++;
    }
    if (this.#stillborn < MOST_STILLBORN) return;
    this.#pausedUntil = now() + STILLBORN_EVERY_MS;
    const said = lastLineIn(join(post, 'slurm'));
    const problem = `pilots end before they take a job${said === '' ? '' : `: ${said}`}; their logs are in ${join(post, 'slurm')}`;
    if (problem !== this.#lastProblem) this.#notices.push(problem);
    this.#lastProblem = problem;
  }

  async #submit(shape: Shape, count: number): Promise<void> {
    const {post, partition, account, flags} = this.#options;
    const asked = needsOf(shape);
    if (asked === undefined) return;
    const needs = {...asked, minutes: await this.#minutesOf(asked)};
    const folder = join(post, 'slurm');
    makeFolder(folder);
    const script = join(folder, `${shape}.sh`);
    writeFileSync(script, pilotScript(this.#options, shape, needs), {mode: 0o700});
    const args = [
      '--parsable',
      `--job-name=${this.#jobName}`,
      `--comment=${shape}`,
      `--array=1-${count}`,
      `--output=${join(folder, 'pilot-%A-%a.log')}`,
      ...demandsOf(needs),
      ...(partition === null ? [] : [`--partition=${partition}`]),
      ...(account === null ? [] : [`--account=${account}`]),
      ...flags,
      script,
    ];
    try {
      await run('sbatch', args);
      this.#known.set(shape, (this.#known.get(shape) ?? 0) + count);
      this.#isAwaitingSign = true;
    } catch (error) {
      this.#complain('sbatch', error);
    }
  }

  #complain(program: string, error: unknown): void {
    this.#pausedUntil = this.#options.now() + FAILED_EVERY_MS;
    const text = textOf(error);
    if (text === this.#lastProblem) return;
    this.#lastProblem = text;
    const isDown = /contact|connect|timed out|not responding/i.test(text);
    const what = isDown ? 'does not answer' : 'refuses';
    this.#notices.push(`${program} ${what}: ${text}; going on with the pilots that there are`);
  }
}

/** Pilots of one post office are found again by their name, whoever started them. */
export const pilotJobName = (post: string): string =>
  `pipe-${createHash('sha256').update(post).digest('hex').slice(0, 8)}`;

/** The last line that says something in the newest log of a pilot. */
function lastLineIn(folder: string): string {
  const logs = readdirSync(folder)
    .filter(name => name.endsWith('.log'))
    .map(name => join(folder, name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  const [newest] = logs;
  const lines = newest === undefined ? [] : readFileSync(newest, 'utf8').split('\n');
  return lines.find(line => /error|cannot|not found|no such/i.test(line)) ?? '';
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stderr = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim() : '';
  return (stderr === '' ? error.message : stderr).split('\n')[0] ?? '';
}
