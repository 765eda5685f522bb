// The entry of a worker process: takes one task at a time, imports its module, runs it, reports. Modules stay
// loaded from one task to the next. The process ends itself when its parent is gone.

import {readFileSync} from 'node:fs';
import {pathToFileURL} from 'node:url';
import type {StageFailure} from '../action/outcome.ts';
import {err, ok, type Result} from '../core/result.ts';
import {isTaskMessage, type WorkerMessage} from './protocol.ts';
import {isStageDefinition, StageCall} from './stage-call.ts';
import type {Task, TaskGain} from './task.ts';
import {TaskOutput} from './task-output.ts';

/** A worker that has grown beyond this is not used again. Bytes. */
const MOST_MEMORY = 4 * 1024 ** 3;

interface Running {
  readonly call: StageCall;
  readonly fail: (failure: StageFailure) => void;
}

const output = new TaskOutput();
const ownEnvironment = {...process.env};
let running: Running | undefined;
let isBroken = false;

process.on('message', message => {
  if (isTaskMessage(message)) void take(message.task);
});
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => {
  // A stage that looks at its signal may end in order; one that never asked for it would run on until it is killed.
  if (running === undefined || !running.call.wantsSignal) process.exit(143);
  running.call.abort();
});
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (reason: unknown) => {
    isBroken = true;
    if (running !== undefined) running.fail(failureOf(reason));
    else process.exit(1);
  });
}

async function take(task: Task): Promise<void> {
  const before = leftovers();
  output.begin(task.logFile);
  const call = new StageCall(task, {
    log: line => output.line(line),
    progress: progress => send({type: 'progress', progress}),
  });
  const broken = new Promise<Result<TaskGain, StageFailure>>(resolve => {
    running = {call, fail: failure => resolve(err(failure))};
  });
  const result = await Promise.race([execute(task, call), broken]).catch(thrown => err(failureOf(thrown)));
  // Handles that were closed a moment ago are gone after one turn of the loop.
  await new Promise(resolve => setImmediate(resolve));
  running = undefined;
  output.end();
  restoreEnvironment();
  const isReusable = !isBroken && leftovers() <= before && process.memoryUsage.rss() < MOST_MEMORY;
  send({type: 'done', result, isReusable});
}

async function execute(task: Task, call: StageCall): Promise<Result<TaskGain, StageFailure>> {
  if (task.work.kind !== 'module') throw new Error('Internal error: expected a module');
  process.chdir(task.cwd);
  for (const [name, value] of Object.entries(task.env)) process.env[name] = value;
  const loaded: {readonly default?: unknown} = await import(pathToFileURL(task.work.entry).href);
  if (!isStageDefinition(loaded.default)) {
    const message = 'expected the stage module to export by default what defineStage returns';
    return err({reason: 'mistake', message, hint: null});
  }
  return ok(await call.run(loaded.default));
}

function failureOf(thrown: unknown): StageFailure {
  if (!(thrown instanceof Error)) return {reason: 'threw', message: String(thrown), stack: ''};
  // Every bundle carries its own copy of the class, so the name is what counts.
  if (thrown.name === 'StageError') {
    const hint = 'hint' in thrown && typeof thrown.hint === 'string' ? thrown.hint : null;
    return {reason: 'mistake', message: thrown.message, hint};
  }
  if (thrown.name === 'NonFiniteMetric' && 'metric' in thrown && 'value' in thrown) {
    return {reason: 'non-finite-metric', metric: String(thrown.metric), value: String(thrown.value)};
  }
  return {reason: 'threw', message: thrown.message, stack: thrown.stack ?? ''};
}

/** How many timers, sockets, pending reads and child processes there are. */
function leftovers(): number {
  const passing = new Set(['Immediate', 'TickObject', 'CloseReq']);
  return process.getActiveResourcesInfo().filter(kind => !passing.has(kind)).length + childCount();
}

function childCount(): number {
  try {
    const text = readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').trim();
    return text === '' ? 0 : text.split(' ').length;
  } catch {
    return 0;
  }
}

function restoreEnvironment(): void {
  for (const name of Object.keys(process.env)) {
    if (!(name in ownEnvironment)) delete process.env[name];
  }
  Object.assign(process.env, ownEnvironment);
}

function send(message: WorkerMessage): void {
  // The channel is gone when the runner is: `disconnect` ends this process.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}
