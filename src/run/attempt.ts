// One try of one instance: sends its action to the executor and records what comes back. `free` resolves when the
// executor's slots are free again, `ended` when the result is recorded or the failure known.

import type {ActionResult, GitState, Prefix} from '../action/action.ts';
import type {Assignment, Ending, ExecutionListener} from '../exec/executor.ts';
import type {ExecutorRouter} from '../exec/router.ts';
import type {Instance} from '../plan/plan.ts';
import type {Recorded} from '../store/store.ts';
import {rememberValue} from './prefixes.ts';
import {type Due, storeFailure} from './rebuilder.ts';
import type {RunRequest, Surroundings} from './request.ts';
import type {Demand} from './resources.ts';
import type {Stores} from './stores.ts';

export interface AttemptServices {
  readonly stores: Stores;
  readonly executors: ExecutorRouter;
  readonly surroundings: Surroundings;
  readonly request: RunRequest;
}

export type AttemptEnding =
  | {
      readonly status: 'recorded';
      readonly result: ActionResult;
      readonly recorded: Recorded;
      readonly notices: readonly string[];
    }
  /** Somebody elsewhere took us for dead and makes the result: ours counts for nothing, nor does a failure. */
  | {readonly status: 'overtaken'}
  | Exclude<Ending, {readonly status: 'done'}>;

/** What is tried. */
export interface Trial {
  readonly instance: Instance;
  readonly due: Due;
  readonly demand: Demand;
  /** The name of the executor that tries it. */
  readonly executor: string;
  /** How many failed before it, and this one. */
  readonly attempt: number;
  readonly prefix: Prefix | null;
  /** Whether the claim on the action is still ours. */
  readonly isHeld: () => boolean;
}

export interface Attempt {
  readonly free: Promise<void>;
  readonly ended: Promise<AttemptEnding>;
}

export function startAttempt(
  services: AttemptServices,
  trial: Trial,
  listener: Omit<ExecutionListener, 'onFree'>,
  signal: AbortSignal,
): Attempt {
  let onFree = (): void => {};
  const free = new Promise<void>(resolve => {
    onFree = resolve;
  });
  const ended = tryOnce(services, trial, {...listener, onFree}, signal).finally(onFree);
  return {free, ended};
}

async function tryOnce(
  services: AttemptServices,
  trial: Trial,
  listener: ExecutionListener,
  signal: AbortSignal,
): Promise<AttemptEnding> {
  const executor = services.executors.named(trial.executor);
  const assignment = assignmentOf(services, trial, await services.request.git());
  const ending =
    (await executor.attach(assignment, listener, signal)) ??
    (await executor.execute(assignment, listener, signal));
  if (!trial.isHeld()) return {status: 'overtaken'};
  return ending.status === 'done' ? record(services, trial, ending) : ending;
}

/** Blobs before record: the executor has taken in all that the result names. */
async function record(
  {stores}: AttemptServices,
  {instance, due, prefix}: Trial,
  {result, notices}: Extract<Ending, {status: 'done'}>,
): Promise<AttemptEnding> {
  const recorded = await stores.cache.record(due.action, result);
  if (!recorded.ok) {
    return {status: 'failed', failure: storeFailure(recorded.error), logTail: [], log: null, advice: null};
  }
  rememberValue(stores.values, instance, due.action, 'kept');
  if (instance.checkpoint || prefix !== null) stores.checkpoints.drop(due.fingerprint);
  return {status: 'recorded', result, recorded: recorded.value, notices};
}

function assignmentOf(
  {surroundings, request, stores}: AttemptServices,
  {instance, due: {action, fingerprint, stale}, demand, attempt, prefix}: Trial,
  git: GitState | null,
): Assignment {
  const env = Object.keys(action.env).flatMap((name): [string, string][] => {
    const value = surroundings.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return {
    action,
    fingerprint,
    label: instance.id,
    run: request.run,
    limits: {
      cpus: demand.cpus,
      memory: demand.memory,
      gpus: demand.gpus,
      timeoutMs: instance.timeoutMs,
    },
    env: Object.fromEntries(env),
    isFresh: attempt > 1 || stale.why === 'forced' || stale.why === 'volatile',
    keepsCheckpoint: instance.checkpoint,
    prefix,
    mirror: request.mirror,
    git,
    card: action.work.kind === 'shell' ? null : stores.code.cardOf(action.work.code),
  };
}
