// An executor whose pilots are elsewhere: posts actions where pilots take them, follows what they say, and finds results
// by their record. A result counts because its record exists; a pilot that is silent for too long is lost, and so is what
// it had taken, unless it had recorded it. Jobs outlive the coordinator that posted them: the next one attaches.

import {setTimeout as sleep} from 'node:timers/promises';
import type {Fingerprint} from '../../action/action.ts';
import {assertNever} from '../../core/result.ts';
import {
  type Assignment,
  type Capabilities,
  type Ending,
  type ExecutionListener,
  type Executor,
  openVariables,
  type Room,
} from '../executor.ts';
import {endingOf, type LastWord, type PilotStore} from '../last-word.ts';
import {ordersOf} from '../pilot.ts';
import type {Post, Shape} from './post.ts';

/** What brings pilots to life. */
export interface PilotStarter {
  /** Such as `slurm`. */
  readonly name: string;
  /**
   * To be called again and again; starts what is lacking, politely. `waiting`: jobs without a pilot, by shape; `busy`:
   * jobs that a pilot has.
   */
  supply(waiting: ReadonlyMap<Shape, number>, busy: ReadonlyMap<Shape, number>): Promise<void>;
  /** What a job's limits ask of a machine, as the name of a shape. */
  shapeOf(assignment: Assignment): Shape;
  /** The coordinator leaves: ends pilots that have not begun, where nothing waits for them. */
  leave(isIdle: boolean): Promise<void>;
  /** What went wrong with starting pilots since the last call. */
  takeNotices(): readonly string[];
}

export interface FleetOptions {
  readonly post: Post;
  readonly store: PilotStore;
  readonly starter: PilotStarter;
  /** Jobs in flight at once. */
  readonly most: number;
  /** GPUs that a stage gets that can do without. */
  readonly gpus: number;
  /** A pilot that shows no sign of life for so long is lost. Milliseconds. */
  readonly silentMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly notice: (text: string) => void;
}

/** Between two looks at the post office. Milliseconds. */
const LOOK_MS = 150;

interface Flight {
  readonly assignment: Assignment;
  readonly shape: Shape;
  readonly listener: ExecutionListener;
  readonly settle: (ending: Ending) => void;
  readonly heardFrom: Map<string, number>;
  isFree: boolean;
  isStopping: boolean;
}

export class FleetExecutor implements Executor {
  readonly #options: FleetOptions;
  readonly #flights = new Map<Fingerprint, Flight>();
  #looking: Promise<void> | undefined;
  #lively = 0;
  #room: Room = {machines: 0, slots: 0, busy: 0};

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  capabilities(): Capabilities {
    const {starter, most, gpus} = this.#options;
    return {name: starter.name, cpus: most, memory: 0, gpus, isElastic: true, cannot: []};
  }

  room(): Room {
    return this.#room;
  }

  async execute(assignment: Assignment, listener: ExecutionListener, signal: AbortSignal): Promise<Ending> {
    if (signal.aborted) return {status: 'cancelled'};
    const {store, post, starter, now} = this.#options;
    const sent = await store.send(assignment, signal);
    if (!sent.ok) return {status: 'lost', message: sent.error};
    const {fingerprint} = assignment;
    const env = openVariables(assignment);
    const shape = starter.shapeOf(assignment);
    post.forget(fingerprint);
    post.put({fingerprint, shape, orders: ordersOf(assignment), env, postedAt: now()});
    return this.#follow(assignment, shape, listener, signal);
  }

  async attach(
    assignment: Assignment,
    listener: ExecutionListener,
    signal: AbortSignal,
  ): Promise<Ending | undefined> {
    const {post, starter, store} = this.#options;
    const {fingerprint} = assignment;
    const shape = starter.shapeOf(assignment);
    const waits = post.waiting().get(shape)?.includes(fingerprint) ?? false;
    const taken = post.taken().find(job => job.fingerprint === fingerprint);
    const isHeld = taken !== undefined && this.#isAlive(taken.pilot);
    if (waits || isHeld) return this.#follow(assignment, shape, listener, signal);
    // A pilot may have recorded it since somebody looked for the record: it did so before it let go.
    const result =
      assignment.isFresh || !post.speakers().has(fingerprint) ? undefined : await store.find(assignment);
    if (result === undefined) return undefined;
    post.forget(fingerprint);
    listener.onFree();
    return {status: 'done', result, notices: []};
  }

  async sweep(): Promise<void> {}

