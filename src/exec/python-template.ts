// The runner's side of one template process: a Python that has imported a stage and forks a child for each task. Several
// tasks run under it at once. What a child does to itself costs that child; where forking is unsafe it takes one task.

import {type ChildProcess, spawn} from 'node:child_process';
import {appendFileSync, existsSync, readFileSync} from 'node:fs';
import {constants} from 'node:os';
import {setTimeout as sleep} from 'node:timers/promises';
import type {StageFailure} from '../action/outcome.ts';
import {parseJson} from '../core/json.ts';
import {err} from '../core/result.ts';
import {WORKER_VARIABLE} from './environment.ts';
import {killGroup, killMarked, signalProcess} from './process-group.ts';
import type {PythonLaunch} from './python-launch.ts';
import {readAnswer, readMessage, type TemplateMessage, taskLine} from './python-task.ts';
import {Stopper} from './stopper.ts';
import type {Task, TaskAnswer, TaskListener} from './task.ts';

export interface TemplateOptions {
  readonly launch: PythonLaunch;
  readonly env: Readonly<Record<string, string>>;
  /** Unique among the processes of this machine. */
  readonly mark: string;
  /** Between TERM and KILL, in milliseconds. */
  readonly graceMs: number;
  /** What stands in front of the program, such as a tracer. */
  readonly before: readonly string[];
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

interface Running {
  readonly listener: TaskListener;
  readonly onStarted: (pid: number) => void;
  readonly onEnded: (ended: Ended) => void;
}

type Readiness = {readonly is: 'ready'} | {readonly is: 'broken'; readonly failure: StageFailure};

/** Kills a child when the runner dies, even by KILL; part of util-linux. */
const SETPRIV = '/usr/bin/setpriv';
/** How much of what an import prints is kept for its log. */
const MOST_SAID = 64_000;

export class PythonTemplate {
  readonly #options: TemplateOptions;
  readonly #child: ChildProcess;
  readonly #exited: Promise<Ended>;
  readonly #ready: Promise<Readiness>;
  readonly #running = new Map<number, Running>();
  #settle: (readiness: Readiness) => void = () => {};
  #said = '';
  #text = '';
  #made = 0;
  #isUsable = true;
  #forks = true;
  /** True when the one task of a process that cannot fork is taken. */
  #isSpent = false;

