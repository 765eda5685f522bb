// The executor of a build farm: sends an action as a job of the Remote Execution API, listens until it has ended, and
// takes what it gave by digest; bytes stay on the server until somebody asks for them. What fails on the way is lost,
// and tried again for free. What the server goes on with, the next coordinator listens to.

import {setTimeout as sleep} from 'node:timers/promises';
import {platformText} from '../../action/action.ts';
import {assertNever} from '../../core/result.ts';
import type {Assignment, Capabilities, Ending, ExecutionListener, Executor} from '../executor.ts';
import {buildJobOf} from './build-job.ts';
import type {BuildContent, BuildEnd, BuildServer, PreparedJob} from './build-server.ts';
import {concludeGain} from './gain.ts';
import type {Operations} from './operations.ts';
import type {WorkerNeeds} from './worker-script.ts';

export interface RemoteOptions {
  /** As events and records call it. */
  readonly name: string;
  readonly server: BuildServer;
  readonly content: BuildContent;
  readonly operations: Operations;
  readonly needs: WorkerNeeds;
  /** The project's folder, absolute: to tell what was not declared. */
  readonly project: string;
  /** Jobs on the server at once. */
  readonly most: number;
  /** GPUs that a stage gets that can do without. */
  readonly gpus: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Times that a broken stream is taken up again, with growing pauses. Milliseconds. */
const MOST_LISTENS = 4;
const FIRST_PAUSE_MS = 500;
/** A server that does not end what it was asked to cancel is not waited for any longer. Milliseconds. */
const CANCEL_MS = 60_000;

export class RemoteExecutor implements Executor {
  readonly #options: RemoteOptions;

  constructor(options: RemoteOptions) {
    this.#options = options;
  }

  capabilities(): Capabilities {
    return {
      name: this.#options.name,
      cpus: this.#options.most,
      memory: 0,
      gpus: this.#options.gpus,
      isElastic: true,
      // Packages stay on this machine, and a secret would be in the server's store.
      cannot: ['python', 'secrets'],
    };
  }

  /** Servers tell nobody of their workers. */
  room(): undefined {
    return undefined;
  }

  async execute(assignment: Assignment, listener: ExecutionListener, signal: AbortSignal): Promise<Ending> {
    try {
      if (signal.aborted) return {status: 'cancelled'};
      const {server, content, needs} = this.#options;
      const ready = await buildJobOf(assignment, needs, content);
      if (!ready.ok) return failed(ready.error);
      const {job, blobs} = ready.value;
      const prepared = await server.prepare(job, blobs, digest => content.pathOf(digest));
      if (!prepared.ok) {
        if ('message' in prepared.error) return {status: 'lost', message: prepared.error.message};
        const message = `the blob ${prepared.error.missing} is neither in this store nor on ${server.place}`;
        return failed({reason: 'store', message});
      }
      return await this.#run(assignment, prepared.value, assignment.isFresh, listener, signal);
    } finally {
      listener.onFree();
    }
  }

  async attach(
    assignment: Assignment,
    listener: ExecutionListener,
    signal: AbortSignal,
  ): Promise<Ending | undefined> {
    const {operations, server} = this.#options;
    const known = operations.find(assignment.fingerprint);
    if (known === undefined || signal.aborted) return undefined;
    const end = await this.#listen(assignment, () => server.wait(known.operation), signal, known.operation);
    // Whatever became of it: what is known of its result, the server's own cache tells when it is asked again.
    if (end.is !== 'done' && end.is !== 'cancelled') return undefined;
    const ending = await this.#conclude(assignment, end, listener);
    return ending === 'again' ? undefined : ending;
  }

  async sweep(): Promise<void> {}

  async rest(): Promise<void> {}

  async close(): Promise<void> {}

  async #run(
    assignment: Assignment,
    prepared: PreparedJob,
    isFresh: boolean,
    listener: ExecutionListener,
    signal: AbortSignal,
  ): Promise<Ending> {
    const {server} = this.#options;
    const end = await this.#listen(assignment, onName => server.execute(prepared, isFresh, onName), signal);
    const ending = await this.#conclude(assignment, end, listener);
    if (ending !== 'again') return ending;
    return this.#run(assignment, prepared, true, listener, signal);
  }

  /** Listens until the operation has ended, through streams that break; an abort asks the server to end it. */
  async #listen(
    {fingerprint, label}: Assignment,
    begin: (onName: (operation: string) => void) => Promise<BuildEnd>,
    signal: AbortSignal,
    known?: string,
  ): Promise<BuildEnd> {
    const {server, operations, now} = this.#options;
    let operation = known;
    const stop = (): void => {
      if (operation !== undefined) void server.cancel(operation);
    };
    const onName = (name: string): void => {
      if (name === operation) return;
      operation = name;
      operations.note({fingerprint, operation, label, since: now()});
      if (signal.aborted) stop();
    };
    const patience = new AbortController();
    const givenUp = new Promise<BuildEnd>(resolve => {
      const wait = (): void => {
        stop();
        sleep(CANCEL_MS, undefined, {signal: patience.signal})
          .then(() => resolve({is: 'cancelled'}))
          .catch(() => undefined);
      };
      if (signal.aborted) wait();
      else signal.addEventListener('abort', wait, {once: true, signal: patience.signal});
    });
    const listening = async (): Promise<BuildEnd> => {
      let end = await begin(onName);
      for (let times = 0; end.is === 'lost' && operation !== undefined && times < MOST_LISTENS; times++) {
        await sleep(FIRST_PAUSE_MS * 2 ** times);
        const again = await server.wait(operation);
        // It went with the server: that is what is to be said of it.
        if (again.is === 'unknown') break;
        end = again;
      }
      return end;
    };
    try {
      return await Promise.race([listening(), givenUp]);
    } finally {
      patience.abort();
    }
  }

  /** `again`: the server answered from what it remembers, and it has to run. */
  async #conclude(
    assignment: Assignment,
    end: BuildEnd,
    listener: ExecutionListener,
  ): Promise<Ending | 'again'> {
    const {operations, server} = this.#options;
    operations.forget(assignment.fingerprint);
    switch (end.is) {
      case 'done': {
        const {gain} = end;
        const concluded = await concludeGain(assignment, gain, this.#options, listener);
        if (concluded.status === 'unfit' || concluded.status === 'failed') {
          // What a cache remembers of a failure is no failure of this try.
          if (gain.isCached) return 'again';
        }
        if (concluded.status !== 'unfit') {
          // Servers say who ran it when it has ended, and not before.
          listener.onPlaced(gain.worker);
          return concluded;
        }
        const {action} = assignment;
        const wanted = action.platform === null ? '' : platformText(action.platform);
        return {
          status: 'lost',
          message: `the action is for ${wanted}, the worker is ${concluded.platform}; \`platform: ${concluded.platform}\` of the executor makes keys for such machines`,
        };
      }
      case 'timed-out':
        return failed({reason: 'timed-out', afterMs: assignment.limits.timeoutMs ?? 0});
      case 'cancelled':
        return {status: 'cancelled'};
      case 'unknown':
        return {status: 'lost', message: `${server.place} no longer knows it`};
      case 'lost':
        return {status: 'lost', message: end.message};
      case 'refused':
        return failed({
          reason: 'mistake',
          message: `${server.place} does not take it: ${end.message}`,
          hint: 'look at `remote:` in pipe.config.yaml, its properties above all',
        });
      default:
        return assertNever(end);
    }
  }
}

const failed = (failure: Extract<Ending, {status: 'failed'}>['failure']): Ending => ({
  status: 'failed',
  failure,
  logTail: [],
  log: null,
  advice: null,
});
