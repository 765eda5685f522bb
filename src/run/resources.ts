// CPU slots, memory and GPUs: what an instance is granted out of what the machine has.

import type {Capabilities} from '../exec/executor.ts';
import type {Wish} from '../exec/router.ts';
import type {Instance, Resources} from '../plan/plan.ts';

/** What an instance will be granted. */
export interface Demand {
  readonly cpus: number;
  readonly memory: number;
  readonly gpus: number;
  /** In words, where it is less than what was asked for. */
  readonly notice: string | undefined;
}

export type DemandAnswer =
  | {readonly isMet: true; readonly demand: Demand}
  /** It asks for more GPUs than there are, and has no use for fewer. */
  | {readonly isMet: false; readonly message: string; readonly hint: string};

/**
 * What an instance gets of what there is. CPU slots and memory beyond one machine's are cut to it, missing GPUs are a
 * mistake; an executor that finds its own machines gets demands as they are.
 */
export function demandOf(wanted: Resources, capabilities: Capabilities): DemandAnswer {
  const gpus = wanted.gpu === 'optional' ? Math.min(1, capabilities.gpus) : wanted.gpu;
  if (capabilities.isElastic) {
    return {isMet: true, demand: {cpus: wanted.cpus, memory: wanted.memory, gpus, notice: undefined}};
  }
  if (gpus > capabilities.gpus) {
    return {
      isMet: false,
      message: `expected ${count(gpus, 'GPU')}, but this machine has ${capabilities.gpus}`,
      hint: 'say `gpu: optional` where the stage can do without',
    };
  }
  const cpus = Math.max(1, Math.min(wanted.cpus, capabilities.cpus));
  const memory = Math.min(wanted.memory, capabilities.memory);
  const cuts: string[] = [];
  if (cpus < wanted.cpus) cuts.push(`${count(wanted.cpus, 'CPU slot')}, gets ${cpus}`);
  if (memory < wanted.memory) cuts.push(`${gibibytes(wanted.memory)} of memory, gets ${gibibytes(memory)}`);
  return {isMet: true, demand: {cpus, memory, gpus, notice: cuts.length === 0 ? undefined : cuts.join('; ')}};
}

/** Where an instance may run: what works in the project's folder runs where that is, unless it says otherwise. */
export const wishOf = ({resources, sandbox}: Pick<Instance, 'resources' | 'sandbox'>): Wish => ({
  pool: resources.pool,
  isBound: sandbox === 'project',
});

/** What is free at the moment. An elastic executor counts its jobs in flight as CPU slots, one each. */
export class ResourcePool {
  readonly #isElastic: boolean;
  #cpus: number;
  #memory: number;
  #gpus: number;

  constructor({cpus, memory, gpus, isElastic}: Capabilities) {
    this.#isElastic = isElastic;
    this.#cpus = cpus;
    this.#memory = memory;
    this.#gpus = gpus;
  }

  /** True when not even the smallest demand fits. */
  get isFull(): boolean {
    return this.#cpus <= 0;
  }

  fits(demand: Demand): boolean {
    const {cpus, memory, gpus} = this.#weigh(demand);
    return cpus <= this.#cpus && memory <= this.#memory && gpus <= this.#gpus;
  }

  take(demand: Demand): void {
    if (!this.fits(demand)) throw new Error('Internal error: took what is not free');
    this.#move(demand, -1);
  }

  give(demand: Demand): void {
    this.#move(demand, 1);
  }

  #move(demand: Demand, sign: 1 | -1): void {
    const {cpus, memory, gpus} = this.#weigh(demand);
    this.#cpus += sign * cpus;
    this.#memory += sign * memory;
    this.#gpus += sign * gpus;
  }

  #weigh({cpus, memory, gpus}: Demand): {cpus: number; memory: number; gpus: number} {
    return this.#isElastic ? {cpus: 1, memory: 0, gpus: 0} : {cpus, memory, gpus};
  }
}

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;
const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
