// CPU slots, memory and GPUs: what an instance is granted out of what the machine has.

import type {Resources} from '../plan/plan.ts';
import type {Machine} from './request.ts';

export interface Grant {
  readonly cpus: number;
  readonly memory: number;
  readonly gpus: readonly number[];
}

/** What an instance will be granted on this machine, before it is known which GPUs. */
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

/** CPU slots and memory beyond the machine's are cut to what there is; missing GPUs are a mistake. */
export function demandOf(wanted: Resources, machine: Machine): DemandAnswer {
  const gpus = wanted.gpu === 'optional' ? Math.min(1, machine.gpus.length) : wanted.gpu;
  if (gpus > machine.gpus.length) {
    return {
      isMet: false,
      message: `expected ${count(gpus, 'GPU')}, but this machine has ${machine.gpus.length}`,
      hint: 'say `gpu: optional` where the stage can do without',
    };
  }
  const cpus = Math.max(1, Math.min(wanted.cpus, machine.cpus));
  const memory = Math.min(wanted.memory, machine.memory);
  const cuts: string[] = [];
  if (cpus < wanted.cpus) cuts.push(`${count(wanted.cpus, 'CPU slot')}, gets ${cpus}`);
  if (memory < wanted.memory) cuts.push(`${gibibytes(wanted.memory)} of memory, gets ${gibibytes(memory)}`);
  return {isMet: true, demand: {cpus, memory, gpus, notice: cuts.length === 0 ? undefined : cuts.join('; ')}};
}

/** What is free at the moment. */
export class ResourcePool {
  #cpus: number;
  #memory: number;
  readonly #gpus: number[];

  constructor(machine: Machine) {
    this.#cpus = machine.cpus;
    this.#memory = machine.memory;
    this.#gpus = [...machine.gpus];
  }

  /** True when not even the smallest demand fits. */
  get isFull(): boolean {
    return this.#cpus <= 0;
  }

  fits(demand: Demand): boolean {
    return demand.cpus <= this.#cpus && demand.memory <= this.#memory && demand.gpus <= this.#gpus.length;
  }

  take(demand: Demand): Grant {
    if (!this.fits(demand)) throw new Error('Internal error: took what is not free');
    this.#cpus -= demand.cpus;
    this.#memory -= demand.memory;
    return {cpus: demand.cpus, memory: demand.memory, gpus: this.#gpus.splice(0, demand.gpus)};
  }

  give(grant: Grant): void {
    this.#cpus += grant.cpus;
    this.#memory += grant.memory;
    this.#gpus.push(...grant.gpus);
    this.#gpus.sort((a, b) => a - b);
  }
}

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;
const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
