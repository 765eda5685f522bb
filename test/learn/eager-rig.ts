// Runs a program's steps one by one on TF.js's JS backend: the oracle of the compiled form. Checks for tensor leaks.

import assert from 'node:assert/strict';
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import type {Definition, HostTensor, HostTensors} from '../../src/engine/program.ts';

export function toTensor({data, shape, dtype}: HostTensor): tf.Tensor {
  return dtype === 'uint8'
    ? tf.tensor(Int32Array.from(data), [...shape], 'int32')
    : tf.tensor(data, [...shape], dtype);
}

export function toHost(tensor: tf.Tensor): HostTensor {
  const {shape} = tensor;
  return tensor.dtype === 'float32'
    ? {dtype: 'float32', shape, data: Float32Array.from(tensor.dataSync())}
    : {dtype: 'int32', shape, data: Int32Array.from(tensor.dataSync())};
}

const mapped = <A, B>(record: Readonly<Record<string, A>>, f: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value)]));

/** Runs as many steps as the scanned arrays have; returns the last state and each step's metrics. */
export async function runEagerly(
  definition: Definition,
  scanned: HostTensors,
  start: HostTensors = definition.state,
): Promise<{state: HostTensors; metrics: readonly HostTensors[]}> {
  await tf.setBackend('cpu');
  const steps = Object.values(scanned)[0]?.shape[0] ?? 0;
  const resident = mapped(definition.resident ?? {}, toTensor);
  let state = start;
  const metrics: HostTensors[] = [];
  for (let step = 0; step < steps; step++) {
    const before = tf.memory().numTensors;
    const [next, measured] = (() => {
      const out = tf.tidy(() => {
        const result = definition.step({
          state: mapped(state, toTensor),
          resident,
          scanned: mapped(scanned, tensor =>
            tf.reshape(tf.slice(toTensor(tensor), [step], [1]), tensor.shape.slice(1)),
          ),
        });
        return {...prefix('state', result.state), ...prefix('metrics', result.metrics)};
      });
      const host = mapped(out, toHost);
      tf.dispose(out);
      return [unprefix('state', host), unprefix('metrics', host)];
    })();
    assert.equal(tf.memory().numTensors, before, 'a step leaks tensors');
    state = next;
    metrics.push(measured);
  }
  tf.dispose(resident);
  return {state, metrics};
}

const prefix = <T>(name: string, record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [`${name}:${key}`, value]));

const unprefix = <T>(name: string, record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(
    Object.entries(record).flatMap(([key, value]) =>
      key.startsWith(`${name}:`) ? [[key.slice(name.length + 1), value]] : [],
    ),
  );
