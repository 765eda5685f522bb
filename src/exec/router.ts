// Several executors in one run, by name: opened when something first goes to them, each with capacities of its own.

import type {Capabilities, Executor, Room} from './executor.ts';

export interface RouterOptions {
  /** This machine's executor, which sweeps what dead runs left here whatever else runs. */
  readonly local: string;
  /** The executor of what names none. */
  readonly otherwise: string;
  /** The executor that a name stands for. Throws for a name that the plan should not have. */
  readonly nameOf: (pool: string) => string;
  readonly open: (name: string) => Executor;
}

/** Where something may run. */
export interface Wish {
  /** `null`: wherever the run goes. */
  readonly pool: string | null;
  /** True for what needs the project's folder, and so has to run on this machine. */
  readonly isBound: boolean;
}

export class ExecutorRouter {
  readonly #options: RouterOptions;
  readonly #open = new Map<string, Executor>();

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /** The executor's name, as events and records have it. */
  nameFor({pool, isBound}: Wish): string {
    const {local, otherwise, nameOf} = this.#options;
    return nameOf(pool ?? (isBound ? local : otherwise));
  }

  named(name: string): Executor {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const opened = this.#options.open(name);
    this.#open.set(name, opened);
    return opened;
  }

  capabilitiesFor(wish: Wish): Capabilities {
    return this.named(this.nameFor(wish)).capabilities();
  }

  /** Who is there, of those executors that know. */
  rooms(): readonly (readonly [string, Room])[] {
    return [...this.#open].flatMap(([name, executor]) => {
      const room = executor.room();
      return room === undefined ? [] : [[name, room] as const];
    });
  }

  /** Ends what coordinators that have died left running here, and removes what they left behind. */
  async sweep(): Promise<void> {
    this.named(this.#options.local);
    for (const executor of this.#open.values()) await executor.sweep();
  }

  /** A run is over. */
  async rest(): Promise<void> {
    for (const executor of this.#open.values()) await executor.rest();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map(executor => executor.close()));
  }
}
