// The contract of the engine: what a TF.js program is, before and after it is compiled.
// Plain types; nothing here loads TF.js or ONNX Runtime.

import type {Tensor} from '@tensorflow/tfjs-core';

/** Element types at the edge. Inside a step, `uint8` data are seen as TF.js `int32` tensors. */
export type Dtype = 'float32' | 'int32' | 'uint8' | 'bool';

/** Dense row-major data on the host. `data.length` is the product of `shape`. */
export type HostTensor =
  | {readonly dtype: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array}
  | {readonly dtype: 'int32'; readonly shape: readonly number[]; readonly data: Int32Array}
  | {readonly dtype: 'uint8' | 'bool'; readonly shape: readonly number[]; readonly data: Uint8Array};

export type HostTensors = Readonly<Record<string, HostTensor>>;

/** Shape and type of one step's slice of a scanned input. */
export interface SliceSpec {
  readonly shape: readonly number[];
  readonly dtype: Dtype;
}

export type TensorsNamed<Name extends string = string> = Readonly<Record<Name, Tensor>>;

/** What a step is given. All are ordinary TF.js tensors; none may be read (`dataSync`) inside the step. */
export interface StepInputs {
  /** Weights, optimizer slots, running statistics: as the previous step returned them. */
  readonly state: TensorsNamed;
  /** Data that stay in the session over all calls, such as a whole data set. */
  readonly resident: TensorsNamed;
  /** This step's slice of each scanned input: batch indices, learning rate, augmentation draws, masks. */
  readonly scanned: TensorsNamed;
}

export interface StepOutputs {
  /** The next state: exactly the names, shapes and types of the state given. */
  readonly state: TensorsNamed;
  /** Anything to be read after the call; stacked over steps along a new leading axis. */
  readonly metrics: TensorsNamed;
}

/** A training or evaluation program: one step in plain TF.js, and everything that it reads. */
export interface Definition {
  /** A short name for messages and for the graph, such as `train-wrn-16-2`. */
  readonly name: string;
  /** Initial values of the state. */
  readonly state: HostTensors;
  readonly resident?: HostTensors;
  readonly scanned?: Readonly<Record<string, SliceSpec>>;
  readonly step: (inputs: StepInputs) => StepOutputs;
}

/** `auto` takes the fastest device that is really there; `tfjs` runs eagerly on the best TF.js backend. */
export type DeviceChoice = 'auto' | 'cpu' | 'webgpu' | 'cuda' | 'tfjs';

export interface CompileOptions {
  readonly device?: DeviceChoice;
  /** Threads inside one operator, at least 1. Default 1: parallelism belongs to whoever runs several programs. */
  readonly threads?: number;
}

/** The device that a program runs on, and why that one. */
export interface Device {
  readonly kind: Exclude<DeviceChoice, 'auto'>;
  /** For people: `ONNX Runtime 1.30 on cpu, 1 thread`. */
  readonly name: string;
  readonly reason: string;
}

export interface RunOptions {
  /** Looked at about ten times a second, or after each step where one takes longer. */
  readonly signal?: AbortSignal;
  /** Told as often. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Calls may overlap: each starts from the state that the one made before it leaves. */
export interface Program {
  readonly device: Device;
  /**
   * Runs one step per slice. Every scanned array has a leading axis of the same length, the number of steps;
   * a program without scanned inputs says `steps`. Returns each metric with a leading axis of that length. A call that
   * fails or is aborted leaves the state that the last steps before it reached.
   */
  run(scanned: HostTensors, steps?: number, options?: RunOptions): Promise<HostTensors>;
  /** A copy of the state on the host. */
  readState(): Promise<HostTensors>;
  /** Replaces the state, whole: names, shapes and types must be those of the definition. */
  writeState(state: HostTensors): Promise<void>;
  /**
   * Exchanges the states of two programs with the same state on one device, such as the phases of one training: nothing is
   * copied.
   */
  exchangeState(other: Program): Promise<void>;
  /**
   * The compiled graph as an ONNX model (not for `tfjs`). It holds operators that only this kind of CPU and ONNX Runtime
   * know, unless it is `portable`: then it is plain ONNX, and slower.
   */
  toOnnx(options?: {readonly portable?: boolean}): Uint8Array;
  dispose(): Promise<void>;
}
