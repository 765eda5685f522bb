// A temporary folder and a real executor in it: makes tasks, collects what they say.

import {mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {buildSync} from 'esbuild';
import {ProcessExecutor} from '../../src/exec/process-executor.ts';
import type {Task, TaskAnswer, TaskListener} from '../../src/exec/task.ts';
import type {Progress} from '../../src/stage/define.ts';

/** The worker's entry, built from the sources as `dist/worker.js` is. */
export function buildWorker(folder: string): string {
  const outfile = join(folder, 'worker.mjs');
  buildSync({
    entryPoints: [join(import.meta.dirname, '../../src/exec/worker.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
  });
  return outfile;
}

export interface Said {
  log: string;
  readonly progress: Progress[];
}

export class ExecutorRig implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'pipe-exec-'));
  readonly executor: ProcessExecutor;
  #tasks = 0;

  constructor(options: {readonly env?: Record<string, string>; readonly graceMs?: number} = {}) {
    this.executor = new ProcessExecutor({
      worker: buildWorker(this.folder),
      env: {...process.env, ...options.env},
      cwd: this.folder,
      ...(options.graceMs === undefined ? {} : {graceMs: options.graceMs}),
    });
  }

  /** A stage module whose `run` has this body; `context` is in scope, `before` stands at the module's top. */
  module(body: string, before = ''): Task['work'] {
    const entry = join(this.folder, `stage-${this.#tasks++}.mjs`);
    writeFileSync(
      entry,
      `${before}\nexport default {about: '', params: {}, inputs: {}, outputs: {}, async run(context) {\n${body}\n}};`,
    );
    return {kind: 'module', entry};
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.folder, path)), {recursive: true});
    writeFileSync(join(this.folder, path), text);
  }

  /** Makes a package of this project one of the modules' own. */
  linkPackage(name: string): void {
    const link = join(this.folder, 'node_modules', name);
    mkdirSync(dirname(link), {recursive: true});
    symlinkSync(join(import.meta.dirname, '../../node_modules', name), link);
  }

  shell(command: string): Task['work'] {
    return {kind: 'shell', command};
  }

  task(work: Task['work'], more: Partial<Task> = {}): Task {
    const folder = join(this.folder, `task-${this.#tasks++}`);
    mkdirSync(join(folder, 'out'), {recursive: true});
    return {
      label: 'stage',
      work,
      params: {},
      inputs: {},
      outputs: {},
      files: {},
      outputFolder: join(folder, 'out'),
      logFile: join(folder, 'log'),
      metricsFile: join(folder, 'metrics.json'),
      cwd: this.folder,
      env: {},
      cpus: 1,
      gpus: [],
      device: 'auto',
      platform: null,
      study: null,
      mirror: null,
      checkpoint: null,
      timeoutMs: null,
      ...more,
    };
  }

  async run(
    task: Task,
    signal = new AbortController().signal,
  ): Promise<Said & {readonly answer: TaskAnswer}> {
    const said: Said = {log: '', progress: []};
    const listener: TaskListener = {
      onLog: (_stream, text) => {
        said.log += text;
      },
      onAudit: () => {},
      onProgress: progress => said.progress.push(progress),
    };
    const answer = await this.executor.execute(task, listener, signal);
    return {...said, answer};
  }

  read(task: Task, name: string): string {
    return readFileSync(join(task.outputFolder, name), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.executor.close();
    rmSync(this.folder, {recursive: true, force: true});
  }
}
