// An executor whose pilots take jobs from queues in Redis, wherever they are. Jobs carry the fingerprint as their name,
// so that equal work is one job and a later coordinator finds what an earlier one sent. A result counts because its
// record exists; a worker that dies loses its job to the next one; a server that is down is no answer.

import {setTimeout as sleep} from 'node:timers/promises';
import {type Fingerprint, platformHint} from '../../action/action.ts';
import {byCodeUnit} from '../../core/json.ts';
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
import {endingOf, isLastWord, type LastWord, type PilotStore} from '../last-word.ts';
import {ordersOf, parsePilotMessage} from '../pilot.ts';
import {untilAborted} from './abort.ts';
import {readSigns, type WorkerSign} from './queue-job.ts';
import {type JobQueue, KEYS, type RedisLink} from './redis-link.ts';
import {obstacleTo, type QueueShape, queueNameOf, shapeText, wouldTakeElse} from './shape.ts';

export interface QueueExecutorOptions {
  readonly name: string;
  /** Connects at the first use. */
  readonly link: (onTrouble: (message: string) => void, onReady: () => void) => Promise<RedisLink>;
  /** The server as messages call it, without a password. */
  readonly place: string;
  readonly store: PilotStore;
  /** The address of the store, as workers are told it. */
  readonly address: string;
  /** Stands in jobs for the project that they are of. */
  readonly sender: string;
  readonly version: string;
  readonly labels: readonly string[];
  /** Jobs in flight at once. */
  readonly most: number;
  /** GPUs that a stage gets that can do without. */
  readonly gpus: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly notice: (text: string) => void;
}

/** Between two looks at who lives and at jobs of which nothing is heard. Milliseconds. */
const LOOK_MS = 1_000;
const UNHEARD_MS = 5_000;
/** Jobs that nobody may take are told after so long, and again after as long. Milliseconds. */
const NOBODY_MS = 5_000;
/** A job that is not wanted any more is left to itself when the server does not answer for so long. Milliseconds. */
const UNREACHABLE_MS = 10_000;
/** Finished jobs are kept so long for coordinators that were away, in seconds. */
const KEPT_SECONDS = 3_600;
const STOP_SECONDS = 86_400;

interface Flight {
  readonly assignment: Assignment;
  readonly shape: QueueShape;
  readonly queue: JobQueue;
  readonly listener: ExecutionListener;
  readonly settle: (ending: Ending) => void;
  heardAt: number;
  postedAt: number;
  isPosted: boolean;
  isPlaced: boolean;
  isFree: boolean;
  isOver: boolean;
  /** `undefined` while it is wanted. */
  stoppedAt: number | undefined;
}

export class QueueExecutor implements Executor {
  readonly #options: QueueExecutorOptions;
  readonly #flights = new Map<string, Flight>();
  readonly #queues = new Map<string, JobQueue>();
  readonly #toldNobody = new Set<string>();
  /** Finished jobs that are being removed: nobody may put them up anew before that. */
  readonly #forgetting = new Map<string, Promise<void>>();
  #link: Promise<RedisLink> | undefined;
  #looking: Promise<void> | undefined;
  #wake = new AbortController();
  #signs: ReadonlyMap<string, WorkerSign> = new Map();

  constructor(options: QueueExecutorOptions) {
    this.#options = options;
  }

  capabilities(): Capabilities {
    const {name, most, gpus} = this.#options;
    return {name, cpus: most, memory: 0, gpus, isElastic: true, cannot: []};
  }

