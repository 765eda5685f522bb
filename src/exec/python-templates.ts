// Template processes by what they are made for: made at the first task, kept warm for the next, and the longest idle one
// ended when there are too many, since each may hold a large library in memory.

import {canonicalJson, type Json} from '../core/json.ts';
import type {PythonLaunch} from './python-launch.ts';
import {PythonTemplate} from './python-template.ts';
import type {Task, TaskAnswer, TaskListener} from './task.ts';

/** Idle templates that are kept. */
const MOST_IDLE = 4;

export interface TemplatesOptions {
  /** The environment of a process that was granted so many CPU slots. */
  readonly environment: (cpus: number) => Readonly<Record<string, string>>;
  readonly mark: () => string;
  readonly graceMs: number;
  /** What stands in front of the program, such as a tracer. */
  readonly before: readonly string[];
}

/** Variables of the process itself, the same for everybody: hashes of texts do not change from run to run. */
const FIXED = {PYTHONHASHSEED: '0', PYTHONIOENCODING: 'utf-8', PYTHONUTF8: '1'} as const;
/** Private to each task: no reason for another template. */
const PRIVATE = new Set(['HOME', 'TMPDIR']);

export class PythonTemplates {
  readonly #options: TemplatesOptions;
  /** The most recently used last. */
  readonly #templates = new Map<string, PythonTemplate>();
  readonly #all = new Set<PythonTemplate>();
  /** Launches whose processes cannot fork. */
  readonly #lonely = new Set<string>();

  constructor(options: TemplatesOptions) {
    this.#options = options;
  }

  async run(
    launch: PythonLaunch,
    task: Task,
    listener: TaskListener,
    signal: AbortSignal,
  ): Promise<TaskAnswer> {
    for (;;) {
      const template = this.#take(launch, task);
      try {
        const answer = await template.run(task, listener, signal);
        if (answer !== undefined) return answer;
      } finally {
        await this.#tidy();
      }
    }
  }

  async close(): Promise<void> {
    const all = [...this.#all];
    this.#all.clear();
    this.#templates.clear();
    await Promise.all(all.map(template => template.close()));
  }

  #take(launch: PythonLaunch, task: Task): PythonTemplate {
    const declared = Object.fromEntries(Object.entries(task.env).filter(([name]) => !PRIVATE.has(name)));
    const {cpus} = task;
    const key = canonicalJson([launch as unknown as Json, cpus, declared]);
    const known = this.#templates.get(key);
    this.#templates.delete(key);
    if (known !== undefined && !known.forks) this.#lonely.add(key);
    // Where none forks, none is shared: tasks need not wait for one another to learn it.
    const template = known?.isUsable && !this.#lonely.has(key) ? known : this.#make(launch, cpus, declared);
    this.#templates.set(key, template);
    return template;
  }

  #make(launch: PythonLaunch, cpus: number, declared: Readonly<Record<string, string>>): PythonTemplate {
    const {environment, mark, graceMs, before} = this.#options;
    const base = launch.userBase === null ? {} : {PYTHONUSERBASE: launch.userBase};
    const env = {...environment(cpus), ...FIXED, ...base, ...declared};
    const template = new PythonTemplate({launch, env, mark: mark(), graceMs, before});
    this.#all.add(template);
    return template;
  }

  /** Ends templates that cannot be used again, and the longest idle ones beyond those that are kept. */
  async #tidy(): Promise<void> {
    const idle = [...this.#templates].filter(([, template]) => template.isIdle);
    const surplus = idle.slice(0, Math.max(0, idle.length - MOST_IDLE)).map(([, template]) => template);
    const ended = [...this.#all].filter(template => !template.isUsable && template.isIdle);
    const leaving = new Set([...surplus, ...ended]);
    for (const [key, template] of this.#templates) if (leaving.has(template)) this.#templates.delete(key);
    for (const template of leaving) this.#all.delete(template);
    await Promise.all([...leaving].map(template => template.close()));
  }
}