  constructor(options: TemplateOptions) {
    this.#options = options;
    const {executable, program, setup} = options.launch;
    const python = [...options.before, executable, program];
    const [first = '', ...args] = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', ...python] : python;
    this.#child = spawn(first, args, {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      cwd: options.launch.folder,
      env: {...options.env, [WORKER_VARIABLE]: options.mark},
    });
    this.#ready = new Promise(resolve => {
      this.#settle = resolve;
    });
    this.#exited = new Promise(resolve => {
      const gone = (ended: Ended): void => {
        this.#isUsable = false;
        resolve(ended);
        this.#settle({is: 'broken', failure: {reason: 'exited', ...ended}});
        for (const {onEnded} of this.#running.values()) onEnded(ended);
      };
      this.#child.once('close', (code, signal) => gone({code, signal}));
      this.#child.once('error', () => gone({code: null, signal: null}));
    });
    this.#child.stdin?.on('error', () => {});
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-MOST_SAID);
    });
    this.#child.stdin?.write(`${JSON.stringify(setup)}\n`);
    this.#rest();
  }

  /** False when it has ended, or has its one task where it cannot fork. */
  get isUsable(): boolean {
    return this.#isUsable;
  }

  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  /** False as soon as it is known that every task needs a process of its own. */
  get forks(): boolean {
    return this.#forks;
  }

  /** `undefined` where the process takes one task and has it already. */
  async run(task: Task, listener: TaskListener, signal: AbortSignal): Promise<TaskAnswer | undefined> {
    const number = this.#made++;
    let pid: number | undefined;
    let onEnded = (_: Ended): void => {};
    const ended = new Promise<Ended>(resolve => (onEnded = resolve));
    this.#running.set(number, {listener, onStarted: started => (pid = started), onEnded});
    this.#hold('ref');
    const stopper = new Stopper(task.timeoutMs, signal, () => void this.#stop(() => pid, ended));
    try {
      const readiness = await this.#readyOrStopped(signal);
      if (readiness === undefined) return stopper.finish() ?? err({reason: 'cancelled'});
      if (this.#said !== '') appendFileSync(task.logFile, this.#said);
      if (readiness.is === 'broken') return stopper.finish() ?? err(readiness.failure);
      if (!this.#forks) {
        this.#isUsable = false;
        if (this.#isSpent) return undefined;
        this.#isSpent = true;
      }
      this.#child.stdin?.write(taskLine(number, task, this.#options.launch.folder));
      const {code, signal: by} = await ended;
      const stopped = stopper.finish();
      if (pid !== undefined) await killGroup(pid);
      if (stopped !== undefined) {
        if (pid !== undefined) await killMarked(this.#markOf(number));
        return stopped;
      }
      if (code !== 0) return err({reason: 'exited', code, signal: by});
      return readAnswer(readJson(task.metricsFile)) ?? err({reason: 'exited', code, signal: by});
    } finally {
      stopper.finish();
      this.#running.delete(number);
      if (this.isIdle) this.#rest();
    }
  }

  /** Ends the process and everything under it. */
  async close(): Promise<void> {
    this.#isUsable = false;
    this.#hold('ref');
    const {pid} = this.#child;
    if (pid === undefined) return;
    this.#child.stdin?.end();
    await killGroup(pid);
    await killMarked(this.#options.mark);
    await this.#exited;
  }

  #markOf(number: number): string {
    return `${this.#options.mark}.${number}`;
  }

  /** `undefined` when the task is to be stopped before its process was there: importing may take long. */
  async #readyOrStopped(signal: AbortSignal): Promise<Readiness | undefined> {
    if (signal.aborted) return undefined;
    let onAbort = (): void => {};
    const stopped = new Promise<undefined>(resolve => (onAbort = () => resolve(undefined)));
    signal.addEventListener('abort', onAbort, {once: true});
    try {
      return await Promise.race([this.#ready, stopped]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** TERM to the task's group, after the grace period KILL. */
  async #stop(pidOf: () => number | undefined, ended: Promise<Ended>): Promise<void> {
    let isOver = false;
    void ended.then(() => (isOver = true));
    let isTold = false;
    for (let waited = 0; !isOver; waited += 10) {
      const pid = pidOf();
      if (pid !== undefined) {
        if (waited >= this.#options.graceMs) signalProcess(-pid, 'SIGKILL');
        else if (!isTold) isTold = signalProcess(-pid, 'SIGTERM');
      } else if (waited >= this.#options.graceMs) {
        // Still importing: nothing else can be running under it.
        if (this.#running.size <= 1) void this.close();
        return;
      }
      await sleep(10);
    }
  }

  #read(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf('\n'); end !== -1; end = this.#text.indexOf('\n')) {
      const message = readMessage(parseJson(this.#text.slice(0, end)));
      this.#text = this.#text.slice(end + 1);
      if (message !== undefined) this.#take(message);
    }
  }

  #take(message: TemplateMessage): void {
    switch (message.type) {
      case 'ready':
        this.#forks = message.forks;
        this.#settle({is: 'ready'});
        return;
      case 'broken':
        this.#isUsable = false;
        this.#settle({is: 'broken', failure: message.failure});
        return;
      case 'started':
        this.#running.get(message.id)?.onStarted(message.pid);
        return;
      case 'progress':
        this.#running.get(message.id)?.listener.onProgress(message.progress);
        return;
      case 'ended':
        this.#running.get(message.id)?.onEnded({code: message.code, signal: nameOf(message.signal)});
        return;
    }
  }

  #rest(): void {
    this.#hold('unref');
  }

  #hold(how: 'ref' | 'unref'): void {
    this.#child[how]();
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) {
      if (stream !== null && how in stream) (stream as unknown as {ref(): void; unref(): void})[how]();
    }
  }
}

function nameOf(signal: number | null): string | null {
  if (signal === null) return null;
  const found = Object.entries(constants.signals).find(([, number]) => number === signal);
  return found?.[0] ?? `signal ${signal}`;
}

function readJson(path: string): ReturnType<typeof parseJson> {
  try {
    return parseJson(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
