// The executor of this machine: lays an action out in a sandbox, runs it in a process, takes its outputs in and signs
// the result. It needs the action, the content store and the code store, and nothing of the run that sent it.

import {statSync, writeFileSync} from 'node:fs';
import {dirname} from 'node:path';
import {
  type Action,
  type ActionResult,
  asRead,
  type Prefix,
  type Provenance,
  platformText,
  secretsIn,
} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import {escapeObeyed, isPlainLine} from '../core/printable.ts';
import {assertNever, err, ok, type Result} from '../core/result.ts';
import {makeFolder} from '../host/folder.ts';
import {describeSystemError, isSystemError} from '../host/system-error.ts';
import type {CodeStore, ContentStore, Placed, Placement} from './content-store.ts';
import type {Assignment, Capabilities, Ending, ExecutionListener, Executor} from './executor.ts';
import {inputsBelow, layInputs, type Placing} from './input-layout.ts';
import {readTail} from './log-tail.ts';
import {admitOutputs, findStrays} from './outputs.ts';
import type {ProcessExecutor} from './process-executor.ts';
import {Redaction} from './redaction.ts';
import {type Sandbox, Sandboxes, sweepSandboxes} from './sandbox.ts';
import {Stragglers} from './stragglers.ts';
import type {Task, TaskAnswer, TaskGain, TaskWork} from './task.ts';
import {adviceOn} from './undeclared.ts';

/** What this machine is and has. */
export interface LocalMachine {
  /** CPU slots. */
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  /** Ids of the GPUs that may be used. */
  readonly gpus: readonly number[];
  readonly host: string;
  /** Such as `linux x64, node 20.20.2`. */
  readonly platform: string;
}

export interface LocalExecutorOptions {
  /** As the provenance names it; `local` by default. */
  readonly name?: string;
  readonly processes: ProcessExecutor;
  readonly content: ContentStore;
  readonly code: CodeStore;
  readonly machine: LocalMachine;
  /** Ids of free GPUs, where several executors of this machine take from one list. */
  readonly freeGpus?: number[];
  /** The project's folder, absolute: for stages that ask for it, and to tell what was not declared. */
  readonly project: string;
  /** Where sandboxes are made, absolute. */
  readonly sandboxes: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

type Failing = StageFailure | {readonly reason: 'cancelled'};

/** One try, from its sandbox to its result. */
interface Try {
  readonly assignment: Assignment;
  readonly sandbox: Sandbox;
  readonly placement: Placement;
  readonly redaction: Redaction;
  readonly queuedMs: number;
  readonly startedAt: number;
  /** What it goes on from, as soon as that is known. */
  continued: Prefix | null;
}

export class LocalExecutor implements Executor {
  readonly #options: LocalExecutorOptions;
  readonly #sandboxes: Sandboxes;
  /** Ids that are free. */
  readonly #gpus: number[];

  constructor(options: LocalExecutorOptions) {
    this.#options = options;
    this.#sandboxes = new Sandboxes(options.sandboxes);
    this.#gpus = options.freeGpus ?? [...options.machine.gpus];
  }

  capabilities(): Capabilities {
    const {cpus, memory, gpus} = this.#options.machine;
    return {name: 'local', cpus, memory, gpus: gpus.length, isElastic: false, cannot: []};
  }

  room(): undefined {
    return undefined;
  }

