// Runs the same ops compiled and eagerly on TF.js's JS backend, forward and gradient, and compares element by element.

import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import {compile, type Definition, type HostTensor, type HostTensors} from '../../src/engine/index.ts';

export type Op = (...inputs: tf.Tensor[]) => tf.Tensor | readonly tf.Tensor[];

export interface Case {
  readonly name: string;
  readonly op: Op;
  readonly inputs: readonly HostTensor[];
  /** Which inputs a gradient is taken of. */
  readonly differentiate: readonly number[];
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((p, d) => p * d, 1);

/** Numbers in [low, high) from a seed (a linear congruential generator: good enough to fill tensors). */
export function uniform(seed: number, shape: readonly number[], low = -2, high = 2): HostTensor {
  let state = (seed * 2654435761 + 12345) >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const data = Float32Array.from({length: sizeOf(shape)}, () => low + next() * (high - low));
  return {dtype: 'float32', shape, data};
}

/** Whole numbers in [low, high). */
export function whole(seed: number, shape: readonly number[], low: number, high: number): HostTensor {
  const {data} = uniform(seed, shape, low, high);
  return {dtype: 'int32', shape, data: Int32Array.from(data, Math.floor)};
}

const list = (x: tf.Tensor | readonly tf.Tensor[]): readonly tf.Tensor[] =>
  x instanceof tf.Tensor ? [x] : x;

/** A sum in which every element of every output has a weight of its own. */
export function weighted(outputs: tf.Tensor | readonly tf.Tensor[]): tf.Scalar {
  const sums = list(outputs).map(y => {
    const weights = tf.sin(tf.reshape(tf.range(1, y.size + 1, 1, 'float32'), y.shape));
    return tf.sum(tf.mul(y, weights));
  });
  return sums.reduce((a, b) => tf.add(a, b)).asScalar();
}

const inputName = (name: string, index: number): string => `${name}#${index}`;

function definitionOf(cases: readonly Case[]): Definition {
  const resident: Record<string, HostTensor> = {};
  for (const {name, inputs} of cases)
    inputs.forEach((tensor, i) => {
      resident[inputName(name, i)] = tensor;
    });
  return {
    name: 'compare',
    state: {},
    resident,
    step: given => {
      const metrics: Record<string, tf.Tensor> = {};
      for (const {name, op, inputs, differentiate} of cases) {
        const tensors = inputs.map((_, i) => {
          const tensor = given.resident[inputName(name, i)];
          assert.ok(tensor);
          return tensor;
        });
        list(op(...tensors)).forEach((y, i) => {
          metrics[`${name} → ${i}`] = y;
        });
        if (differentiate.length === 0) continue;
        const f = (...some: tf.Tensor[]): tf.Scalar =>
          weighted(op(...tensors.map((t, i) => some[differentiate.indexOf(i)] ?? t)));
        const gradients = tf.grads(f)(differentiate.map(i => tensors[i] ?? tf.scalar(0)));
        gradients.forEach((g, i) => {
          metrics[`${name} gradient ${differentiate[i]}`] = g;
        });
      }
      return {state: {}, metrics};
    },
  };
}

export async function runOnce(
  definition: Definition,
  device: 'cpu' | 'tfjs' | 'webgpu',
): Promise<HostTensors> {
  const program = await compile(definition, {device});
  try {
    return await program.run({}, 1);
  } finally {
    await program.dispose();
  }
}

export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}
export const tight: Tolerance = {relative: 1e-4, absolute: 2e-5};

/** Floats within the tolerance, everything else equal. */
export function assertClose(got: HostTensors, wanted: HostTensors, {relative, absolute} = tight): void {
  assert.deepEqual(Object.keys(got).sort(), Object.keys(wanted).sort());
  for (const [name, reference] of Object.entries(wanted)) {
    const tensor = got[name];
    assert.ok(tensor);
    assert.equal(tensor.dtype, reference.dtype, `${name}: type`);
    assert.deepEqual(tensor.shape, reference.shape, `${name}: shape`);
    reference.data.forEach((want, i) => {
      const is = tensor.data[i] ?? Number.NaN;
      const isEqual = Object.is(is, want) || Math.abs(is - want) <= absolute + relative * Math.abs(want);
      assert.ok(isEqual, `${name}[${i}]: expected ${want}, got ${is} (shape [${reference.shape}])`);
    });
  }
}

export async function assertSameAsEager(
  cases: readonly Case[],
  tolerance = tight,
  device: 'cpu' | 'webgpu' = 'cpu',
): Promise<void> {
  const definition = definitionOf(cases);
  assertClose(await runOnce(definition, device), await runOnce(definition, 'tfjs'), tolerance);
}
