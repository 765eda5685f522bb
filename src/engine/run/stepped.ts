// A program as one session.run() per step, with the state in the memory of a WebGPU device between steps and calls.
// Metrics come to the host at every step; they are small.

import * as ort from 'onnxruntime-node';
import {EngineError} from '../errors.ts';
import type {Graph} from '../ir/value.ts';
import {
  type Model,
  metricOutput,
  residentInput,
  scannedInput,
  stateInput,
  stateOutput,
} from '../onnx/scan.ts';
import type {Definition, Device, HostTensors, Program} from '../program.ts';
import {explainFailure} from './failure.ts';
import {
  checkTensors,
  countSteps,
  fromOrt,
  permute,
  putSlice,
  sliceAt,
  toOrt,
  unpermute,
  zeros,
} from './host.ts';
import {type Lease, leaseFor, sessionOptions} from './session.ts';
import {Transfer} from './transfer.ts';

/** WebGPU computes on these types; others are kept on the host, where the nodes that read them run. */
const isOnDevice = (type: string): boolean => type === 'float32' || type === 'int32';

export class SteppedProgram implements Program {
  readonly device: Device;
  readonly #definition: Definition;
  readonly #graph: Graph;
  readonly #model: Model;
  readonly #lease: Lease;
  readonly #transfer = new Transfer();
  #state = new Map<string, ort.Tensor>();
  readonly #resident: Record<string, ort.Tensor> = {};
  readonly #portable: () => Uint8Array;
  #isDisposed = false;

  private constructor(
    definition: Definition,
    graph: Graph,
    model: Model,
    held: Lease,
    device: Device,
    portable: () => Uint8Array,
  ) {
    this.#portable = portable;
    this.device = device;
    this.#definition = definition;
    this.#graph = graph;
    this.#model = model;
    this.#lease = held;
  }

  static async open(
    definition: Definition,
    graph: Graph,
    model: Model,
    device: Device,
    portable: () => Uint8Array,
  ): Promise<SteppedProgram> {
    const outputs = [
      ...model.carried.map(s => [stateOutput(s.name), 'gpu-buffer'] as const),
      ...graph.metrics.map(m => [metricOutput(m.name), 'cpu'] as const),
    ];
    const options = {
      ...sessionOptions('webgpu', 1, model.hostNodes),
      preferredOutputLocation: Object.fromEntries(outputs),
    };
    const held = await leaseFor(definition.name, model, 'webgpu', options);
    const program = new SteppedProgram(definition, graph, model, held, device, portable);
    for (const [name, tensor] of Object.entries(definition.resident ?? {}))
      program.#resident[residentInput(name)] = isOnDevice(tensor.dtype)
        ? await program.#transfer.upload(tensor)
        : toOrt(tensor);
    await program.#adopt(definition.state);
    return program;
  }

  async #adopt(state: HostTensors): Promise<void> {
    for (const {name, permutation} of this.#graph.state) {
      const tensor = state[name];
      if (tensor === undefined) throw new RangeError(`no state ${name}`);
      this.#replace(name, await this.#transfer.upload(permute(tensor, permutation)));
    }
  }

  #held(name: string): ort.Tensor {
    const tensor = this.#state.get(name);
    if (tensor === undefined) throw new RangeError(`no state ${name}`);
    return tensor;
  }

  #replace(name: string, tensor: ort.Tensor): void {
    this.#state.get(name)?.dispose();
    this.#state.set(name, tensor);
  }

  #checkAlive(): void {
    if (this.#isDisposed) throw new EngineError(`${this.#definition.name}: used after dispose()`);
  }

  async #step(feeds: Record<string, ort.Tensor>): Promise<ort.InferenceSession.OnnxValueMapType> {
    try {
      return await this.#lease.session.run(feeds);
    } catch (error) {
      throw explainFailure(this.#definition.name, error, this.#model.origins);
    }
  }

  async run(scanned: HostTensors, given?: number): Promise<HostTensors> {
    this.#checkAlive();
    const steps = countSteps(scanned, this.#definition.scanned ?? {}, given);
    const metrics = this.#graph.metrics.map(({name, value}) => {
      const dtype = value.type === 'int64' ? 'int32' : value.type;
      return {name, tensor: zeros(dtype, [steps, ...value.shape])};
    });
    for (let step = 0; step < steps; step++) {
      const feeds: Record<string, ort.Tensor> = {...this.#resident};
      for (const {name} of this.#graph.state) feeds[stateInput(name)] = this.#held(name);
      for (const [name, tensor] of Object.entries(scanned))
        feeds[scannedInput(name)] = toOrt(sliceAt(tensor, step));
      const results = await this.#step(feeds);
      for (const {name} of this.#model.carried) {
        const next = results[stateOutput(name)];
        if (!(next instanceof ort.Tensor)) throw new TypeError(`no next state ${name}`);
        this.#replace(name, next);
      }
      for (const {name, tensor} of metrics) {
        const result = results[metricOutput(name)];
        if (result === undefined) throw new TypeError(`no metric ${name}`);
        putSlice(tensor, step, fromOrt(result));
      }
    }
    return Object.fromEntries(metrics.map(({name, tensor}) => [name, tensor]));
  }

  async readState(): Promise<HostTensors> {
    this.#checkAlive();
    const entries: [string, HostTensors[string]][] = [];
    for (const {name, permutation} of this.#graph.state) {
      const {dtype} = this.#definition.state[name] ?? {};
      if (dtype === undefined) throw new RangeError(`no state ${name}`);
      const tensor = await this.#transfer.download(dtype, this.#held(name));
      entries.push([name, unpermute(tensor, permutation)]);
    }
    return Object.fromEntries(entries);
  }

  async writeState(state: HostTensors): Promise<void> {
    this.#checkAlive();
    checkTensors('state', state, this.#definition.state);
    await this.#adopt(state);
  }

  async exchangeState(other: Program): Promise<void> {
    if (!(other instanceof SteppedProgram))
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
    for (const tensor of this.#state.values()) tensor.dispose();
    for (const tensor of Object.values(this.#resident)) if (tensor.location !== 'cpu') tensor.dispose();
    this.#state.clear();
    await this.#transfer.dispose();
    await this.#lease.release();
  }
}
