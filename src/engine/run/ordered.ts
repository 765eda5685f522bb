// Calls of one program in the order in which they were made, one at a time: each starts from the state that the one
// before it left. Without this, two runs at once would start from the same state, and one result would be lost.

import {EngineError} from '../errors.ts';
import type {Device, HostTensors, Program} from '../program.ts';

export class OrderedProgram implements Program {
  readonly #inner: Program;
  readonly #name: string;
  /** Settles, never rejects, when the last call made so far has ended. */
  #last: Promise<void> = Promise.resolve();
  #disposal: Promise<void> | undefined;

  constructor(name: string, inner: Program) {
    this.#name = name;
    this.#inner = inner;
  }

  get device(): Device {
    return this.#inner.device;
  }

  #enqueue<T>(call: () => Promise<T>): Promise<T> {
    const result = this.#last.then(call);
    this.#last = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /** Calls made before `dispose` are still run; calls made after it are refused. */
  #call<T>(call: () => Promise<T>): Promise<T> {
    return this.#disposal === undefined
      ? this.#enqueue(call)
      : Promise.reject(new EngineError(`${this.#name}: used after dispose()`));
  }

  run(scanned: HostTensors, steps?: number): Promise<HostTensors> {
    return this.#call(() => this.#inner.run(scanned, steps));
  }

  readState(): Promise<HostTensors> {
    return this.#call(() => this.#inner.readState());
  }

  writeState(state: HostTensors): Promise<void> {
    return this.#call(() => this.#inner.writeState(state));
  }

  exchangeState(other: Program): Promise<void> {
    if (!(other instanceof OrderedProgram))
      return Promise.reject(new EngineError(`${this.#name}: expected another program of compile`));
    if (this.#disposal !== undefined || other.#disposal !== undefined)
      return Promise.reject(new EngineError(`${this.#name}: used after dispose()`));
    // In both queues at once: each waiting for the other in turn could wait for ever.
    const ready = Promise.all([this.#last, other.#last]);
    const result = ready.then(() => this.#inner.exchangeState(other.#inner));
    const settled = result.then(
      () => undefined,
      () => undefined,
    );
    this.#last = settled;
    other.#last = settled;
    return result;
  }

  toOnnx(): Uint8Array {
    return this.#inner.toOnnx();
  }

  dispose(): Promise<void> {
    this.#disposal ??= this.#enqueue(() => this.#inner.dispose());
    return this.#disposal;
  }
}
