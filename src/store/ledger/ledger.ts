// The ledger: one JSON-lines file per run, appended as things happen, and per pipeline what is last known of each
// instance. Survives truncation at any byte: a run without an end was interrupted, an instance that began and did not
// end is unfinished. Records of runs are small and are never removed.

import {dirname, join} from 'node:path';
import type {ActionResult, Fingerprint} from '../../action/action.ts';
import type {Audit} from '../../action/audit.ts';
import type {Outcome} from '../../action/outcome.ts';
import {byCodeUnit} from '../../core/json.ts';
import {namesIn} from '../../host/atomic-file.ts';
import {readStoreFile} from '../../host/store-file.ts';
import type {InstanceId} from '../../plan/plan.ts';
import type {RememberedAction} from '../index/action-cache.ts';
import {isResult, isSameResult} from '../index/action-row.ts';
import type {LastState, RunHeader, RunRecorder} from '../store.ts';
import {LastStates} from './last-states.ts';
import {isRunId} from './run-id.ts';
import {actionsIn, decodeRun, type RunEntry, type RunRecord} from './run-record.ts';
import {FileRunRecorder} from './run-recorder.ts';

export interface HistoryEntry {
  readonly header: RunHeader;
  readonly entry: RunEntry;
}

export class Ledger {
  readonly #store: string;
  readonly #last = new Map<string, LastStates>();

  /** `store`: the store's folder. */
  constructor(store: string) {
    this.#store = store;
  }

  /** What is known of an instance since its last run. */
  last(pipeline: string, id: InstanceId): LastState | undefined {
    return this.#lastOf(pipeline).get(id);
  }

  /** Every instance of a pipeline that ever was tried. */
  known(pipeline: string): ReadonlySet<InstanceId> {
    return new Set(this.#lastOf(pipeline).ids());
  }

  /** Starts the record of a run. */
  begin(header: RunHeader): RunRecorder {
    return new FileRunRecorder(this.#pathOf(header.run), header, this.#lastOf(header.pipeline));
  }

  /** Ids of all runs, newest first. */
  runIds(): readonly string[] {
    const names = namesIn(join(this.#store, 'runs')).filter(name => name.endsWith('.jsonl'));
    return names
      .map(name => name.slice(0, -'.jsonl'.length))
      .filter(isRunId)
      .sort(byCodeUnit)
      .reverse();
  }

  /** One run; `undefined` if there is none of this id, or if its file lacks even its first line. */
  run(id: string): RunRecord | undefined {
    const text = isRunId(id) ? this.#read(id) : undefined;
    return text === undefined ? undefined : decodeRun(text);
  }

  /** All runs, newest first, read one by one as they are asked for. */
  *runs(): Generator<RunRecord, void> {
    for (const id of this.runIds()) {
      const record = this.run(id);
      if (record !== undefined) yield record;
    }
  }

  /** All lock files of a project, relative to it: in `pipelines/`, and beside every file that was ever run. */
  lockPaths(project: string): readonly string[] {
    const folders = new Set(['pipelines', ...[...this.runs()].map(({header}) => dirname(header.file))]);
    return [...folders].flatMap(folder =>
      namesIn(join(project, folder))
        .filter(name => name.endsWith('.lock.json'))
        .map(name => join(folder, name)),
    );
  }

  /** No instance recalls a result of these actions from now on; answers how many did. Throws errors of the system. */
  void(fingerprints: ReadonlySet<Fingerprint>): number {
    let voided = 0;
    for (const [, states] of this.#allLast()) {
      voided += states.void(fingerprints);
      states.save();
    }
    return voided;
  }

  *#allLast(): Generator<readonly [string, LastStates], void> {
    for (const name of namesIn(join(this.#store, 'last'))) {
      if (name.endsWith('.journal')) yield [name, new LastStates(join(this.#store, 'last', name))];
    }
  }

  /** All actions that were ever begun, with the results that they gave: what the index is made again from. */
  remembered(): Iterable<RememberedAction> {
    const actions = new Map<Fingerprint, unknown>();
    const results = new Map<Fingerprint, ActionResult[]>();
    for (const id of this.runIds().toReversed()) {
      const text = this.#read(id);
      if (text === undefined) continue;
      for (const [fingerprint, action] of actionsIn(text)) actions.set(fingerprint, action);
      for (const entry of decodeRun(text)?.instances.values() ?? []) {
        if (entry.status !== 'finished') continue;
        const {outcome} = entry;
        if (outcome.status !== 'executed' && outcome.status !== 'cached') continue;
        const known = results.get(outcome.fingerprint) ?? [];
        results.set(outcome.fingerprint, [...known, outcome.result]);
      }
    }
    return [...actions].map(([fingerprint, action]) => ({
      fingerprint,
      action,
      results: distinct(results.get(fingerprint) ?? []),
    }));
  }

  /** What became of an instance in each run of its pipeline, newest first. */
  *historyOf(pipeline: string, id: InstanceId): Generator<HistoryEntry, void> {
    for (const {header, instances} of this.runs()) {
      const entry = header.pipeline === pipeline ? instances.get(id) : undefined;
      if (entry !== undefined) yield {header, entry};
    }
  }

  /** What was seen of an instance when it was last looked at; `undefined` where it never was. */
  auditOf(pipeline: string, id: InstanceId): {readonly run: string; readonly audit: Audit} | undefined {
    for (const {header, audits} of this.runs()) {
      const audit = header.pipeline === pipeline ? audits.get(id) : undefined;
      if (audit !== undefined) return {run: header.run, audit};
    }
    return undefined;
  }

  /** How an instance ended in a run, through the run that has its result; `undefined` if it did not end. */
  outcomeOf(record: RunRecord, id: InstanceId): Outcome | undefined {
    const entry = record.instances.get(id);
    switch (entry?.status) {
      case 'finished':
        return entry.outcome;
      case 'known': {
        const known = resultIn(this.run(entry.from), id);
        return known && {status: 'cached', shared: false, ...known};
      }
      case 'unfinished':
      case undefined:
        return undefined;
    }
  }

  #read(run: string): string | undefined {
    return readStoreFile(this.#pathOf(run))?.toString('utf8');
  }

  #pathOf(run: string): string {
    return join(this.#store, 'runs', `${run}.jsonl`);
  }

  #lastOf(pipeline: string): LastStates {
    let states = this.#last.get(pipeline);
    if (states === undefined) {
      states = new LastStates(join(this.#store, 'last', `${encodeURIComponent(pipeline)}.journal`));
      this.#last.set(pipeline, states);
    }
    return states;
  }
}

/** Without results that an index would not keep beside one another; newest last. */
function distinct(results: readonly ActionResult[]): readonly ActionResult[] {
  return results.filter(
    (result, index) =>
      isResult(result) && !results.slice(index + 1).some(later => isSameResult(later, result)),
  );
}

function resultIn(
  record: RunRecord | undefined,
  id: InstanceId,
): {readonly fingerprint: Fingerprint; readonly result: ActionResult} | undefined {
  const entry = record?.instances.get(id);
  if (entry?.status !== 'finished') return undefined;
  const {outcome} = entry;
  return outcome.status === 'executed' || outcome.status === 'cached'
    ? {fingerprint: outcome.fingerprint, result: outcome.result}
    : undefined;
}
