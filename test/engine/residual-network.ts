// A program as a user writes it: a small residual network with dropout masks as inputs, trained by Adam, with a
// Hessian-vector product as a metric.

import * as tf from '@tensorflow/tfjs-core';
import type {Definition, HostTensor, HostTensors} from '../../src/engine/index.ts';
import {uniform, whole} from './compare.ts';

const batch = 4;
const classes = 3;
const samples = 12;
const shapes: Readonly<Record<string, number[]>> = {
  stem: [3, 3, 2, 4],
  first: [3, 3, 4, 8],
  second: [3, 3, 8, 8],
  shortcut: [1, 1, 4, 8],
  dense: [8, classes],
  bias: [classes],
};
const names = Object.keys(shapes);

const some = (tensors: Readonly<Record<string, tf.Tensor>>, name: string): tf.Tensor => {
  const tensor = tensors[name];
  if (tensor === undefined) throw new RangeError(`no tensor ${name}`);
  return tensor;
};

function norm(x: tf.Tensor4D): tf.Tensor4D {
  const {mean, variance} = tf.moments(x, [0, 1, 2]);
  const channels = x.shape[3];
  return tf.batchNorm(
    x,
    mean as tf.Tensor1D,
    variance as tf.Tensor1D,
    tf.zeros([channels]) as tf.Tensor1D,
    tf.ones([channels]) as tf.Tensor1D,
  );
}

function logits(
  weights: Readonly<Record<string, tf.Tensor>>,
  images: tf.Tensor4D,
  mask: tf.Tensor,
): tf.Tensor2D {
  const conv = (x: tf.Tensor4D, name: string, stride: number): tf.Tensor4D =>
    tf.conv2d(x, some(weights, name) as tf.Tensor4D, stride, 'same');
  const start = tf.relu(norm(conv(images, 'stem', 1)));
  const inner = tf.mul(tf.relu(norm(conv(start, 'first', 2))), tf.div(mask, 0.75)) as tf.Tensor4D;
  const block = tf.add(conv(inner, 'second', 1), conv(start, 'shortcut', 2));
  const pooled = tf.mean(tf.relu(block), [1, 2]) as tf.Tensor2D;
  return tf.add(tf.matMul(pooled, some(weights, 'dense') as tf.Tensor2D), some(weights, 'bias'));
}

/** The definition and the scanned arrays of that many steps. */
export function residualNetwork(steps: number): {
  readonly definition: Definition;
  readonly scanned: HostTensors;
} {
  const initial = (prefix: string, of: (name: string, i: number) => HostTensor): [string, HostTensor][] =>
    names.map((name, i) => [`${prefix}.${name}`, of(name, i)]);
  const shapeOf = (name: string): number[] => shapes[name] ?? [];
  const zeros = (name: string): HostTensor =>
    ({...uniform(1, shapeOf(name), 0, 0), dtype: 'float32'}) as HostTensor;
  const definition: Definition = {
    name: 'residual-network',
    state: Object.fromEntries([
      ...initial('weight', (name, i) => uniform(i + 1, shapeOf(name), -0.4, 0.4)),
      ...initial('m', zeros),
      ...initial('v', zeros),
    ]),
    resident: {
      images: {
        ...whole(50, [samples, 6, 6, 2], 0, 256),
        dtype: 'uint8',
        data: Uint8Array.from(whole(50, [samples, 6, 6, 2], 0, 256).data),
      },
      labels: whole(51, [samples], 0, classes),
    },
    scanned: {
      indices: {shape: [batch], dtype: 'int32'},
      mask: {shape: [batch, 3, 3, 8], dtype: 'float32'},
      rate: {shape: [], dtype: 'float32'},
      step: {shape: [], dtype: 'float32'},
    },
    step: ({state, resident, scanned}) => {
      const indices = some(scanned, 'indices') as tf.Tensor1D;
      const images = tf.div(
        tf.cast(tf.gather(some(resident, 'images'), indices), 'float32'),
        255,
      ) as tf.Tensor4D;
      const labels = tf.oneHot(tf.gather(some(resident, 'labels') as tf.Tensor1D, indices), classes);
      const mask = some(scanned, 'mask');
      const loss = (...list: tf.Tensor[]): tf.Scalar => {
        const weights = Object.fromEntries(names.map((name, i) => [name, list[i] ?? tf.scalar(0)]));
        return tf.losses.softmaxCrossEntropy(labels, logits(weights, images, mask), undefined, 0.1);
      };
      const weights = names.map(name => some(state, `weight.${name}`));
      const {value, grads} = tf.valueAndGrads(loss)(weights);
      const along = (...list: tf.Tensor[]): tf.Scalar =>
        tf.addN(
          tf
            .grads(loss)(list)
            .map((g, i) => tf.sum(tf.mul(g, tf.sign(some(state, `weight.${names[i]}`))))),
        ) as tf.Scalar;
      const products = tf.grads(along)(weights);
      const t = some(scanned, 'step');
      const next: [string, tf.Tensor][] = names.flatMap((name, i): [string, tf.Tensor][] => {
        const [gradient, weight] = [grads[i], weights[i]];
        if (gradient === undefined || weight === undefined) throw new RangeError(name);
        const m = tf.add(tf.mul(some(state, `m.${name}`), 0.9), tf.mul(gradient, 0.1));
        const v = tf.add(tf.mul(some(state, `v.${name}`), 0.99), tf.mul(tf.square(gradient), 0.01));
        const corrected = tf.div(m, tf.sub(1, tf.pow(0.9, t)));
        const scale = tf.add(tf.sqrt(tf.div(v, tf.sub(1, tf.pow(0.99, t)))), 1e-3);
        const moved = tf.sub(weight, tf.mul(some(scanned, 'rate'), tf.div(corrected, scale)));
        return [
          [`weight.${name}`, moved],
          [`m.${name}`, m],
          [`v.${name}`, v],
        ];
      });
      const curvature = tf.concat(products.map(p => tf.reshape(p, [-1])));
      return {state: Object.fromEntries(next), metrics: {loss: value, curvature}};
    },
  };
  const draws = uniform(60, [steps, batch, 3, 3, 8], 0, 1);
  const scanned: HostTensors = {
    indices: whole(61, [steps, batch], 0, samples),
    mask: {
      dtype: 'float32',
      shape: draws.shape,
      data: Float32Array.from(draws.data, x => (x < 0.25 ? 0 : 1)),
    },
    rate: {dtype: 'float32', shape: [steps], data: new Float32Array(steps).fill(0.01)},
    step: {dtype: 'float32', shape: [steps], data: Float32Array.from({length: steps}, (_, i) => i + 1)},
  };
  return {definition, scanned};
}