  async execute(sent: Assignment, listener: ExecutionListener, signal: AbortSignal): Promise<Ending> {
    const {content, now} = this.#options;
    // Here and elsewhere alike: a stage that writes its parameters down gives the same bytes.
    const assignment = {...sent, action: asRead(sent.action)};
    const askedAt = now();
    let sandbox: Sandbox;
    try {
      sandbox = this.#sandboxes.open(assignment.action);
    } catch (error) {
      listener.onFree();
      return failedBySystem(error);
    }
    const placement = content.placement();
    try {
      const startedAt = now();
      listener.onPlaced(this.#options.machine.host);
      const redaction = new Redaction(secretsIn(assignment.action, assignment.env));
      const queuedMs = startedAt - askedAt;
      const trial = {assignment, sandbox, placement, redaction, queuedMs, startedAt, continued: null};
      const stragglers = new Stragglers(sandbox.root);
      const gain = await this.#run(trial, listener, signal);
      await stragglers.end();
      listener.onFree();
      await redaction.file(sandbox.logFile);
      // Also after a failure: a blob that was damaged must not stay for others.
      const touched = placement.findTouched();
      const result = gain.ok ? await this.#conclude(trial, gain.value, touched) : gain;
      if (result.ok) return {status: 'done', ...result.value};
      return await this.#failed(trial, redaction.json(result.error));
    } catch (error) {
      return failedBySystem(error);
    } finally {
      placement.release();
      this.#sandboxes.close(sandbox);
    }
  }

  /** A task of this machine ends with whoever started it. */
  async attach(): Promise<undefined> {
    return undefined;
  }

  async sweep(): Promise<void> {
    const {processes, sandboxes, now} = this.#options;
    await sweepSandboxes(sandboxes, now(), () => processes.sweep());
  }

  async rest(): Promise<void> {
    await this.#sandboxes.clear();
  }

  async close(): Promise<void> {
    await this.#options.processes.close();
    await this.#sandboxes.clear();
  }

  async #run(
    trial: Try,
    listener: ExecutionListener,
    signal: AbortSignal,
  ): Promise<Result<TaskGain, Failing>> {
    const {content, processes} = this.#options;
    const {assignment, sandbox, placement, redaction} = trial;
    const inputs = await placeInputs(placement, assignment.action, sandbox.root);
    if (!inputs.ok) return inputs;
    const work = await this.#workOf(assignment);
    if (!work.ok) return work;
    const {keepsCheckpoint, prefix, fingerprint} = assignment;
    const opened =
      keepsCheckpoint || prefix !== null ? await content.openCheckpoint(fingerprint, prefix) : ok(null);
    if (!opened.ok) return opened;
    if (opened.value?.isContinued) trial.continued = prefix;
    const gpus = this.#gpus.splice(0, assignment.limits.gpus);
    try {
      const task = this.#task(trial, work.value, inputs.value, opened.value?.folder ?? null, gpus);
      return await redacted(redaction, listener, each => processes.execute(task, each, signal));
    } finally {
      this.#gpus.push(...gpus);
      this.#gpus.sort((a, b) => a - b);
    }
  }

  async #workOf({action: {work, files}, card}: Assignment): Promise<Result<TaskWork, StageFailure>> {
    switch (work.kind) {
      case 'shell':
        return ok({kind: 'shell', command: work.command});
      case 'module': {
        const entry = await this.#options.code.entryOf(work, card);
        return entry.ok ? ok({kind: 'module', entry: entry.value}) : entry;
      }
      case 'python': {
        const launch = await this.#options.code.launchOf(work, files, card);
        return launch.ok ? ok({kind: 'python', launch: launch.value}) : launch;
      }
      default:
        return assertNever(work);
    }
  }

  #task(
    {assignment, sandbox}: Try,
    work: TaskWork,
    inputs: Task['inputs'],
    checkpoint: string | null,
    gpus: readonly number[],
  ): Task {
    const {action, label, limits, env, mirror} = assignment;
    const cwd = action.sandbox === 'project' ? this.#options.project : sandbox.projectFolder;
    const outputs = Object.entries(action.outputs).map(
      ([name, {kind, path}]): [string, Task['outputs'][string]] => [
        name,
        {kind, path: path === '.' ? sandbox.outputFolder : `${sandbox.outputFolder}/${path}`},
      ],
    );
    return {
      label,
      work,
      params: action.params,
      inputs,
      study: action.study,
      outputs: Object.fromEntries(outputs),
      files: filesBelow(cwd, action),
      outputFolder: sandbox.outputFolder,
      logFile: sandbox.logFile,
      metricsFile: sandbox.metricsFile,
      cwd,
      env: {HOME: sandbox.homeFolder, TMPDIR: sandbox.temporaryFolder, ...env},
      cpus: limits.cpus,
      gpus,
      device: action.device ?? 'cpu',
      platform: action.platform === null ? null : platformText(action.platform),
      mirror,
      checkpoint,
      timeoutMs: limits.timeoutMs,
    };
  }

  /** Takes in what a task gave that ended well. */
  async #conclude(
    {assignment, sandbox, redaction, queuedMs, startedAt, continued}: Try,
    gain: TaskGain,
    touched: Placed | undefined,
  ): Promise<Result<{readonly result: ActionResult; readonly notices: readonly string[]}, StageFailure>> {
    const {content, machine, now} = this.#options;
    const endedAt = now();
    const {action, limits, run, git} = assignment;
    if (touched !== undefined) return err({reason: 'changed-input', path: shownBelow(sandbox, touched.path)});
    if (action.device !== null && isDeviceKind(gain.device) && gain.device !== action.device) {
      const message = `expected it to compute on ${action.device}, as its key says, got ${gain.device}`;
      return err({reason: 'mistake', message, hint: 'say --device'});
    }
    const odd = [gain.device, ...Object.keys(gain.metrics)].find(text => !isPlainLine(text));
    if (odd !== undefined) {
      const message = `expected names of metrics and devices on one line, without control characters, got ${escapeObeyed(JSON.stringify(odd.slice(0, 80)))}`;
      return err({reason: 'mistake', message, hint: null});
    }
    const outputs = await admitOutputs(content, action, sandbox.outputFolder, redaction);
    if (!outputs.ok) return outputs;
    const notices = findStrays(action, sandbox.outputFolder).map(stray => redaction.text(stray));
    const log = hasContent(sandbox.logFile)
      ? await content.admit(sandbox.logFile, 'file')
      : content.putText('');
    if (!log.ok) return log;
    const made: Provenance = {
      run,
      startedAt,
      durationMs: endedAt - startedAt,
      queuedMs,
      executor: this.#options.name ?? 'local',
      host: machine.host,
      platform: machine.platform,
      device: gain.device !== '' ? gain.device : (action.device ?? ''),
      cpus: limits.cpus,
      git,
      continued,
      ...gain.usage,
    };
    return ok({
      result: {outputs: outputs.value, metrics: redaction.json(gain.metrics), log: log.value.digest, made},
      notices,
    });
  }

  async #failed({assignment, sandbox}: Try, failure: Failing): Promise<Ending> {
    if (failure.reason === 'cancelled') return {status: 'cancelled'};
    const logTail = readTail(sandbox.logFile);
    const advice =
      failure.reason === 'exited' || failure.reason === 'threw'
        ? adviceOn(assignment.action, this.#options.project, [...logTail, textOf(failure)])
        : null;
    const {content} = this.#options;
    const log = hasContent(sandbox.logFile) ? await content.admit(sandbox.logFile, 'file') : undefined;
    return {status: 'failed', failure, logTail, log: log?.ok ? log.value.digest : null, advice};
  }
}

