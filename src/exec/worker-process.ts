// The runner's side of one worker process: gives it one task at a time and answers when nothing of the task runs
// any more. What the process does to itself (crash, exit, out of memory) costs that one task.

import {type ChildProcess, spawn} from 'node:child_process';
import {appendFileSync, existsSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {err, type Result} from '../core/result.ts';
import {WORKER_VARIABLE} from './environment.ts';
import {killGroup, killMarked, signalProcess} from './process-group.ts';
import {isWorkerMessage, type TaskMessage} from './protocol.ts';
import {Stopper} from './stopper.ts';
import type {Task, TaskAnswer, TaskGain, TaskListener} from './task.ts';

export interface WorkerOptions {
  /** Absolute path of the worker's entry. */
  readonly entry: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Unique among the workers of this machine. */
  readonly mark: string;
  /** Between TERM and KILL, in milliseconds. */
  readonly graceMs: number;
  /** What stands in front of the program, such as a tracer. */
  readonly before: readonly string[];
}

/** Kills a child when the runner dies, even by KILL; part of util-linux. */
const SETPRIV = '/usr/bin/setpriv';

export class WorkerProcess {
  readonly #options: WorkerOptions;
  readonly #child: ChildProcess;
  readonly #exited: Promise<{readonly code: number | null; readonly signal: NodeJS.Signals | null}>;
  #onMessage: (message: unknown) => void = () => {};
  #logFile: string | undefined;
  #isUsable = true;

  constructor(options: WorkerOptions) {
    this.#options = options;
    // The sources run under tsx: found from here, since the worker starts in a project that may not have it.
    const loader = options.entry.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [];
    const node = [...options.before, process.execPath, ...loader, options.entry];
    const [program = '', ...args] = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', ...node] : node;
    // A group of its own: what the stage starts is ended with it, and a Ctrl-C in the terminal does not reach it.
    this.#child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'json',
      cwd: options.cwd,
      env: {...options.env, [WORKER_VARIABLE]: options.mark},
    });
    this.#exited = new Promise(resolve => {
      this.#child.once('exit', (code, signal) => {
        this.#isUsable = false;
        resolve({code, signal});
      });
      this.#child.once('error', () => {
        this.#isUsable = false;
        resolve({code: null, signal: null});
      });
    });
    this.#child.on('message', message => this.#onMessage(message));
    // Only what native code and grandchildren print comes here; the stage itself writes to the log file.
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        if (this.#logFile !== undefined) appendFileSync(this.#logFile, bytes);
      });
    }
    this.rest();
  }

  /** False when it has ended or its last task left something behind. */
  get isUsable(): boolean {
    return this.#isUsable;
  }

  /** Lets the runner end while this worker has nothing to do. */
  rest(): void {
    this.#hold('unref');
  }

  async run(task: Task, listener: TaskListener, signal: AbortSignal): Promise<TaskAnswer> {
    this.#hold('ref');
    this.#logFile = task.logFile;
    let isClean = false;
    const done = new Promise<Result<TaskGain, Exclude<TaskAnswer, {ok: true}>['error']>>(resolve => {
      this.#onMessage = message => {
        if (!isWorkerMessage(message)) return;
        if (message.type === 'progress') return listener.onProgress(message.progress);
        isClean = message.isReusable;
        resolve(message.result);
      };
      void this.#exited.then(({code, signal: by}) => resolve(err({reason: 'exited', code, signal: by})));
    });
    const message: TaskMessage = {type: 'task', task};
    this.#child.send(message, () => {});
    const stopper = new Stopper(task.timeoutMs, signal, () => void this.#end());
    const result = await done;
    const stopped = stopper.finish();
    if (!isClean || stopped !== undefined) {
      this.#isUsable = false;
      await this.#end();
    }
    // What native code printed is in the pipe by now and is read within one turn.
    await new Promise(resolve => setImmediate(resolve));
    this.#logFile = undefined;
    this.#onMessage = () => {};
    return stopped ?? result;
  }

  /** Ends the process in order; resolves when it and everything that it started are gone. */
  async close(): Promise<void> {
    await this.#end();
  }

  #ending: Promise<void> | undefined;
  #end(): Promise<void> {
    this.#isUsable = false;
    this.#hold('ref');
    return (this.#ending ??= this.#endNow());
  }

  async #endNow(): Promise<void> {
    const pid = this.#child.pid;
    if (pid === undefined) return;
    signalProcess(-pid, 'SIGTERM');
    const patience = new AbortController();
    await Promise.race([
      this.#exited,
      sleep(this.#options.graceMs, undefined, {signal: patience.signal}).catch(() => {}),
    ]);
    patience.abort();
    await killGroup(pid);
    await killMarked(this.#options.mark);
    await this.#exited;
  }

  #hold(how: 'ref' | 'unref'): void {
    this.#child[how]();
    this.#child.channel?.[how]();
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null && how in stream) (stream as unknown as {ref(): void; unref(): void})[how]();
    }
  }
}
