// A program as one session.run() per call, whatever the number of steps: for devices whose memory is the host's.
// The state lives in two sets of buffers that take turns as input and output, so nothing is copied between calls.

import {EngineError} from '../errors.ts';
import type {Graph} from '../ir/value.ts';
import {
  type Model,
  metricOutput,
  residentInput,
  scannedInput,
  stateInput,
  stateOutput,
  stepsInput,
} from '../onnx/scan.ts';
import type {Definition, Device, HostTensor, HostTensors, Program} from '../program.ts';
import {explainFailure} from './failure.ts';
import {checkTensors, copyOf, countSteps, permute, toOrt, unpermute, zeros} from './host.ts';
import type {Lease} from './session.ts';

export class ScannedProgram implements Program {
  readonly device: Device;
  readonly #definition: Definition;
  readonly #graph: Graph;
  readonly #model: Model;
  readonly #lease: Lease;
  readonly #resident: Record<string, ReturnType<typeof toOrt>> = {};
  #state = new Map<string, HostTensor>();
  #spare = new Map<string, HostTensor>();
  readonly #portable: () => Uint8Array;
  #isDisposed = false;

  constructor(
    definition: Definition,
    graph: Graph,
    model: Model,
    lease: Lease,
    device: Device,
    portable: () => Uint8Array,
  ) {
    this.#portable = portable;
    this.device = device;
    this.#definition = definition;
    this.#graph = graph;
    this.#model = model;
    this.#lease = lease;
    for (const [name, tensor] of Object.entries(definition.resident ?? {}))
      this.#resident[residentInput(name)] = toOrt(tensor);
    this.#adopt(definition.state);
    for (const {name} of model.carried) {
      const held = this.#held(name);
      this.#spare.set(name, zeros(held.dtype, held.shape));
    }
  }

  #held(name: string): HostTensor {
    const tensor = this.#state.get(name);
    if (tensor === undefined) throw new RangeError(`no state ${name}`);
    return tensor;
  }

  #adopt(state: HostTensors): void {
    for (const {name, permutation} of this.#graph.state) {
      const tensor = state[name];
      if (tensor === undefined) throw new RangeError(`no state ${name}`);
      this.#state.set(name, permute(copyOf(tensor), permutation));
    }
  }

  #checkAlive(): void {
    if (this.#isDisposed) throw new EngineError(`${this.#definition.name}: used after dispose()`);
  }

  async run(scanned: HostTensors, given?: number): Promise<HostTensors> {
    this.#checkAlive();
    const steps = countSteps(scanned, this.#definition.scanned ?? {}, given);
    const metrics = this.#graph.metrics.map(({name, value}) => {
      const dtype = value.type === 'int64' ? 'int32' : value.type;
      return {name, tensor: zeros(dtype, [steps, ...value.shape])};
    });
    const result = Object.fromEntries(metrics.map(({name, tensor}) => [name, tensor]));
    if (steps === 0) return result;

    const feeds: Record<string, ReturnType<typeof toOrt>> = {...this.#resident};
    for (const {name} of this.#graph.state) feeds[stateInput(name)] = toOrt(this.#held(name));
    for (const [name, tensor] of Object.entries(scanned)) feeds[scannedInput(name)] = toOrt(tensor);
    if (Object.keys(scanned).length === 0) feeds[stepsInput] = toOrt(zeros('bool', [steps]));
    const fetches: Record<string, ReturnType<typeof toOrt>> = {};
    for (const {name, tensor} of metrics) fetches[metricOutput(name)] = toOrt(tensor);
    for (const [name, tensor] of this.#spare) fetches[stateOutput(name)] = toOrt(tensor);

    try {
      await this.#lease.session.run(feeds, fetches);
    } catch (error) {
      throw explainFailure(this.#definition.name, error, this.#model.origins);
    }
    for (const {name} of this.#model.carried) {
      const [before, after] = [this.#held(name), this.#spare.get(name)];
      if (after === undefined) throw new RangeError(`no buffer for ${name}`);
      this.#state.set(name, after);
      this.#spare.set(name, before);
    }
    return result;
  }

  async readState(): Promise<HostTensors> {
    this.#checkAlive();
    return Object.fromEntries(
      this.#graph.state.map(({name, permutation}) => [
        name,
        copyOf(unpermute(this.#held(name), permutation)),
      ]),
    );
  }

  async writeState(state: HostTensors): Promise<void> {
    this.#checkAlive();
    checkTensors('state', state, this.#definition.state);
    this.#adopt(state);
  }

  async exchangeState(other: Program): Promise<void> {
    if (!(other instanceof ScannedProgram))
      throw new EngineError(`${this.#definition.name}: expected a program on ${this.device.kind}`);
    checkTensors('state', other.#definition.state, this.#definition.state);
    [this.#state, other.#state] = [other.#state, this.#state];
  }

  toOnnx({portable = false}: {readonly portable?: boolean} = {}): Uint8Array {
    return portable ? this.#portable() : this.#model.bytes;
  }

  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#state = new Map();
    this.#spare = new Map();
    await this.#lease.release();
  }
}
