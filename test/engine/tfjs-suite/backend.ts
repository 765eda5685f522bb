// A TF.js backend for TF.js's own specs: ops append to a graph, and each read compiles what the tensor is computed from,
// as a program's step is compiled, and runs it. Tensors that a spec writes are inputs of the graph, so that nothing is
// computed by folding constants.

import {createRequire} from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import {Builder} from '../../../src/engine/ir/builder.ts';
import {reach} from '../../../src/engine/ir/reach.ts';
import type {Data, Graph, NamedValue, Value} from '../../../src/engine/ir/value.ts';
import {definedKernels} from '../../../src/engine/kernels/index.ts';
import {metricOutput, residentInput} from '../../../src/engine/onnx/scan.ts';
import {stepModel} from '../../../src/engine/onnx/step.ts';
import {optimize} from '../../../src/engine/optimize.ts';
import {explainFailure} from '../../../src/engine/run/failure.ts';
import {sessionOptions} from '../../../src/engine/run/session.ts';
import {TraceBackend} from '../../../src/engine/trace/backend.ts';
import {runKernel} from '../../../src/engine/trace/call.ts';
import '../../../src/engine/trace/trace.ts';

interface Binding {
  readonly InferenceSession: new () => {
    loadModel(bytes: ArrayBufferLike, offset: number, length: number, options: object): void;
    run(feeds: object, fetches: object, options: object): Readonly<Record<string, {readonly data: Data}>>;
    dispose(): void;
  };
}
// ONNX Runtime's package has no synchronous call, and `dataSync` needs one: its binding has.
const require = createRequire(import.meta.url);
const {Tensor} = require('onnxruntime-node');
const {binding, initOrt}: {readonly binding: Binding; readonly initOrt: () => void} = require(
  `${require.resolve('onnxruntime-node').replace(/index\.js$/, '')}binding.js`,
);

export const suiteBackendName = 'pipe-suite';

const dataOf = (
  values: ArrayLike<number | boolean>,
  dtype: tf.DataType,
): Float32Array | Int32Array | Uint8Array => {
  const list = Array.from(values, Number);
  if (dtype === 'float32') return Float32Array.from(list);
  return dtype === 'bool' ? Uint8Array.from(list) : Int32Array.from(list);
};

export class SuiteBackend extends TraceBackend {
  readonly #written = new Map<Value, Data>();
  readonly #block: number | undefined;
  #count = 0;

  constructor(block: number | undefined) {
    super();
    this.#block = block;
    this.begin(new Builder());
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool')
      return super.write(values, shape, dtype);
    // Refuses what is drawn inside of a step.
    const constant = super.write(values, shape, dtype);
    if (values === undefined) return constant;
    const value = this.builder.input(`written.${this.#count++}`, dtype, shape);
    this.#written.set(value, dataOf(Array.from(values, Number), dtype));
    return this.adopt(value).dataId;
  }

  override readSync(dataId: tf.DataId): never {
    // The base class never returns from here; this one does.
    return this.#values(dataId) as never;
  }

  override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
    return this.#values(dataId);
  }

  /** Of complex numbers the parts take turns. */
  #values(dataId: tf.DataId): tf.BackendValues {
    const complex = this.complexParts(dataId);
    if (complex === undefined) return this.#read(this.valueOf_(dataId));
    const [re, im] = [this.#read(complex.re), this.#read(complex.im)];
    return Float32Array.from({length: 2 * re.length}, (_, i) => Number((i % 2 === 0 ? re : im)[i >> 1]));
  }

  valueOf_(dataId: tf.DataId): Value {
    return this.graphValue({dataId, shape: [], dtype: 'float32'});
  }

  #read(value: Value): tf.BackendValues {
    const written = this.#written.get(value);
    const data = written ?? this.#compute(value);
    if (value.type === 'int64') return Int32Array.from(Array.from(data, Number));
    if (data instanceof BigInt64Array) throw new TypeError('expected no int64');
    return value.type === 'uint8' ? Int32Array.from(data) : data.slice();
  }

  #compute(value: Value): Data {
    const inputs = new Set<Value>();
    for (const node of reach([value]).nodes)
      for (const v of node.inputs) if (this.#written.has(v)) inputs.add(v);
    const resident = [...inputs].map((v, i): NamedValue => ({name: String(i), value: v}));
    const traced: Graph = {name: 'spec', state: [], resident, scanned: [], metrics: [{name: 'y', value}]};
    const model = stepModel(optimize(this.builder, traced, {block: this.#block}));
    initOrt();
    const session = new binding.InferenceSession();
    session.loadModel(
      model.bytes.buffer,
      model.bytes.byteOffset,
      model.bytes.byteLength,
      sessionOptions('cpu', 1),
    );
    const feeds = resident.map(({name, value: v}) => {
      return [residentInput(name), new Tensor(v.type, this.#written.get(v), [...v.shape])] as const;
    });
    const results = (() => {
      try {
        return session.run(Object.fromEntries(feeds), {[metricOutput('y')]: null}, {});
      } catch (error) {
        throw explainFailure('spec', error, model.origins);
      } finally {
        session.dispose();
      }
    })();
    const result = results[metricOutput('y')];
    if (result === undefined) throw new RangeError('no result');
    return result.data;
  }
}

/** Registers the backend with every kernel of the engine. */
export function registerSuite(block: number | undefined): SuiteBackend {
  const backend = new SuiteBackend(block);
  tf.registerBackend(suiteBackendName, () => backend, 0);
  for (const [kernelName, kernel] of definedKernels())
    tf.registerKernel({
      kernelName,
      backendName: suiteBackendName,
      kernelFunc: ({inputs, attrs}) => runKernel(backend, kernelName, kernel, inputs, attrs),
    });
  return backend;
}