  room(): Room {
    const signs = [...this.#signs.values()];
    return {
      machines: signs.length,
      slots: signs.reduce((sum, {cpus}) => sum + cpus, 0),
      busy: signs.reduce((sum, {busyCpus}) => sum + busyCpus, 0),
    };
  }

  async execute(assignment: Assignment, listener: ExecutionListener, signal: AbortSignal): Promise<Ending> {
    if (signal.aborted) return {status: 'cancelled'};
    const sent = await this.#options.store.send(assignment, signal);
    if (!sent.ok) return {status: 'lost', message: sent.error};
    const link = await this.#connect();
    const shape = this.#shapeOf(assignment);
    return this.#follow(assignment, shape, listener, signal, async flight => {
      const {commands} = link;
      await commands.hset(KEYS.shapes, queueNameOf(shape), JSON.stringify(shape));
      if (flight.stoppedAt !== undefined) return this.#settle(flight, {status: 'cancelled'});
      await commands.del(KEYS.stopOf(assignment.fingerprint));
      const {fingerprint} = assignment;
      const {address, name, now, sender} = this.#options;
      const postedAt = await link.time(now);
      const orders = JSON.stringify(ordersOf(assignment));
      await flight.queue.add(
        'action',
        {orders, env: openVariables(assignment), store: address, sender, executor: name, postedAt},
        {
          jobId: fingerprint,
          removeOnComplete: {age: KEPT_SECONDS},
          removeOnFail: {age: KEPT_SECONDS},
        },
      );
      await commands.publish(KEYS.wake, queueNameOf(shape));
    });
  }

  async attach(
    assignment: Assignment,
    listener: ExecutionListener,
    signal: AbortSignal,
  ): Promise<Ending | undefined> {
    const shape = this.#shapeOf(assignment);
    const looked = this.#connect().then(async link => {
      await this.#forgetting.get(assignment.fingerprint);
      const job = await this.#queueOf(link, shape).getJob(assignment.fingerprint);
      if (job === undefined) return false;
      const state = await job.getState();
      if (state === 'active' || state === 'waiting') return true;
      // What it gave is in the record, where the run has looked already: from here on it is in the way.
      await job.remove().catch(() => undefined);
      return false;
    });
    const isThere = await untilAborted(looked, signal);
    return isThere ? this.#follow(assignment, shape, listener, signal, async () => undefined) : undefined;
  }

  async sweep(): Promise<void> {}

  async rest(): Promise<void> {}

  async close(): Promise<void> {
    const link = await this.#link;
    if (link?.isReady) await Promise.all(this.#forgetting.values());
    const closed = [...this.#queues.values()].map(queue => queue.close().catch(() => undefined));
    // A server that does not answer is not waited for.
    if (link?.isReady) await Promise.all(closed);
    link?.close();
  }

  #connect(): Promise<RedisLink> {
    const {link, place, notice} = this.#options;
    let wasInTrouble = false;
    this.#link ??= link(
      message => {
        wasInTrouble = true;
        notice(
          `${place} does not answer: ${message}; what runs goes on, and is asked for when it answers again`,
        );
      },
      () => {
        if (wasInTrouble) notice(`${place} answers again`);
        wasInTrouble = false;
        for (const flight of this.#flights.values()) flight.heardAt = Number.NEGATIVE_INFINITY;
        this.#wake.abort();
      },
    ).then(opened => {
      opened.ears.on('message', (channel, text) => this.#hear(channel, text));
      return opened;
    });
    return this.#link;
  }

  #shapeOf({action, limits}: Assignment): QueueShape {
    const {version, labels} = this.#options;
    const memory = Math.ceil(limits.memory / 2 ** 20);
    const {cpus, gpus} = limits;
    return {version, platform: action.platform, labels: [...labels].sort(byCodeUnit), cpus, memory, gpus};
  }

  #queueOf(link: RedisLink, shape: QueueShape): JobQueue {
    const name = queueNameOf(shape);
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const queue = link.queue(name);
    this.#queues.set(name, queue);
    return queue;
  }

  /** Listens before the job is put up, so that nothing of it is missed. */
  async #follow(
    assignment: Assignment,
    shape: QueueShape,
    listener: ExecutionListener,
    signal: AbortSignal,
    post: (flight: Flight) => Promise<void>,
  ): Promise<Ending> {
    const {now} = this.#options;
    const {fingerprint} = assignment;
    const link = await this.#connect();
    const queue = this.#queueOf(link, shape);
    return new Promise((settle, fail) => {
      const stop = (): void => void this.#stop(link, flight).catch(fail);
      const flight: Flight = {
        assignment,
        shape,
        queue,
        listener,
        settle: ending => {
          signal.removeEventListener('abort', stop);
          settle(ending);
        },
        heardAt: now(),
        postedAt: now(),
        isPosted: false,
        isPlaced: false,
        isFree: false,
        isOver: false,
        stoppedAt: undefined,
      };
      this.#flights.set(fingerprint, flight);
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, {once: true});
      link.ears
        .subscribe(KEYS.saidOf(fingerprint))
        .then(() => post(flight))
        .then(() => {
          flight.isPosted = true;
          flight.postedAt = now();
        })
        .catch(fail);
      this.#looking ??= this.#look(link)
        .catch(fail)
        .finally(() => (this.#looking = undefined));
    });
  }

  async #stop(link: RedisLink, flight: Flight): Promise<void> {
    flight.stoppedAt = this.#options.now();
    this.#wake.abort();
    setTimeout(() => this.#giveUp(link, flight), UNREACHABLE_MS).unref();
    if (!flight.isPosted) return;
    const {fingerprint} = flight.assignment;
    await link.commands.set(KEYS.stopOf(fingerprint), '', 'EX', STOP_SECONDS);
    if (await this.#withdraw(flight)) return;
    await link.commands.publish(KEYS.stop, fingerprint);
  }

  /** Takes a job back that nobody has, or whose worker is gone. */
  async #withdraw(flight: Flight): Promise<boolean> {
    const job = await flight.queue.getJob(flight.assignment.fingerprint);
    const isOut = job === undefined || (await job.remove().then(yes, no));
    if (isOut) this.#settle(flight, {status: 'cancelled'});
    return isOut;
  }

  /** Looks as long as something is in flight. */
  async #look(link: RedisLink): Promise<void> {
    const {now} = this.#options;
    while (this.#flights.size > 0) {
      if (link.isReady) {
        const time = await link.time(now);
        this.#signs = readSigns(await link.commands.hgetall(KEYS.workers), time);
        for (const flight of [...this.#flights.values()]) await this.#lookAt(flight);
        this.#tellNobody();
      }
      this.#wake = new AbortController();
      await sleep(LOOK_MS, undefined, {signal: this.#wake.signal}).catch(() => undefined);
    }
  }

  async #lookAt(flight: Flight): Promise<void> {
    const {now} = this.#options;
    if (!flight.isPosted || flight.isOver) return;
    if (flight.stoppedAt !== undefined) {
      await this.#withdraw(flight);
      return;
    }
    if (now() - flight.heardAt < UNHEARD_MS) return;
    flight.heardAt = now();
    const {fingerprint} = flight.assignment;
    const job = await flight.queue.getJob(fingerprint);
    if (job === undefined) return this.#lose(flight, `${this.#options.place} does not know of it any more`);
    if (job.finishedOn !== undefined) {
      const last = parsePilotMessage(JSON.stringify(job.returnvalue ?? ''));
      return isLastWord(last)
        ? this.#conclude(flight, last)
        : this.#lose(flight, job.failedReason ?? 'unknown');
    }
    if (job.processedBy !== undefined)
      this.#place(flight, this.#signs.get(job.processedBy)?.host ?? job.processedBy);
  }

  /** No server to ask whether it runs: whoever waits for the end is not held up. */
  #giveUp(link: RedisLink, flight: Flight): void {
    if (flight.isOver || link.isReady) return;
    const {notice, place} = this.#options;
    notice(`${place} does not answer: ${flight.assignment.label} may still run`);
    this.#settle(flight, {status: 'cancelled'});
  }

  #tellNobody(): void {
    const {now, notice, name} = this.#options;
    for (const {isPlaced, isPosted, postedAt, shape} of this.#flights.values()) {
      if (isPlaced || !isPosted || now() - postedAt < NOBODY_MS) continue;
      const key = queueNameOf(shape);
      const obstacles = [...this.#signs.values()].map(sign => [sign.host, obstacleTo(shape, sign)] as const);
      if (obstacles.some(([, obstacle]) => obstacle === undefined)) {
        this.#toldNobody.delete(key);
        continue;
      }
      if (this.#toldNobody.has(key)) continue;
      this.#toldNobody.add(key);
      const who = obstacles.map(([host, obstacle]) => `${host} ${obstacle}`).join('; ');
      const listens = who === '' ? 'no worker listens (pipe worker URL)' : `no worker may take them: ${who}`;
      const near = [...this.#signs.values()].find(sign => wouldTakeElse(shape, sign));
      const hint = near === undefined ? '' : `; ${platformHint(near.platform)}`;
      notice(`jobs wait at ${name} for ${shapeText(shape)}: ${listens}${hint}`);
    }
  }

  #hear(channel: string, text: string): void {
    const flight = this.#flights.get(channel.slice(KEYS.saidOf('').length));
    const message = parsePilotMessage(text);
    if (flight === undefined || message === undefined || flight.isOver) return;
    flight.heardAt = this.#options.now();
    switch (message.type) {
      case 'log':
        flight.listener.onLog(message.stream, message.text);
        break;
      case 'progress':
        flight.listener.onProgress(message.progress);
        break;
      case 'placed':
        this.#place(flight, message.host);
        break;
      case 'free':
        this.#free(flight);
        break;
      default:
        void this.#conclude(flight, message);
    }
  }

  async #conclude(flight: Flight, last: LastWord): Promise<void> {
    if (flight.isOver) return;
    switch (last.type) {
      case 'done':
      case 'failed':
        return this.#settle(flight, await endingOf(last, flight.assignment, this.#options.store, 'worker'));
      case 'cancelled':
        return this.#lose(flight, 'another run that wanted it was stopped');
      case 'lost':
        return this.#lose(flight, last.message);
      default:
        return assertNever(last);
    }
  }

  async #lose(flight: Flight, message: string): Promise<void> {
    const {assignment} = flight;
    // The record of a result that is to be made again says nothing.
    const result = assignment.isFresh ? undefined : await this.#options.store.find(assignment);
    if (result !== undefined) this.#settle(flight, {status: 'done', result, notices: []});
    else if (flight.stoppedAt !== undefined) this.#settle(flight, {status: 'cancelled'});
    else this.#settle(flight, {status: 'lost', message});
  }

  #place(flight: Flight, host: string): void {
    if (flight.isPlaced) return;
    flight.isPlaced = true;
    flight.listener.onPlaced(host);
  }

  #free(flight: Flight): void {
    if (flight.isFree) return;
    flight.isFree = true;
    flight.listener.onFree();
  }

  #settle(flight: Flight, ending: Ending): void {
    if (flight.isOver) return;
    flight.isOver = true;
    const {fingerprint} = flight.assignment;
    this.#flights.delete(fingerprint);
    this.#free(flight);
    const forgotten = this.#forget(fingerprint, flight.queue)
      .catch(() => undefined)
      .finally(() => this.#forgetting.delete(fingerprint));
    this.#forgetting.set(fingerprint, forgotten);
    flight.settle(ending);
  }

  /** Whoever asks for it anew gets a new job. */
  async #forget(fingerprint: Fingerprint, queue: JobQueue): Promise<void> {
    const link = await this.#link;
    await Promise.all([link?.ears.unsubscribe(KEYS.saidOf(fingerprint)), queue.remove(fingerprint)]);
  }
}

const yes = (): boolean => true;
const no = (): boolean => false;