/** Runs something whose log, progress and answer may tell secrets. */
async function redacted(
  redaction: Redaction,
  listener: ExecutionListener,
  run: (listener: ExecutionListener) => Promise<TaskAnswer>,
): Promise<TaskAnswer> {
  if (!redaction.isNeeded) return run(listener);
  const log = redaction.stream(text => listener.onLog('stdout', text));
  const answer = await run({
    ...listener,
    onLog: (_stream, text) => log.push(text),
    onProgress: progress =>
      listener.onProgress(
        progress.detail === undefined ? progress : {...progress, detail: redaction.text(progress.detail)},
      ),
  });
  log.end();
  return answer;
}

/** The disk failed around a task: that task's failure, and nobody else's. Bugs are thrown on. */
function failedBySystem(error: unknown): Ending {
  if (!isSystemError(error)) throw error;
  const failure: StageFailure = {reason: 'store', message: describeSystemError(error)};
  return {status: 'failed', failure, logTail: [], log: null, advice: null};
}

const hasContent = (path: string): boolean => (statSync(path, {throwIfNoEntry: false})?.size ?? 0) > 0;

const isDeviceKind = (device: string): boolean => ['cpu', 'webgpu', 'cuda', 'tfjs'].includes(device);

const textOf = (failure: StageFailure): string => (failure.reason === 'threw' ? failure.message : '');

/** A path as its reader knows it: without the sandbox in front. */
const shownBelow = ({root}: Sandbox, path: string): string => path.slice(root.length + 1);

async function placeInputs(
  placement: Placement,
  action: Action,
  root: string,
): Promise<Result<Task['inputs'], StageFailure>> {
  const layout = layInputs(action);
  for (const placing of layout.placings) {
    const placed = await placeOne(placement, placing, `${root}/${placing.to}`);
    if (!placed.ok) return placed;
  }
  return ok(inputsBelow(root, layout.inputs));
}

async function placeOne(
  placement: Placement,
  placing: Placing,
  to: string,
): Promise<Result<void, StageFailure>> {
  switch (placing.kind) {
    case 'artifact':
      return placement.place(placing.artifact, to);
    case 'file':
      return placement.placeFile(placing.file, to);
    case 'text':
      makeFolder(dirname(to));
      writeFileSync(to, placing.text);
      return ok(undefined);
    case 'folder':
      makeFolder(to);
      return ok(undefined);
  }
}

/** Declared files as a stage finds them: by their paths, and by those of the folders around them. */
function filesBelow(cwd: string, {files}: Action): Record<string, string> {
  const found: Record<string, string> = {};
  for (const path of Object.keys(files)) {
    for (let at = path; at !== '.'; at = dirname(at)) found[at] ??= `${cwd}/${at}`;
  }
  return found;
}