  async rest(): Promise<void> {
    for (const notice of this.#options.starter.takeNotices()) this.#options.notice(notice);
  }

  async close(): Promise<void> {
    const {post, starter} = this.#options;
    await starter.leave(post.waiting().size === 0);
  }

  #follow(
    assignment: Assignment,
    shape: Shape,
    listener: ExecutionListener,
    signal: AbortSignal,
  ): Promise<Ending> {
    const {fingerprint} = assignment;
    return new Promise(settle => {
      const flight: Flight = {
        assignment,
        shape,
        listener,
        settle,
        heardFrom: new Map(),
        isFree: false,
        isStopping: false,
      };
      this.#flights.set(fingerprint, flight);
      const stop = (): void => this.#stop(flight);
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, {once: true});
      this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    });
  }

  #stop(flight: Flight): void {
    const {post} = this.#options;
    const {fingerprint} = flight.assignment;
    flight.isStopping = true;
    if (post.withdraw(fingerprint, flight.shape)) this.#settle(flight, {status: 'cancelled'});
    else post.stop(fingerprint);
  }

  /** Looks as long as something is in flight. */
  async #look(): Promise<void> {
    const {post, starter} = this.#options;
    while (this.#flights.size > 0) {
      const waiting = new Set([...post.waiting().values()].flat());
      const taken = new Map(post.taken().map(({fingerprint, pilot}) => [fingerprint, pilot]));
      const silent = this.#silentPilots();
      this.#room = {machines: this.#lively, slots: this.#lively, busy: taken.size};
      const speakers = post.speakers();
      const lacking = new Map<Shape, number>();
      const busy = new Map<Shape, number>();
      for (const flight of [...this.#flights.values()]) {
        const {fingerprint} = flight.assignment;
        if (waiting.has(fingerprint)) {
          lacking.set(flight.shape, (lacking.get(flight.shape) ?? 0) + 1);
          continue;
        }
        busy.set(flight.shape, (busy.get(flight.shape) ?? 0) + 1);
        const last = this.#hear(flight, speakers.get(fingerprint) ?? []);
        if (last !== undefined) await this.#conclude(flight, last);
        else {
          const pilot = taken.get(fingerprint);
          // Between two looks it may have gone from the queue to a pilot.
          if (pilot === undefined ? await this.#isGone(flight) : silent.has(pilot))
            await this.#lose(flight, pilot);
        }
      }
      await starter.supply(lacking, busy);
      for (const notice of starter.takeNotices()) this.#options.notice(notice);
      await sleep(LOOK_MS);
    }
  }

  /** Hands on what was said since the last look; answers the last word. */
  #hear(flight: Flight, pilots: readonly string[]): LastWord | undefined {
    const {post} = this.#options;
    const {assignment, listener, heardFrom} = flight;
    let last: LastWord | undefined;
    for (const pilot of pilots) {
      const {messages, offset} = post.heard(assignment.fingerprint, pilot, heardFrom.get(pilot) ?? 0);
      heardFrom.set(pilot, offset);
      for (const message of messages) {
        switch (message.type) {
          case 'log':
            listener.onLog(message.stream, message.text);
            break;
          case 'progress':
            listener.onProgress(message.progress);
            break;
          case 'placed':
            listener.onPlaced(message.host);
            break;
          case 'free':
            this.#free(flight);
            break;
          default:
            last = message;
        }
      }
    }
    return last;
  }

  async #conclude(flight: Flight, last: LastWord): Promise<void> {
    switch (last.type) {
      case 'done':
      case 'failed':
        return this.#settle(flight, await endingOf(last, flight.assignment, this.#options.store, 'pilot'));
      case 'cancelled':
        return this.#settle(flight, {status: 'cancelled'});
      case 'lost':
        return this.#settle(flight, {status: 'lost', message: last.message});
      default:
        return assertNever(last);
    }
  }

  /** Neither waiting nor taken, and nothing was said: looked at twice, as it may be on its way. */
  async #isGone({assignment, shape}: Flight): Promise<boolean> {
    const {post} = this.#options;
    await sleep(LOOK_MS);
    const {fingerprint} = assignment;
    return !(
      (post.waiting().get(shape)?.includes(fingerprint) ?? false) ||
      post.taken().some(job => job.fingerprint === fingerprint) ||
      post.speakers().has(fingerprint)
    );
  }

  async #lose(flight: Flight, pilot: string | undefined): Promise<void> {
    const {post, store} = this.#options;
    const {assignment} = flight;
    // The record of a result that is to be made again says nothing.
    const result = assignment.isFresh ? undefined : await store.find(assignment);
    if (pilot !== undefined) post.finish(assignment.fingerprint, pilot);
    if (result !== undefined) return this.#settle(flight, {status: 'done', result, notices: []});
    if (flight.isStopping) return this.#settle(flight, {status: 'cancelled'});
    const message = pilot === undefined ? 'nobody has it' : `its pilot ${pilot} shows no sign of life`;
    this.#settle(flight, {status: 'lost', message});
  }

  #silentPilots(): ReadonlySet<string> {
    const {post, silentMs} = this.#options;
    const lively = new Set(post.pilots().flatMap(sign => (sign.silentMs < silentMs ? [sign.pilot] : [])));
    this.#lively = lively.size;
    return new Set(post.taken().flatMap(({pilot}) => (lively.has(pilot) ? [] : [pilot])));
  }

  #isAlive(pilot: string): boolean {
    return !this.#silentPilots().has(pilot);
  }

  #free(flight: Flight): void {
    if (flight.isFree) return;
    flight.isFree = true;
    flight.listener.onFree();
  }

  #settle(flight: Flight, ending: Ending): void {
    const {fingerprint} = flight.assignment;
    this.#flights.delete(fingerprint);
    this.#free(flight);
    this.#options.post.forget(fingerprint);
    flight.settle(ending);
  }
}
