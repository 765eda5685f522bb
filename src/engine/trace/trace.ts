// Traces a step: the definition's tensors become graph inputs, the step runs once on the recording backend,
// and what it returns becomes the graph's outputs. TF.js's state is as before afterwards, whatever happens.

import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import {EngineError} from '../errors.ts';
import {Builder} from '../ir/builder.ts';
import {cast} from '../ir/ops.ts';
import {iota} from '../ir/shape.ts';
import type {Graph, NamedValue, Shape, StateEntry, Value} from '../ir/value.ts';
import {definedKernels} from '../kernels/index.ts';
import type {Definition, Dtype, StepInputs, StepOutputs, TensorsNamed} from '../program.ts';
import {backendName, randomMessage, randomOp, TraceBackend} from './backend.ts';
import {runKernel} from './call.ts';
import {withoutOptimizers} from './optimizers.ts';
import {checkOutputs} from './outputs.ts';
import {placeOf} from './place.ts';
import {runOn} from './switch.ts';

const backend = new TraceBackend();
let isRegistered = false;

function register(): void {
  if (isRegistered) return;
  isRegistered = true;
  tf.registerBackend(backendName, () => backend, 0);
  for (const [kernelName, kernel] of definedKernels())
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({inputs, attrs}) => runKernel(backend, kernelName, kernel, inputs, attrs),
    });
  tf.registerKernel({
    kernelName: tf.Multinomial,
    backendName,
    kernelFunc: () => backend.fail(randomMessage('tf.multinomial')),
  });
}

/** Runs `body` with the recording backend as TF.js's, and Math.random guarded. */
function whileTracing<T>(b: Builder, name: string, body: () => T): T {
  register();
  const {random} = Math;
  backend.begin(b);
  Math.random = () => backend.fail(randomMessage(randomOp() ?? 'Math.random'));
  try {
    const result = withoutOptimizers(
      message => backend.fail(message),
      () => runOn(backendName, name, body),
    );
    if (backend.failure !== undefined) throw backend.failure;
    return result;
  } catch (error) {
    throw backend.failure ?? explained(error);
  } finally {
    Math.random = random;
    backend.end();
  }
}

const dynamic = /^(?:Unique|NonMaxSuppression|Where|SparseFillEmptyRows|SparseReshape|Ragged)/;

/** TF.js's own errors in terms of the engine's. */
function explained(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const missing = /Kernel '(\w+)' not registered/.exec(error.message)?.[1];
  if (missing === undefined) return error;
  const why = dynamic.test(missing)
    ? 'the shape of its result depends on data, and shapes in a compiled step are static'
    : 'the engine has no kernel for it yet: write it with other ops, or compute it outside and pass it in';
  return new EngineError(`tf op with kernel ${missing} cannot be compiled: ${why}`, placeOf(error));
}

export interface Traced {
  readonly builder: Builder;
  readonly graph: Graph;
}

/** @throws EngineError for whatever in the step cannot be compiled, with the op and the place. */
export function trace(definition: Definition): Traced {
  const b = new Builder();
  const {state, resident = {}, scanned = {}} = definition;
  const declare = (group: string, name: string, dtype: Dtype, shape: Shape): NamedValue => ({
    name,
    value: b.input(`${group}.${name}`, dtype, shape),
  });
  const states = Object.entries(state).map(([n, t]) => declare('state', n, t.dtype, t.shape));
  const residents = Object.entries(resident).map(([n, t]) => declare('resident', n, t.dtype, t.shape));
  const slices = Object.entries(scanned).map(([n, s]) => declare('scanned', n, s.dtype, s.shape));

  return whileTracing(b, definition.name, () => {
    const named = (values: readonly NamedValue[]): TensorsNamed =>
      Object.fromEntries(
        values.map(({name, value}) => [name, tf.engine().makeTensorFromTensorInfo(backend.adopt(value))]),
      );
    const inputs: StepInputs = {state: named(states), resident: named(residents), scanned: named(slices)};
    const outputs: StepOutputs = definition.step(inputs);
    if (backend.failure !== undefined) throw backend.failure;
    checkOutputs(definition, outputs);
    const graph: Graph = {
      name: definition.name,
      state: states.map(({name, value}): StateEntry => {
        const returned = outputs.state[name];
        if (returned === undefined) throw new RangeError(`no state ${name}`);
        const output = cast(b, backend.graphValue(returned), value.type);
        return {name, input: value, output, permutation: iota(value.shape.length)};
      }),
      resident: residents,
      scanned: slices,
      metrics: Object.entries(outputs.metrics).map(([name, tensor]) => ({
        name,
        value: external(b, backend.graphValue(tensor)),
      })),
    };
    return {builder: b, graph};
  });
}

/** Metrics leave as float32, int32 or bool. */
const external = (b: Builder, value: Value): Value =>
  value.type === 'uint8' || value.type === 'int64' ? cast(b, value, 'int32') : value;
