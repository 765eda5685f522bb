// What the runner and the processes of a Python stage say to each other: lines of JSON, and a file with the result.

import type {StageFailure} from '../action/outcome.ts';
import {isJsonObject, type Json} from '../core/json.ts';
import {isMetric, type Metric} from '../core/metric.ts';
import {err, ok} from '../core/result.ts';
import type {Progress} from '../stage/define.ts';
import type {Task, TaskAnswer} from './task.ts';

/** A line to a template process. */
export function taskLine(number: number, task: Task, folder: string): string {
  const {params, inputs, outputs, files, logFile, cwd, env, cpus, gpus, checkpoint} = task;
  const resultFile = task.metricsFile;
  const codeFolder = folder;
  const told = {
    params,
    inputs,
    outputs,
    files,
    logFile,
    cwd,
    env,
    cpus,
    gpus,
    checkpoint,
    resultFile,
    codeFolder,
  };
  return `${JSON.stringify({run: number, task: told})}\n`;
}

/** A line from a template process. */
export type TemplateMessage =
  | {readonly type: 'ready'; readonly forks: boolean}
  | {readonly type: 'broken'; readonly failure: StageFailure}
  | {readonly type: 'started'; readonly id: number; readonly pid: number}
  | {readonly type: 'progress'; readonly id: number; readonly progress: Progress}
  | {
      readonly type: 'ended';
      readonly id: number;
      readonly code: number | null;
      readonly signal: number | null;
    };

export function readMessage(value: Json | undefined): TemplateMessage | undefined {
  if (!isJsonObject(value)) return undefined;
  if (isJsonObject(value.ready)) return {type: 'ready', forks: value.ready.forks === true};
  if (value.broken !== undefined) return {type: 'broken', failure: readFailure(value.broken)};
  const {id} = value;
  if (typeof id !== 'number') return undefined;
  if (typeof value.started === 'number') return {type: 'started', id, pid: value.started};
  if (isJsonObject(value.progress)) {
    const {done, total, unit, detail} = value.progress;
    if (typeof done !== 'number' || typeof total !== 'number' || typeof unit !== 'string') return undefined;
    const progress = {done, total, unit, ...(typeof detail === 'string' ? {detail} : {})};
    return {type: 'progress', id, progress};
  }
  const {ended, signal} = value;
  if (ended === undefined) return undefined;
  return {
    type: 'ended',
    id,
    code: typeof ended === 'number' ? ended : null,
    signal: typeof signal === 'number' ? signal : null,
  };
}

export function readFailure(value: Json): StageFailure {
  const said = isJsonObject(value) ? value : {};
  const message = String(said.message);
  switch (said.reason) {
    case 'mistake':
      return {reason: 'mistake', message, hint: typeof said.hint === 'string' ? said.hint : null};
    default:
      return {reason: 'threw', message, stack: typeof said.stack === 'string' ? said.stack : ''};
  }
}

/** What a task wrote before its process ended well. */
export function readAnswer(value: Json | undefined): TaskAnswer | undefined {
  if (!isJsonObject(value)) return undefined;
  if (value.ok !== true) return err(readFailure(value.failure ?? null));
  const metrics: Record<string, Metric> = {};
  for (const [name, metric] of Object.entries(isJsonObject(value.metrics) ? value.metrics : {})) {
    if (isMetric(metric)) metrics[name] = metric;
  }
  const {cpuMs, peakBytes} = value;
  const usage = {
    cpuMs: typeof cpuMs === 'number' ? cpuMs : null,
    peakBytes: typeof peakBytes === 'number' ? peakBytes : null,
  };
  return ok({metrics, device: String(value.device), usage});
}
