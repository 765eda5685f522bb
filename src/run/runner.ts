// Runs plans: puts scheduler, rebuilder and stores together for one run after another. The executor stays warm between
// them.

import type {Outcome} from '../action/outcome.ts';
import type {ExecutorRouter} from '../exec/router.ts';
import {isSystemError} from '../host/system-error.ts';
import {describeStoreError} from '../store/store-error.ts';
import {ActionBuilder} from './action-builder.ts';
import type {OutcomeCounts, RunEvent} from './event.ts';
import {FileKeeper} from './file-keeper.ts';
import {type Forecast, Forecaster, type ForecastRequest} from './forecast.ts';
import {Publisher} from './publication.ts';
import {Rebuilder} from './rebuilder.ts';
import type {Run, RunRequest, RunSummary, Surroundings} from './request.ts';
import {RunNews} from './run-news.ts';
import {Scheduler} from './scheduler.ts';
import type {Stores} from './stores.ts';

export interface RunnerOptions {
  readonly stores: Stores;
  readonly executors: ExecutorRouter;
  readonly surroundings: Surroundings;
}

export class Runner {
  readonly #options: RunnerOptions;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** Starts a run. Its promise rejects only for bugs; all that goes wrong with stages is in the summary. */
  run(request: RunRequest, onEvent: (event: RunEvent) => void): Run {
    const {stores, executors, surroundings} = this.#options;
    const {project, cache, now} = surroundings;
    const actions = new ActionBuilder(stores, surroundings, request.device, request.plan.study);
    const publisher = new Publisher({
      project,
      store: cache,
      pipeline: request.plan.file,
      profile: request.plan.profile,
      blobs: stores.blobs,
      files: stores.files,
      claims: stores.claims,
    });
    const news = new RunNews({
      now,
      onEvent,
      recorder: request.recorder,
      publisher,
      blobs: stores.blobs,
      replayLogs: request.replayLogs,
    });
    const rebuilder = new Rebuilder(stores, actions);
    const keeper = new FileKeeper({
      project,
      blobs: stores.blobs,
      rebuilder,
      actions,
      largeCopy: surroundings.largeCopy,
      onLargeCopy: ({id}, bytes) =>
        news.notice(
          `${Math.round(bytes / 1e6)} MB of files that ${id} declares were copied into the store`,
          id,
        ),
    });
    const scheduler = new Scheduler({
      stores,
      executors,
      surroundings,
      actions,
      rebuilder,
      news,
      request,
      keeper,
    });
    return {
      finished: this.#finish(request, scheduler, news, publisher),
      stop: how => scheduler.stop(how),
    };
  }

  async #finish(
    request: RunRequest,
    scheduler: Scheduler,
    news: RunNews,
    publisher: Publisher,
  ): Promise<RunSummary> {
    const {stores, executors, surroundings} = this.#options;
    const startedAt = surroundings.now();
    // `run` returns before the first event.
    await undefined;
    const {run, plan, selected} = request;
    news.emit({type: 'planned', run, plan, selected: [...selected]});
    // A sweep may take its time: whoever does not want to wait for it says so.
    const pass = await stores.gate.enterRun(scheduler.stopping);
    const rooms = setInterval(roomTeller(executors, news), ROOM_MS);
    try {
      if (pass !== undefined) {
        stores.blobs.discardUnfinished(surroundings.now());
        await executors.sweep();
      }
      await scheduler.run();
      await takeAway(scheduler, publisher, news);
    } finally {
      clearInterval(rooms);
      await executors.rest();
      saveStates(stores);
      pass?.leave();
    }
    await dropSpent(scheduler, stores, news);
    const durationMs = surroundings.now() - startedAt;
    const counts = countOutcomes(scheduler.outcomes.values());
    request.recorder.end(surroundings.now(), durationMs);
    if (request.recorder.error !== undefined) {
      news.notice('the ledger could not be written; the results themselves are safe', null);
    }
    news.emit({type: 'run-finished', counts, durationMs});
    const {outcomes, diagnostics, isStopped} = scheduler;
    return {plan: scheduler.plan, outcomes, counts, diagnostics, isStopped, durationMs};
  }

  /** What a run would do with each selected instance, found without executing or writing anything. */
  forecast(request: ForecastRequest): Promise<Forecast> {
    const {stores, surroundings} = this.#options;
    const rebuilder = new Rebuilder(
      stores,
      new ActionBuilder(stores, surroundings, request.device, request.plan.study),
    );
    return new Forecaster(rebuilder, stores, request).forecast();
  }
}

/** How often it is looked who is there at other machines. Milliseconds. */
const ROOM_MS = 1_000;

/** Tells what has changed at each look. */
function roomTeller(executors: ExecutorRouter, news: RunNews): () => void {
  const told = new Map<string, string>();
  return () => {
    for (const [executor, room] of executors.rooms()) {
      const text = JSON.stringify(room);
      if (told.get(executor) === text) continue;
      told.set(executor, text);
      news.emit({type: 'room', executor, ...room});
    }
  };
}

/** What no instance publishes any more; not while the plan may still grow, or was not come to its end. */
async function takeAway({plan, isStopped}: Scheduler, publisher: Publisher, news: RunNews): Promise<void> {
  if (isStopped || plan.pending.length > 0) return;
  for (const [folder, files] of await publisher.prune(plan)) {
    if (files > 0)
      news.notice(`removed what was published at ${folder}: nothing publishes there any more`, null);
  }
}

/** Bytes that nothing needs any more go, when nobody else is at work: else the next run has another look. */
async function dropSpent({spent}: Scheduler, {dropOutputs}: Stores, news: RunNews): Promise<void> {
  if (spent.length === 0) return;
  const dropped = await dropOutputs(spent);
  if (!dropped.ok) {
    news.notice(`temporary outputs could not be dropped: ${describeStoreError(dropped.error)}`, null);
  } else if (dropped.value !== null && dropped.value.blobs > 0) {
    const {blobs, bytes} = dropped.value;
    const what = blobs === 1 ? '1 file' : `${blobs} files`;
    news.notice(`dropped ${what} of temporary outputs, ${Math.round(bytes / 1e3) / 1e3} MB`, null);
  }
}

/** What was learnt of files can be learnt again: a disk that does not take it ends no run. */
function saveStates({files}: Stores): void {
  try {
    files.save();
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}

function countOutcomes(outcomes: Iterable<Outcome>): OutcomeCounts {
  const counts = {executed: 0, cached: 0, failed: 0, skipped: 0, cancelled: 0};
  for (const {status} of outcomes) counts[status]++;
  return counts;
}
