// One try of one instance: its sandbox, its execution, and what becomes of its outputs. First `execute`, which ends
// when nothing of the stage runs any more and its slots are free again; then `conclude`, which admits and records.

import {closeSync, fstatSync, openSync, readSync, statSync} from 'node:fs';
import {join} from 'node:path';
import type {ActionResult, Artifact} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {Execution, Executor, Task, TaskListener} from '../exec/executor.ts';
import type {Instance} from '../plan/plan.ts';
import type {Recorded} from '../store/store.ts';
import type {StoreError} from '../store/store-error.ts';
import type {ActionBuilder} from './action-builder.ts';
import {materialiseInputs} from './materialise.ts';
import {type Due, storeFailure} from './rebuilder.ts';
import type {RunRequest, Surroundings} from './request.ts';
import type {Grant} from './resources.ts';
import type {Sandbox, Sandboxes} from './sandbox.ts';
import type {Stores} from './stores.ts';

export interface AttemptServices {
  readonly stores: Stores;
  readonly executor: Executor;
  readonly surroundings: Surroundings;
  readonly actions: ActionBuilder;
  readonly request: RunRequest;
  readonly sandboxes: Sandboxes;
}

export type Executed = Result<Execution, StageFailure | {readonly reason: 'cancelled'}>;

export interface Concluded {
  readonly result: ActionResult;
  readonly recorded: Recorded;
}

const TAIL_LINES = 20;
const TAIL_BYTES = 16 * 1024;

export class Attempt {
  readonly #services: AttemptServices;
  readonly #instance: Instance;
  readonly #due: Due;
  readonly #grant: Grant;
  #sandbox: Sandbox | undefined;
  #startedAt = 0;
  #endedAt = 0;

  constructor(services: AttemptServices, instance: Instance, due: Due, grant: Grant) {
    this.#services = services;
    this.#instance = instance;
    this.#due = due;
    this.#grant = grant;
  }

  async execute(listener: TaskListener, signal: AbortSignal): Promise<Executed> {
    const {surroundings, executor, stores, sandboxes} = this.#services;
    this.#startedAt = surroundings.now();
    try {
      this.#sandbox = sandboxes.open(this.#instance);
    } catch (error) {
      return err({reason: 'store', message: `cannot make a sandbox: ${String(error)}`});
    }
    const inputs = await materialiseInputs(
      stores.blobs,
      this.#instance,
      this.#due.action,
      this.#sandbox.inputFolder,
    );
    if (!inputs.ok) return err(storeFailure(inputs.error));
    const checkpoint = this.#instance.checkpoint ? stores.checkpoints.open(this.#due.fingerprint) : undefined;
    if (checkpoint !== undefined && !checkpoint.ok) return err(storeFailure(checkpoint.error));
    const entry = await this.#entry();
    if (!entry.ok) return entry;
    const task = this.#task(this.#sandbox, entry.value, inputs.value, checkpoint?.value ?? null);
    const executed = await executor.execute(task, listener, signal);
    this.#endedAt = surroundings.now();
    return executed;
  }

