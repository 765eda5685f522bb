// A shell that stays and starts commands for the runner: a fork of it costs a fraction of what starting a process
// from Node does. One command at a time, each in a process group of its own, with `errexit` and `pipefail`.

import {type ChildProcess, spawn} from 'node:child_process';
import {setTimeout as sleep} from 'node:timers/promises';
import type {Usage} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import {err, ok, type Result} from '../core/result.ts';
import {CommandMeter} from './command-usage.ts';
import {WORKER_VARIABLE} from './environment.ts';
import {failureOfCode} from './exit-code.ts';
import {childrenOf, killGroup, killMarked, signalProcess} from './process-group.ts';
import {shellScript} from './shell-script.ts';
import {Stopper} from './stopper.ts';
import type {Task, TaskAnswer, TaskGain} from './task.ts';

// Answers `code leader left`: how the command ended, its process group, and whether anything of the group was left.
// A shell reads commands from a pipe byte by byte, a system call each; so each command is announced with its length and
// read at once. A shell before 4.4 does not know how, and reads the same text as it always did.
const PROLOGUE =
  'set -m; __pipe_wait() { local code=0 left=0 leader=$!; wait "$leader" || code=$?; ' +
  'if kill -KILL -- "-$leader" 2>/dev/null; then left=1; fi; echo "$code $leader $left"; }; ' +
  '__pipe_next() { :; }; if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)); then ' +
  '__pipe_next() { local text; LC_ALL=C IFS= read -r -N "$1" text && eval "$text"; }; fi\n';

export interface ShellOptions {
  /** Absolute path of bash. */
  readonly shell: string;
  readonly env: Readonly<Record<string, string>>;
  readonly mark: string;
  readonly graceMs: number;
}

interface Ending {
  readonly code: number;
  readonly leader: number;
  readonly isLeft: boolean;
}

/** The shell itself ended, and the signal that did it. */
interface ShellGone {
  readonly goneBy: NodeJS.Signals | null;
}

export class ShellServer {
  readonly #options: ShellOptions;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #onEnding: (ending: Ending | ShellGone) => void = () => {};
  #text = '';
  #isUsable = true;

  constructor(options: ShellOptions) {
    this.#options = options;
    this.#child = spawn(options.shell, ['--noprofile', '--norc'], {
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {...options.env, [WORKER_VARIABLE]: options.mark},
    });
    this.#exited = new Promise(resolve => {
      const gone = (goneBy: NodeJS.Signals | null): void => {
        this.#isUsable = false;
        this.#onEnding({goneBy});
        resolve();
      };
      this.#child.once('exit', (_code, signal) => gone(signal));
      this.#child.once('error', () => gone(null));
    });
    this.#child.stdin?.on('error', () => {});
    this.#child.stdout?.setEncoding('latin1').on('data', (text: string) => this.#read(text));
    this.#child.stdin?.write(PROLOGUE);
    this.rest();
  }

  get isUsable(): boolean {
    return this.#isUsable;
  }

  rest(): void {
    this.#hold('unref');
  }

  /** `before`: what stands in front of the command's shell, such as a tracer. */
  async run(task: Task, signal: AbortSignal, before: readonly string[] = []): Promise<TaskAnswer> {
    this.#hold('ref');
    const ended = new Promise<Ending | ShellGone>(resolve => {
      this.#onEnding = resolve;
    });
    const meter = new CommandMeter(this.#child.pid ?? 0);
    const script = shellScript(task, this.#options.shell, before);
    this.#child.stdin?.write(`__pipe_next ${Buffer.byteLength(script)}\n${script}`);
    let isOver = false;
    const stopper = new Stopper(task.timeoutMs, signal, () => void this.#stopCommand(() => isOver));
    const ending = await ended;
    isOver = true;
    const usage = meter.end();
    const stopped = stopper.finish();
    if ('goneBy' in ending || stopped !== undefined) await this.#clear();
    else if (ending.isLeft) await killGroup(ending.leader);
    return stopped ?? answerOf(ending, usage);
  }

  async close(): Promise<void> {
    this.#isUsable = false;
    this.#hold('ref');
    this.#child.stdin?.end();
    if (this.#child.pid !== undefined) signalProcess(-this.#child.pid, 'SIGKILL');
    await this.#exited;
  }

  /** TERM to the command's group, after the grace period KILL; again and again until the shell reports the end. */
  async #stopCommand(isOver: () => boolean): Promise<void> {
    const pid = this.#child.pid;
    if (pid === undefined) return;
    const told = new Set<number>();
    for (let waited = 0; !isOver(); waited += 10) {
      // The command may not have been forked yet.
      for (const leader of childrenOf(pid)) {
        if (waited >= this.#options.graceMs) signalProcess(-leader, 'SIGKILL');
        else if (!told.has(leader) && signalProcess(-leader, 'SIGTERM')) told.add(leader);
      }
      await sleep(10);
    }
  }

  /** Kills what left its group or outlived its shell. */
  async #clear(): Promise<void> {
    const {pid} = this.#child;
    await killMarked(this.#options.mark, pid === undefined ? [] : [pid]);
  }

  #read(text: string): void {
    this.#text += text;
    const end = this.#text.indexOf('\n');
    if (end === -1) return;
    const [code = '', leader = '', left = ''] = this.#text.slice(0, end).split(' ');
    this.#text = this.#text.slice(end + 1);
    this.#onEnding({code: Number(code), leader: Number(leader), isLeft: left === '1'});
  }

  #hold(how: 'ref' | 'unref'): void {
    this.#child[how]();
    for (const stream of [this.#child.stdin, this.#child.stdout]) {
      if (stream !== null && how in stream) (stream as unknown as {ref(): void; unref(): void})[how]();
    }
  }
}

function answerOf(ending: Ending | ShellGone, usage: Usage): Result<TaskGain, StageFailure> {
  if ('goneBy' in ending) return err({reason: 'exited', code: null, signal: ending.goneBy});
  if (ending.code === 0) return ok({metrics: {}, device: '', usage});
  return err(failureOfCode(ending.code));
}
