// The queue inside p-queue: hands out what fits into the free resources, the longest critical path first, in plan
// order among equals. Its `size` is what could start now, which is what p-queue asks before it takes something out.

import type {Queue, QueueAddOptions} from 'p-queue';
import type {Demand, ResourcePool} from './resources.ts';

type RunFunction = () => Promise<unknown>;

export interface ResourceOptions extends QueueAddOptions {
  readonly demand: Demand;
  /** Place in the plan. */
  readonly order: number;
}

interface Entry {
  readonly run: RunFunction;
  readonly demand: Demand;
  readonly order: number;
  readonly priority: number;
}

/**
 * How often smaller work may overtake an entry that does not fit, for each CPU slot of the pool. After that it is
 * waited for, so that a stage which wants the whole machine gets its turn.
 */
const OVERTAKES_PER_SLOT = 4;

export class ResourceQueue implements Queue<RunFunction, ResourceOptions> {
  readonly #pool: ResourcePool;
  readonly #mostOvertakes: number;
  /** The first to go is last. */
  readonly #entries: Entry[] = [];
  #blocked: Entry | undefined;
  #overtakes = 0;

  constructor(pool: ResourcePool, slots: number) {
    this.#pool = pool;
    this.#mostOvertakes = slots * OVERTAKES_PER_SLOT;
  }

  /** 1 when something could start now, else 0. */
  get size(): number {
    return this.#next() === undefined ? 0 : 1;
  }

  enqueue(run: RunFunction, options?: Partial<ResourceOptions>): void {
    if (options?.demand === undefined || options.order === undefined) {
      throw new Error('Internal error: expected a demand and an order');
    }
    const entry: Entry = {run, demand: options.demand, order: options.order, priority: options.priority ?? 0};
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#entries[middle];
      if (other !== undefined && goesBefore(entry, other)) high = middle;
      else low = middle + 1;
    }
    this.#entries.splice(low, 0, entry);
  }

  dequeue(): RunFunction | undefined {
    const at = this.#next();
    const [entry] = at === undefined ? [] : this.#entries.splice(at, 1);
    if (entry === undefined) return undefined;
    const first = this.#entries.at(-1);
    if (at === this.#entries.length || first === undefined) {
      this.#blocked = undefined;
      this.#overtakes = 0;
    } else {
      this.#overtakes = this.#blocked === first ? this.#overtakes + 1 : 1;
      this.#blocked = first;
    }
    return entry.run;
  }

  filter(): RunFunction[] {
    return this.#entries.map(entry => entry.run);
  }

  setPriority(): void {
    throw new Error('Internal error: priorities do not change in the queue');
  }

  /** Takes everything out. */
  clear(): void {
    this.#entries.length = 0;
  }

  /** Index of the entry that may start now. */
  #next(): number | undefined {
    const last = this.#entries.length - 1;
    const first = this.#entries[last];
    if (first === undefined || this.#pool.isFull) return undefined;
    if (this.#pool.fits(first.demand)) return last;
    if (this.#blocked === first && this.#overtakes >= this.#mostOvertakes) return undefined;
    for (let at = last - 1; at >= 0; at--) {
      const entry = this.#entries[at];
      if (entry !== undefined && this.#pool.fits(entry.demand)) return at;
    }
    return undefined;
  }
}

/** True where `a` stands before `b` in the list, and so goes later. */
const goesBefore = (a: Entry, b: Entry): boolean =>
  a.priority < b.priority || (a.priority === b.priority && a.order > b.order);
