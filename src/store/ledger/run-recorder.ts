// Writes the record of one run as it happens, and what is last known of its instances.

import {dirname} from 'node:path';
import type {Action, ActionResult, Fingerprint, GitState} from '../../action/action.ts';
import type {Audit} from '../../action/audit.ts';
import type {Outcome} from '../../action/outcome.ts';
import {withSum} from '../../host/checked-line.ts';
import {appendLines} from '../../host/journal.ts';
import {withReserve} from '../../host/reserve.ts';
import type {InstanceId} from '../../plan/plan.ts';
import type {RunHeader, RunRecorder} from '../store.ts';
import {ioError, type StoreError} from '../store-error.ts';
import type {LastStates} from './last-states.ts';

/** Characters of cached outcomes that are held back, so that a no-op is one write. */
const longestBuffer = 1024 * 1024;

export class FileRunRecorder implements RunRecorder {
  error: StoreError | undefined;
  readonly #path: string;
  readonly #store: string;
  readonly #last: LastStates;
  readonly #run: string;
  /** Instances found as they were, by the run that has their results. */
  readonly #known = new Map<string, InstanceId[]>();
  readonly #actions = new Set<Fingerprint>();
  #buffer: string;

  constructor(path: string, header: RunHeader, last: LastStates) {
    this.#path = path;
    this.#store = dirname(dirname(path));
    this.#last = last;
    this.#run = header.run;
    this.#buffer = `${withSum(JSON.stringify({type: 'run', ...header}))}\n`;
  }

  started(id: InstanceId, fingerprint: Fingerprint, action: Action, executor: string, at: number): void {
    if (!this.#actions.has(fingerprint)) this.#line({type: 'action', fingerprint, action});
    this.#actions.add(fingerprint);
    this.#line({type: 'started', id, fingerprint, executor, at});
    this.#keepEarlier(id, fingerprint, 'unfinished', at);
    this.#flush();
  }

  finished(id: InstanceId, outcome: Outcome, at: number): void {
    if (outcome.status === 'cached' && this.#last.isKnown(id, outcome.fingerprint, outcome.result)) {
      const from = this.#last.get(id)?.run ?? this.#run;
      const ids = this.#known.get(from);
      if (ids === undefined) this.#known.set(from, [id]);
      else ids.push(id);
      return;
    }
    this.#line({type: 'finished', id, outcome, at});
    if (outcome.status === 'executed' || outcome.status === 'cached') {
      this.#keepResult(id, outcome.fingerprint, outcome.result, at);
    } else if (outcome.status === 'failed' && outcome.fingerprint !== null) {
      this.#keepEarlier(id, outcome.fingerprint, 'failed', at);
    }
    if (outcome.status !== 'cached' || this.#buffer.length > longestBuffer) this.#flush();
  }

  audited(id: InstanceId, audit: Audit, at: number): void {
    this.#line({type: 'audited', id, at, audit});
    this.#flush();
  }

  git(state: GitState): void {
    this.#line({type: 'git', ...state});
    this.#flush();
  }

  end(at: number, durationMs: number): void {
    for (const [from, ids] of this.#known) this.#line({type: 'known', from, ids});
    this.#known.clear();
    this.#line({type: 'end', at, durationMs});
    this.#flush();
  }

  #keepResult(id: InstanceId, fingerprint: Fingerprint, result: ActionResult, at: number): void {
    this.#last.set(id, {
      fingerprint,
      status: 'done',
      result,
      resultOf: fingerprint,
      durationMs: result.made.durationMs,
      run: this.#run,
      at,
    });
  }

  /** The last result stays known while a new try is under way or has failed. */
  #keepEarlier(id: InstanceId, fingerprint: Fingerprint, status: 'failed' | 'unfinished', at: number): void {
    const before = this.#last.get(id);
    this.#last.set(id, {
      fingerprint,
      status,
      result: before?.result,
      resultOf: before?.resultOf,
      durationMs: before?.durationMs,
      run: this.#run,
      at,
    });
  }

  #line(line: object): void {
    this.#buffer += `${withSum(JSON.stringify(line))}\n`;
  }

  #flush(): void {
    try {
      withReserve(this.#store, () => {
        appendLines(this.#path, this.#buffer);
        this.#buffer = '';
      });
      withReserve(this.#store, () => this.#last.save());
    } catch (error) {
      // A full disk must not take the run's work with it.
      this.error ??= ioError(error, this.#path);
    }
  }
}
