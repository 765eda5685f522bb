// The same step, run eagerly by TF.js itself: the reference of the compiled programs, and the way to TF.js's own
// native backends. Between calls, the state is tensors of that backend.

import * as tf from '@tensorflow/tfjs-core';
import {EngineError} from '../errors.ts';
import type {Definition, Device, HostTensor, HostTensors, Program, TensorsNamed} from '../program.ts';
import {withoutOptimizers} from '../trace/optimizers.ts';
import {checkOutputs, seenAs} from '../trace/outputs.ts';
import {runOn} from '../trace/switch.ts';
import {checkTensors, countSteps, putSlice, sliceAt, zeros} from './host.ts';

function toTf(tensor: HostTensor): tf.Tensor {
  const data = tensor.dtype === 'uint8' ? Int32Array.from(tensor.data) : tensor.data;
  return tf.tensor(data, [...tensor.shape], seenAs(tensor.dtype));
}

/** A copy on the host, in the type that was declared. */
function toHost(tensor: tf.Tensor, dtype: HostTensor['dtype']): HostTensor {
  const host = zeros(dtype, tensor.shape);
  host.data.set(tensor.dataSync());
  return host;
}

const metricType = (tensor: tf.Tensor): 'float32' | 'int32' | 'bool' => {
  if (tensor.dtype === 'float32' || tensor.dtype === 'int32' || tensor.dtype === 'bool') return tensor.dtype;
  throw new EngineError(`expected a metric of float32, int32 or bool, got ${tensor.dtype}`);
};

const toTfs = (tensors: HostTensors): TensorsNamed =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, toTf(tensor)]));

export class EagerProgram implements Program {
  readonly device: Device;
  readonly #definition: Definition;
  readonly #backend: string;
  #state: TensorsNamed = {};
  readonly #resident: TensorsNamed;
  #isDisposed = false;

  /** `backend` is the name of a TF.js backend that is registered. */
  constructor(definition: Definition, backend: string, device: Device) {
    this.device = device;
    this.#definition = definition;
    this.#backend = backend;
    this.#resident = this.#on(() => this.#keep(toTfs(definition.resident ?? {})));
    this.#state = this.#on(() => this.#keep(toTfs(definition.state)));
  }

  #on<T>(body: () => T): T {
    if (this.#isDisposed) throw new EngineError(`${this.#definition.name}: used after dispose()`);
    return runOn(this.#backend, this.#definition.name, body);
  }

  #keep(tensors: TensorsNamed): TensorsNamed {
    for (const tensor of Object.values(tensors)) tf.keep(tensor);
    return tensors;
  }

  #replaceState(next: TensorsNamed): void {
    const kept = new Set(Object.values(next));
    for (const tensor of Object.values(this.#state)) if (!kept.has(tensor)) tensor.dispose();
    this.#state = next;
  }

  /** One step; its metrics on the host. */
  #step(slices: HostTensors): HostTensors {
    return this.#on(() => {
      const {step, state: declared} = this.#definition;
      const inputs = {state: this.#state, resident: this.#resident, scanned: toTfs(slices)};
      const outputs = withoutOptimizers(
        message => {
          throw new EngineError(message);
        },
        () => step(inputs),
      );
      checkOutputs(this.#definition, outputs);
      const metrics = Object.entries(outputs.metrics).map(
        ([name, tensor]) => [name, toHost(tensor, metricType(tensor))] as const,
      );
      // The order of the definition, whatever the order returned; a resident tensor returned as state is copied.
      const ordered = Object.keys(declared).map(name => {
        const tensor = outputs.state[name];
        if (tensor === undefined) throw new RangeError(`no state ${name}`);
        return [name, tensor === this.#state[name] ? tensor : tf.clone(tensor)] as const;
      });
      this.#replaceState(this.#keep(Object.fromEntries(ordered)));
      return Object.fromEntries(metrics);
    });
  }

  async run(scanned: HostTensors, given?: number): Promise<HostTensors> {
    const steps = countSteps(scanned, this.#definition.scanned ?? {}, given);
    const stacked: Record<string, HostTensor> = {};
    for (let i = 0; i < steps; i++) {
      const slices = Object.entries(scanned).map(([name, tensor]) => [name, sliceAt(tensor, i)] as const);
      const metrics = this.#step(Object.fromEntries(slices));
      for (const [name, metric] of Object.entries(metrics)) {
        const all = (stacked[name] ??= zeros(metric.dtype, [steps, ...metric.shape]));
        putSlice(all, i, metric);
      }
    }
    return stacked;
  }

  async readState(): Promise<HostTensors> {
    const {state} = this.#definition;
    return this.#on(() =>
      Object.fromEntries(
        Object.entries(this.#state).map(([name, tensor]) => [
          name,
          toHost(tensor, state[name]?.dtype ?? metricType(tensor)),
        ]),
      ),
    );
  }

  async writeState(state: HostTensors): Promise<void> {
    checkTensors('state', state, this.#definition.state);
    this.#replaceState(this.#on(() => this.#keep(toTfs(state))));
  }

  async exchangeState(other: Program): Promise<void> {
    if (!(other instanceof EagerProgram))
      throw new EngineError(`${this.#definition.name}: expected a program on ${this.device.kind}`);
    checkTensors('state', other.#definition.state, this.#definition.state);
    [this.#state, other.#state] = [other.#state, this.#state];
  }

  toOnnx(): Uint8Array {
    throw new EngineError(`${this.#definition.name} runs eagerly on TF.js: there is no graph to write`);
  }

  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    for (const tensor of [...Object.values(this.#state), ...Object.values(this.#resident)]) tensor.dispose();
    this.#isDisposed = true;
  }
}
