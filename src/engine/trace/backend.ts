// A tfjs-core backend that computes nothing: its tensors are graph values, its kernels append nodes.
// One trace is active at a time; traced tensors die with their trace.

import {
  type BackendValues,
  type DataId,
  type DataType,
  engine,
  KernelBackend,
  type TensorInfo,
  Variable,
} from '@tensorflow/tfjs-core';
import {EngineError} from '../errors.ts';
import type {Builder} from '../ir/builder.ts';
import {full} from '../ir/ops.ts';
import {type Data, type ElementType, logicalType, type Shape, type Value} from '../ir/value.ts';
import {type Complex, realOnly} from '../kernels/complex.ts';
import {placeOf, stackHere} from './place.ts';

/**
 * TF.js and its registry belong to the process, this module to a bundle: a worker that runs two stages has two copies
 * of it, and each needs a backend of its own.
 */
function ownName(): string {
  const count = Symbol.for('pipe.trace-backends');
  const copy = Number(Reflect.get(engine(), count) ?? 0) + 1;
  Reflect.set(engine(), count, copy);
  return copy === 1 ? 'pipe-trace' : `pipe-trace-${copy}`;
}

export const backendName = ownName();

/** Ops whose results TF.js makes on the host with a random generator. */
const randomOps = new Set([
  'dropout',
  'rand',
  'randomGamma',
  'randomNormal',
  'randomStandardNormal',
  'randomUniform',
  'randomUniformInt',
  'truncatedNormal',
  'multinomial',
]);

/** The TF.js ops that are running, outermost first. */
export const runningOps = (): string[] =>
  engine()
    .state.scopeStack.map(scope => scope.name)
    .filter(name => name.endsWith('__op'))
    .map(name => name.slice(0, -'__op'.length).replace(/_$/, ''));

/** The random op that is running, if one is. */
export function randomOp(): string | undefined {
  const op = runningOps().find(name => randomOps.has(name));
  return op === undefined ? undefined : `tf.${op}`;
}

function typed(values: ArrayLike<number | boolean>, type: ElementType): Data {
  const list = Array.from(values, Number);
  if (type === 'float32') return Float32Array.from(list);
  return type === 'bool' ? Uint8Array.from(list) : Int32Array.from(list);
}

export class TraceBackend extends KernelBackend {
  #builder: Builder | undefined;
  #values = new WeakMap<object, Value>();
  #complex = new WeakMap<object, Complex>();
  /** Traced tensors of earlier traces, to tell them from the user's constants. */
  #dead = new WeakSet<object>();
  #mine: object[] = [];
  /** The first mistake, kept because a step may swallow an error or meet it in a promise. */
  failure: EngineError | undefined;

  begin(builder: Builder): void {
    this.#builder = builder;
    this.failure = undefined;
  }