  /** Admits the outputs of an execution that succeeded, then records the result: blobs before record. */
  async conclude(execution: Execution): Promise<Result<Concluded, StageFailure>> {
    const {stores, surroundings, actions, request} = this.#services;
    const sandbox = this.#sandbox;
    if (sandbox === undefined) throw new Error('Internal error: concluded what was not executed');
    const bad = this.#findBadOutput(sandbox);
    if (bad !== undefined) return err(bad);
    const changed = actions.findChange(this.#instance, this.#due.action);
    if (changed !== undefined) return err({reason: 'changed-input', path: changed});
    const outputs: Record<string, Artifact> = {};
    for (const [name, output] of Object.entries(this.#instance.outputs)) {
      const admitted = await stores.blobs.admit(join(sandbox.outputFolder, output.path), output.kind, 'take');
      if (!admitted.ok) return err(outputFailure(name, admitted.error));
      outputs[name] = admitted.value;
    }
    const hasLog = (statSync(sandbox.logFile, {throwIfNoEntry: false})?.size ?? 0) > 0;
    const log = hasLog
      ? await stores.blobs.admit(sandbox.logFile, 'file', 'take')
      : stores.blobs.putBytes('');
    if (!log.ok) return err(storeFailure(log.error));
    const result: ActionResult = {
      outputs,
      metrics: execution.metrics,
      log: log.value.digest,
      made: {
        run: request.run,
        startedAt: this.#startedAt,
        durationMs: this.#endedAt - this.#startedAt,
        host: surroundings.machine.host,
        platform: surroundings.machine.platform,
        device: execution.device !== '' ? execution.device : (this.#due.action.device ?? ''),
        cpus: this.#grant.cpus,
      },
    };
    const recorded = await stores.cache.record(this.#due.action, result);
    if (!recorded.ok) return err(storeFailure(recorded.error));
    if (this.#instance.checkpoint) stores.checkpoints.drop(this.#due.fingerprint);
    return ok({result, recorded: recorded.value});
  }

  logTail(): string[] {
    return this.#sandbox === undefined ? [] : readTail(this.#sandbox.logFile);
  }

  /** Gives the sandbox back. */
  close(): void {
    if (this.#sandbox !== undefined) this.#services.sandboxes.close(this.#sandbox);
    this.#sandbox = undefined;
  }

  async #entry(): Promise<Result<string, StageFailure>> {
    const {code} = this.#due;
    return code === null ? ok('') : code.entry();
  }

  #task(sandbox: Sandbox, entry: string, inputs: Task['inputs'], checkpoint: string | null): Task {
    const {surroundings, actions, request} = this.#services;
    const {work, id, params, timeoutMs} = this.#instance;
    const env: Record<string, string> = {};
    for (const [name, value] of Object.entries(this.#due.action.env)) if (value !== null) env[name] = value;
    const outputs: Record<string, Task['outputs'][string]> = {};
    for (const [name, {kind, path}] of Object.entries(this.#instance.outputs)) {
      outputs[name] = {kind, path: join(sandbox.outputFolder, path)};
    }
    return {
      label: id,
      work: work.kind === 'shell' ? {kind: 'shell', command: work.command} : {kind: 'module', entry},
      params,
      inputs,
      outputs,
      files: this.#files(),
      outputFolder: sandbox.outputFolder,
      logFile: sandbox.logFile,
      metricsFile: sandbox.metricsFile,
      cwd: surroundings.project,
      env,
      cpus: this.#grant.cpus,
      gpus: this.#grant.gpus,
      device: actions.deviceOf(this.#instance),
      mirror: request.mirror,
      checkpoint,
      timeoutMs,
    };
  }

  /** Files and folders by their written path; what globs match, by the path that matched. */
  #files(): Record<string, string> {
    const {project} = this.#services.surroundings;
    const files: Record<string, string> = {};
    const isGlob = (pattern: string): boolean => /[*?[\]{}!]/.test(pattern);
    if (this.#instance.files.some(isGlob)) {
      for (const path of Object.keys(this.#due.action.files)) files[path] = join(project, path);
    }
    for (const path of this.#instance.files) if (!isGlob(path)) files[path] = join(project, path);
    return files;
  }

  #findBadOutput(sandbox: Sandbox): StageFailure | undefined {
    for (const [name, {kind, path}] of Object.entries(this.#instance.outputs)) {
      const state = statSync(join(sandbox.outputFolder, path), {throwIfNoEntry: false});
      if (state === undefined) return {reason: 'missing-output', output: name, path};
      const got = state.isFile() ? 'file' : state.isDirectory() ? 'folder' : 'special file';
      if (got !== kind) {
        return {reason: 'wrong-output', output: name, message: `expected a ${kind} at ${path}, got a ${got}`};
      }
    }
    return undefined;
  }
}

const outputFailure = (output: string, error: StoreError): StageFailure =>
  error.reason === 'refused' ? {reason: 'wrong-output', output, message: error.message} : storeFailure(error);

/** The last lines of a log, however long it is. */
function readTail(path: string): string[] {
  try {
    const file = openSync(path, 'r');
    try {
      const {size} = fstatSync(file);
      const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
      readSync(file, bytes, 0, bytes.length, size - bytes.length);
      const lines = bytes.toString('utf8').trimEnd().split('\n');
      if (size > bytes.length) lines.shift();
      return lines.length === 1 && lines[0] === '' ? [] : lines.slice(-TAIL_LINES);
    } finally {
      closeSync(file);
    }
  } catch {
    return [];
  }
}
