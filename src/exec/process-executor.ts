// Runs tasks in processes of this machine: modules in warm workers, commands under shells that stay. Both are
// made on demand, kept by the number of CPU slots that their thread pools were made for, and used one task at a time.

import {existsSync} from 'node:fs';
import {assertNever, err, ok} from '../core/result.ts';
import type {Auditor} from './audit/auditor.ts';
import {baseEnvironment, OWNER_VARIABLE, threadEnvironment} from './environment.ts';
import {LogTail} from './log-tail.ts';
import {killAll, orphans, ownerMark} from './process-group.ts';
import {PythonTemplates} from './python-templates.ts';
import {readShellMetrics} from './shell-metrics.ts';
import {ShellServer} from './shell-server.ts';
import type {Task, TaskAnswer, TaskListener} from './task.ts';
import {WorkerProcess} from './worker-process.ts';

export interface ProcessExecutorOptions {
  /** Absolute path of the worker's entry; `workerEntry()` by default. */
  readonly worker?: string;
  /** The environment of the runner; a few names of it are handed on. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where workers start: the project. */
  readonly cwd: string;
  /** Between TERM and KILL, in milliseconds; 5000 by default. */
  readonly graceMs?: number;
  /** Look at what tasks read, run and reach; see `audit/auditor.ts`. */
  readonly auditor?: Auditor;
}

/** What both kinds of process have in common. */
interface Warm {
  readonly isUsable: boolean;
  rest(): void;
  close(): Promise<void>;
}

/** The processes of one kind, by CPU slots. */
class Pool<P extends Warm> {
  readonly #idle = new Map<number, P[]>();
  readonly #make: (cpus: number) => P;
  readonly #all = new Set<P>();

  constructor(make: (cpus: number) => P) {
    this.#make = make;
  }

  take(cpus: number): P {
    const idle = this.#idle.get(cpus);
    for (let found = idle?.pop(); found !== undefined; found = idle?.pop()) {
      if (found.isUsable) return found;
      this.#all.delete(found);
    }
    const made = this.#make(cpus);
    this.#all.add(made);
    return made;
  }

  give(cpus: number, process: P): void {
    process.rest();
    if (!process.isUsable) {
      this.#all.delete(process);
      return;
    }
    const idle = this.#idle.get(cpus);
    if (idle === undefined) this.#idle.set(cpus, [process]);
    else idle.push(process);
  }

  async close(): Promise<void> {
    const all = [...this.#all];
    this.#all.clear();
    this.#idle.clear();
    await Promise.all(all.map(process => process.close()));
  }
}

export class ProcessExecutor {
  readonly #logs = new LogTail();
  readonly #workers: Pool<WorkerProcess>;
  readonly #shells: Pool<ShellServer>;
  readonly #templates: PythonTemplates;
  readonly #makeWorker: (cpus: number, before: readonly string[]) => WorkerProcess;
  readonly #makeTemplates: (before: readonly string[]) => PythonTemplates;
  readonly #auditor: Auditor | undefined;
  #made = 0;

  constructor(options: ProcessExecutorOptions) {
    const owner = ownerMark();
    const env = {...baseEnvironment(options.env), [OWNER_VARIABLE]: owner};
    const graceMs = options.graceMs ?? 5000;
    const mark = (): string => `${owner}.${this.#made++}`;
    const entry = options.worker ?? workerEntry();
    const shell = findShell();
    this.#makeWorker = (cpus, before) =>
      new WorkerProcess({
        entry,
        env: {...env, ...threadEnvironment(cpus)},
        cwd: options.cwd,
        mark: mark(),
        graceMs,
        before,
      });
    this.#workers = new Pool(cpus => this.#makeWorker(cpus, []));
    this.#makeTemplates = before =>
      new PythonTemplates({
        environment: cpus => ({...env, ...threadEnvironment(cpus)}),
        mark,
        graceMs,
        before,
      });
    this.#templates = this.#makeTemplates([]);
    this.#auditor = options.auditor;
    this.#shells = new Pool(
      cpus => new ShellServer({shell, env: {...env, ...threadEnvironment(cpus)}, mark: mark(), graceMs}),
    );
  }

  /**
   * Settles only when nothing of the task runs any more: after success, failure, time-out or abort, which gives
   * `cancelled`. Never rejects for what a stage does.
   */
  async execute(task: Task, listener: TaskListener, signal: AbortSignal): Promise<TaskAnswer> {
    if (signal.aborted) return err({reason: 'cancelled'});
    const log = this.#logs.follow(task.logFile, text => listener.onLog('stdout', text));
    try {
      if (this.#auditor !== undefined) return await this.#audit(this.#auditor, task, listener, signal);
      switch (task.work.kind) {
        case 'module':
          return await this.#runModule(task, listener, signal);
        case 'python':
          return await this.#templates.run(task.work.launch, task, listener, signal);
        case 'shell':
          return await this.#runShell(task, signal, []);
        default:
          return assertNever(task.work);
      }
    } finally {
      this.#logs.finish(log);
    }
  }

  /** Ends what runners that have died left running. */
  async sweep(): Promise<void> {
    await killAll(orphans);
  }

  /** Ends idle workers. */
  async close(): Promise<void> {
    await Promise.all([this.#workers.close(), this.#shells.close(), this.#templates.close()]);
  }

  /** Each task in processes of its own, which have ended when it is told what they did. */
  async #audit(
    auditor: Auditor,
    task: Task,
    listener: TaskListener,
    signal: AbortSignal,
  ): Promise<TaskAnswer> {
    const before = auditor.before(task);
    try {
      return await this.#runTraced(task, before, listener, signal);
    } finally {
      listener.onAudit(auditor.look(task));
    }
  }

  async #runTraced(
    task: Task,
    before: readonly string[],
    listener: TaskListener,
    signal: AbortSignal,
  ): Promise<TaskAnswer> {
    switch (task.work.kind) {
      case 'module': {
        const worker = this.#makeWorker(task.cpus, before);
        try {
          return await worker.run(task, listener, signal);
        } finally {
          await worker.close();
        }
      }
      case 'python': {
        const templates = this.#makeTemplates(before);
        try {
          return await templates.run(task.work.launch, task, listener, signal);
        } finally {
          await templates.close();
        }
      }
      case 'shell':
        return this.#runShell(task, signal, before);
      default:
        return assertNever(task.work);
    }
  }

  async #runModule(task: Task, listener: TaskListener, signal: AbortSignal): Promise<TaskAnswer> {
    const worker = this.#workers.take(task.cpus);
    try {
      return await worker.run(task, listener, signal);
    } finally {
      this.#workers.give(task.cpus, worker);
    }
  }

  async #runShell(task: Task, signal: AbortSignal, before: readonly string[]): Promise<TaskAnswer> {
    const shell = this.#shells.take(task.cpus);
    let answer: TaskAnswer;
    try {
      answer = await shell.run(task, signal, before);
    } finally {
      this.#shells.give(task.cpus, shell);
    }
    if (!answer.ok) return answer;
    const metrics = readShellMetrics(task.metricsFile);
    return metrics.ok ? ok({...answer.value, metrics: metrics.value}) : metrics;
  }
}

/** The worker's entry beside this module: TypeScript from the sources, JavaScript from `dist`. */
function workerEntry(): string {
  const {dirname, filename} = import.meta;
  return `${dirname}/${filename.endsWith('.ts') ? 'worker.ts' : 'worker.js'}`;
}

function findShell(): string {
  const places = ['/bin/bash', '/usr/bin/bash', '/usr/local/bin/bash', '/opt/homebrew/bin/bash'];
  return places.find(existsSync) ?? 'bash';
}
