// The entry of a worker process: takes one task at a time, imports its module afresh, runs it, reports, and forgets.
// A process in which something cannot be forgotten is not used again. It ends itself when its parent is gone.

import type {StageFailure} from '../action/outcome.ts';
import {err, ok, type Result} from '../core/result.ts';
import {type FreshModule, FreshModules} from './fresh-modules.ts';
import {areKept, linksOf, preparePackages, resetPackages} from './kept-packages.ts';
import {Baseline} from './leftovers.ts';
import {isTaskMessage, type WorkerMessage} from './protocol.ts';
import {Realm} from './realm.ts';
import {mapStack} from './stack-trace.ts';
import {isStageDefinition, StageCall} from './stage-call.ts';
import type {Task, TaskGain} from './task.ts';
import {TaskOutput} from './task-output.ts';
import {UsageMeter} from './usage.ts';

/** A worker that has grown beyond this is not used again. Bytes. */
const MOST_MEMORY = 4 * 1024 ** 3;

interface Running {
  readonly call: StageCall;
  readonly fail: (failure: StageFailure) => void;
  readonly entry: string;
}

const output = new TaskOutput();
const fresh = new FreshModules();
let module: FreshModule | undefined;
let registered: ReturnType<typeof preparePackages> = new Map();
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
    if (running !== undefined) running.fail(failureOf(reason, running.entry));
    else process.exit(1);
  });
}
// Last, so that it knows all of the above.
const realm = new Realm();

async function take(task: Task): Promise<void> {
  const entry = task.work.kind === 'module' ? task.work.entry : '';
  const before = new Baseline();
  const usage = new UsageMeter();
  output.begin(task.logFile);
  const call = new StageCall(task, {
    log: line => output.line(line),
    progress: progress => send({type: 'progress', progress}),
  });
  const broken = new Promise<Result<TaskGain, StageFailure>>(resolve => {
    running = {call, fail: failure => resolve(err(failure)), entry};
  });
  const executed = await Promise.race([execute(task, call), broken]).catch(thrown =>
    err(failureOf(thrown, entry)),
  );
  const {unfinished, isClean} = await before.compare();
  const result =
    executed.ok && unfinished.length > 0 ? err({reason: 'unfinished', left: unfinished} as const) : executed;
  running = undefined;
  output.end();
  const isReusable =
    isClean && !isBroken && fresh.hasRoom && process.memoryUsage.rss() < MOST_MEMORY && forget(entry);
  send({type: 'done', result: result.ok ? ok({...result.value, usage: usage.read()}) : result, isReusable});
}

/** Brings everything back to what it was before the task. False where that cannot be done. */
function forget(entry: string): boolean {
  try {
    module?.release();
    module = undefined;
    const links = linksOf(entry);
    const areForgotten = areKept(links) && resetPackages(entry, links, registered);
    return realm.restore() && areForgotten;
  } catch {
    return false;
  }
}

async function execute(task: Task, call: StageCall): Promise<Result<TaskGain, StageFailure>> {
  if (task.work.kind !== 'module') throw new Error('Internal error: expected a module');
  process.chdir(task.cwd);
  for (const [name, value] of Object.entries(task.env)) process.env[name] = value;
  registered = preparePackages(task.work.entry, linksOf(task.work.entry));
  module = await fresh.import(task.work.entry);
  const definition: unknown = Reflect.get(Object(module.exports), 'default');
  if (!isStageDefinition(definition)) {
    const message = 'expected the stage module to export by default what defineStage returns';
    return err({reason: 'mistake', message, hint: null});
  }
  return ok(await call.run(definition));
}

function failureOf(thrown: unknown, entry: string): StageFailure {
  if (!(thrown instanceof Error)) return {reason: 'threw', message: String(thrown), stack: ''};
  // Every bundle carries its own copy of the class, so the name is what counts.
  if (thrown.name === 'StageError') {
    const hint = 'hint' in thrown && typeof thrown.hint === 'string' ? thrown.hint : null;
    return {reason: 'mistake', message: thrown.message, hint};
  }
  return {
    reason: 'threw',
    message: thrown.message,
    stack: mapStack(thrown.stack ?? '', entry, import.meta.dirname),
  };
}

function send(message: WorkerMessage): void {
  // The channel is gone when the runner is: `disconnect` ends this process.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}
