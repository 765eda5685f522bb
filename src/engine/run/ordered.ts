// Calls of one program in the order in which they were made, one at a time: each starts from the state that the one
// before it left. Without this, two runs at once would start from the same state, and one result would be lost.

import {setImmediate} from 'node:timers/promises';
import {EngineError} from '../errors.ts';
import type {
  Definition,
  Device,
  HostTensor,
  HostTensors,
  Program,
  RunOptions,
  SliceSpec,
} from '../program.ts';
import {countSteps, rangeOf, zeros} from './host.ts';

/** Milliseconds after which a long call lets others have their turn. */
const TURN = 100;

export class OrderedProgram implements Program {
  readonly #inner: Program;
  readonly #name: string;
  readonly #scanned: Readonly<Record<string, SliceSpec>>;
  /** Of the last piece; at first a single step is tried. */
  #msPerStep = Number.POSITIVE_INFINITY;
  /** Settles, never rejects, when the last call made so far has ended. */
  #last: Promise<void> = Promise.resolve();
  #disposal: Promise<void> | undefined;

  constructor({name, scanned = {}}: Definition, inner: Program) {
    this.#name = name;
    this.#scanned = scanned;
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

  run(scanned: HostTensors, steps?: number, options: RunOptions = {}): Promise<HostTensors> {
    return this.#call(() => this.#inPieces(scanned, steps, options));
  }

  /**
   * ONNX Runtime computes on the thread that calls it: pieces of a long call let others have their turn in between. What
   * comes out is the same to the last bit, however it is cut.
   */
  async #inPieces(
    scanned: HostTensors,
    given: number | undefined,
    {signal, onProgress}: RunOptions,
  ): Promise<HostTensors> {
    const steps = countSteps(scanned, this.#scanned, given);
    signal?.throwIfAborted();
    const all: Record<string, HostTensor> = {};
    for (let done = 0; done < steps || steps === 0; ) {
      const count = Math.min(steps - done, Math.max(1, Math.floor(TURN / this.#msPerStep)));
      const slices = Object.entries(scanned).map(
        ([name, t]) => [name, rangeOf(t, done, done + count)] as const,
      );
      const start = performance.now();
      const metrics = await this.#inner.run(Object.fromEntries(slices), count);
      if (count === steps) {
        if (count > 0) this.#msPerStep = (performance.now() - start) / count;
        onProgress?.(steps, steps);
        return metrics;
      }
      this.#msPerStep = (performance.now() - start) / count;
      for (const [name, metric] of Object.entries(metrics)) {
        all[name] ??= zeros(metric.dtype, [steps, ...metric.shape.slice(1)]);
        all[name].data.set(metric.data, (metric.data.length / count) * done);
      }
      done += count;
      onProgress?.(done, steps);
      await setImmediate();
      signal?.throwIfAborted();
    }
    return all;
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

  toOnnx(options?: {readonly portable?: boolean}): Uint8Array {
    return this.#inner.toOnnx(options);
  }

  dispose(): Promise<void> {
    this.#disposal ??= this.#enqueue(() => this.#inner.dispose());
    return this.#disposal;
  }
}