  end(): void {
    for (const id of this.#mine) this.#dead.add(id);
    this.#mine = [];
    this.#values = new WeakMap();
    this.#complex = new WeakMap();
    this.#builder = undefined;
  }

  get builder(): Builder {
    if (this.#builder === undefined)
      throw new EngineError(
        `the TF.js backend ${backendName} is for the engine alone: expected it inside of compile`,
        placeOf(stackHere()),
      );
    return this.#builder;
  }

  fail(message: string): never {
    const error = new EngineError(message, placeOf(stackHere()));
    this.failure ??= error;
    throw error;
  }

  /** Makes a tensor of a graph value. */
  adopt(value: Value): TensorInfo {
    const dataId = {};
    this.#values.set(dataId, value);
    this.#mine.push(dataId);
    return {dataId, shape: [...value.shape], dtype: logicalType(value.type)};
  }

  /** As `adopt`, for complex numbers. */
  adoptComplex(value: Complex): TensorInfo {
    const dataId = {};
    this.#complex.set(dataId, value);
    this.#mine.push(dataId);
    return {dataId, shape: [...value.re.shape], dtype: 'complex64'};
  }

  /** Both parts of a tensor: complex ones of other backends become constants, real ones have no imaginary part. */
  complexValue(tensor: TensorInfo): Complex {
    if (tensor.dtype !== 'complex64') return realOnly(this.builder, this.graphValue(tensor));
    const known = this.#complex.get(tensor.dataId);
    if (known !== undefined) return known;
    const values = this.#outside(tensor);
    const part = (offset: number): Value =>
      this.#constant(
        Float32Array.from(values, Number).filter((_, i) => i % 2 === offset),
        tensor.shape,
        'float32',
      );
    const value = {re: part(0), im: part(1)};
    this.#complex.set(tensor.dataId, value);
    return value;
  }

  complexParts(dataId: DataId): Complex | undefined {
    return this.#complex.get(dataId);
  }

  /** The graph value of a tensor; tensors of other backends become constants. */
  graphValue(tensor: TensorInfo): Value {
    const known = this.#values.get(tensor.dataId);
    if (known !== undefined) {
      return known;
    }
    if (tensor.dtype === 'complex64')
      this.fail('expected real numbers, got complex ones: give their parts, tf.real and tf.imag');
    const value = this.#constant(this.#outside(tensor), tensor.shape, tensor.dtype);
    this.#values.set(tensor.dataId, value);
    return value;
  }

  /** The numbers of a tensor that was made outside of the step. */
  #outside(tensor: TensorInfo): BackendValues {
    if (this.#dead.has(tensor.dataId))
      this.fail('a tensor of an earlier step was used: pass it on as state instead of keeping it');
    if (tensor instanceof Variable)
      this.fail(
        `the tf.Variable ${tensor.name} was used inside of a step, whose graph would keep its present value: ` +
          'make it part of the state',
      );
    const info = engine().state.tensorInfo.get(tensor.dataId);
    const values = info?.backend.readSync(tensor.dataId);
    if (values === undefined) return this.fail('a tensor was used that has been disposed of');
    return values;
  }

  #constant(values: BackendValues, shape: Shape, dtype: DataType): Value {
    if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool')
      this.fail(`expected a tensor of float32, int32 or bool, got ${dtype}`);
    const data = typed(Array.from(values, Number), dtype);
    const [first] = data;
    const isUniform = data.length > 1 && data.every((x: number | bigint) => Object.is(x, first));
    if (isUniform && first !== undefined) return full(this.builder, dtype, shape, Number(first));
    return this.builder.constant(dtype, shape, data);
  }

  override write(values: BackendValues, shape: number[], dtype: DataType): DataId {
    const random = randomOp();
    if (random !== undefined) this.fail(randomMessage(random));
    const value = this.#constant(values, shape, dtype);
    return this.adopt(value).dataId;
  }

  override move(dataId: DataId, values: BackendValues, shape: number[], dtype: DataType): void {
    this.#values.set(dataId, this.#constant(values, shape, dtype));
  }

  override readSync(dataId: DataId): never {
    const value = this.#values.get(dataId) ?? this.#complex.get(dataId)?.re;
    const what = value === undefined ? '' : ` of shape [${value.shape}]`;
    const [op] = runningOps();
    return this.fail(
      `a traced tensor${what} was read${op === undefined ? '' : ` by tf.${op}`}: inside of a step no value is ` +
        'known yet. Shapes must not depend on data; return what you want to read as a metric',
    );
  }

  override async read(dataId: DataId): Promise<BackendValues> {
    return this.readSync(dataId);
  }

  override disposeData(): boolean {
    return true;
  }
  override numDataIds(): number {
    return 0;
  }
  override incRef(): void {}
  decRef(): void {}
  override refCount(): number {
    return 1;
  }
  override memory(): {unreliable: boolean} {
    return {unreliable: true};
  }
  override timerAvailable(): boolean {
    return false;
  }
  override floatPrecision(): 16 | 32 {
    return 32;
  }
  override epsilon(): number {
    return 1e-7;
  }
  override dispose(): void {}
}

export const randomMessage = (what: string): string =>
  `${what} was used inside of a step, where it would be drawn once, at compile time: ` +
  'draw it outside and pass it in as a scanned input';
