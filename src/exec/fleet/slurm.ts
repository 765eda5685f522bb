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
import type {Shape} from './post.ts';

export interface SlurmOptions {
  /** The executor's name, by which pilots sign. */
  readonly name: string;
  /** The folder of the post office, which all nodes see. */
  readonly post: string;
  /** Programs and arguments that start `pipe` on a node. */
  readonly command: readonly string[];
  /** The address of the store that nodes share. */
  readonly store: string;
  /** Where a node may keep its own copies: a folder of the node. */
  readonly scratch: string;
  readonly partition: string | null;
  readonly account: string | null;
  /** A pilot's time limit, in minutes; a job that may take longer gets a pilot of its own. */
  readonly minutes: number;
  /** Pilots at once. */
  readonly pilots: number;
  /** How long a pilot waits for another job before it leaves. Seconds. */
  readonly idle: number;
  /** Further arguments of sbatch. */
  readonly flags: readonly string[];
  /** Variables that pilots get, such as PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** True when a pilot of this post office lives. */
  readonly hasSigns: () => boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const run = promisify(execFile);
const SQUEUE_EVERY_MS = 10_000;
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

/** What a shape says, which is its name as well. */
interface Needs {
  readonly cpus: number;
  /** MiB, 0 where nothing is said. */
  readonly memory: number;
  readonly gpus: number;
  readonly minutes: number;
}

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
  /** When pilots of a shape were asked for, as far as that still counts. */
  readonly #submits = new Map<Shape, readonly number[]>();

  constructor(options: SlurmOptions) {
    this.#options = options;
    this.#jobName = pilotJobName(options.post);
  }

  shapeOf({limits}: Assignment): Shape {
    const ownMinutes = limits.timeoutMs === null ? 0 : Math.ceil(limits.timeoutMs / 60_000) + 2;
    const minutes = Math.max(this.#options.minutes, ownMinutes);
    const memory = Math.ceil(limits.memory / 2 ** 20);
    return `c${limits.cpus}-m${memory}-g${limits.gpus}-t${minutes}`;
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
      // %k is the comment, which holds the shape; %r why it waits; one line a task of an array.
      const {stdout} = await run('squeue', [
        '--noheader',
        '--array',
        `--name=${this.#jobName}`,
        '--states=PENDING,RUNNING,CONFIGURING,SUSPENDED,REQUEUED',
        '--format=%i %k %r',
      ]);
      this.#known = new Map();
      const stuck: string[] = [];
      for (const line of stdout.split('\n')) {
        const [id = '', shape = '', ...reason] = line.trim().split(' ');
        // A controller that was restarted may start a job twice, and then holds it: it never runs.
        if (reason.join(' ') === 'launch failed requeued held') stuck.push(id);
        // One that was taken away comes again in two minutes: too late to count on.
        else if (shape !== '' && reason[0] !== 'BeginTime')
          this.#known.set(shape, (this.#known.get(shape) ?? 0) + 1);
      }
      if (stuck.length > 0) await run('scancel', ['--quiet', ...stuck]).catch(() => undefined);
      this.#lookedAt = this.#options.now();
      this.#countStillborn();
      return true;
    } catch (error) {
      this.#complain('squeue', error);
      return false;
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
    const needs = needsOf(shape);
    if (needs === undefined) return;
    const folder = join(post, 'slurm');
    makeFolder(folder);
    const script = join(folder, `${shape}.sh`);
    writeFileSync(script, this.#script(shape, needs), {mode: 0o700});
    const args = [
      '--parsable',
      `--job-name=${this.#jobName}`,
      `--comment=${shape}`,
      `--array=1-${count}`,
      `--cpus-per-task=${needs.cpus}`,
      ...(needs.memory > 0 ? [`--mem=${needs.memory}M`] : []),
      ...(needs.gpus > 0 ? [`--gres=gpu:${needs.gpus}`] : []),
      `--time=${needs.minutes}`,
      ...(partition === null ? [] : [`--partition=${partition}`]),
      ...(account === null ? [] : [`--account=${account}`]),
      '--export=NONE',
      '--requeue',
      '--open-mode=append',
      '--signal=B:TERM@60',
      `--output=${join(folder, 'pilot-%A-%a.log')}`,
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

  /** Waits for its child in the background, since a shell handles no signal while it waits in the foreground. */
  #script(shape: Shape, {minutes}: Needs): string {
    const {name, post, command, store, scratch, idle, env} = this.#options;
    const words = [
      ...command,
      'pilot',
      post,
      '--shape',
      shape,
      '--executor',
      name,
      '--idle',
      String(idle),
    ].map(quote);
    const variables = Object.entries({...env, PIPE_STORE: store}).map(
      ([name, value]) => `export ${name}=${quote(value)}`,
    );
    return `#!/bin/bash
# Written by pipe: a pilot, which runs stages until none is left.
${variables.join('\n')}
scratch=${quote(scratch)}/pipe-$SLURM_JOB_ID
mkdir -p "$scratch" && cd "$scratch" || exit 1
ends=$(( $(date +%s) + ${minutes * 60} ))
${words.join(' ')} --store "$scratch/store" --name "$SLURM_JOB_ID-$SLURM_RESTART_COUNT" --ends "$ends" --jobs "\${SLURM_CPUS_PER_TASK:-1}" &
child=$!
trap 'kill -TERM $child; wait $child' TERM
wait $child
code=$?
cd / && rm -rf "$scratch"
exit $code
`;
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

function needsOf(shape: Shape): Needs | undefined {
  const parts = /^c(\d+)-m(\d+)-g(\d+)-t(\d+)$/.exec(shape);
  if (parts === null) return undefined;
  const [cpus = 1, memory = 0, gpus = 0, minutes = 60] = parts.slice(1).map(Number);
  return {cpus, memory, gpus, minutes};
}

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

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stderr = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim() : '';
  return (stderr === '' ? error.message : stderr).split('\n')[0] ?? '';
}
