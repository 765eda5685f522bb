// Gradients that can themselves be differentiated. TF.js keeps the outputs of some ops for their gradients, and
// loses the path through what it kept: grad of grad then fails or is wrong (tfjs#3252). The gradients here are
// written with the op's inputs alone; others complete what TF.js has no second gradient for. They hold only while a
// step runs. A compiled graph shares the repeated op with the forward pass.

import * as tf from '@tensorflow/tfjs-core';

type Tensors = readonly tf.Tensor[];
type Gradient = (dy: tf.Tensor, saved: Tensors, attrs: tf.NamedAttrMap) => readonly tf.Tensor[];

/** A gradient with respect to `keys`, which are also what is saved. */
const of = (kernelName: string, keys: readonly string[], gradient: Gradient): tf.GradConfig => ({
  kernelName,
  inputsToSave: [...keys],
  gradFunc: (dy, saved, attrs) => {
    const [first] = Array.isArray(dy) ? dy : [dy];
    if (first === undefined) throw new RangeError(`${kernelName} was given no gradient`);
    return Object.fromEntries(keys.map((key, i) => [key, () => at(gradient(first, saved, attrs), i)]));
  },
});

function at(tensors: Tensors, index: number): tf.Tensor {
  const tensor = tensors[index];
  if (tensor === undefined) throw new RangeError(`no tensor ${index}`);
  return tensor;
}

function kernel(name: string, inputs: Record<string, tf.Tensor>, attrs: tf.NamedAttrMap): tf.Tensor {
  const result: tf.Tensor | tf.Tensor[] = tf.engine().runKernel(name, inputs, attrs);
  return Array.isArray(result) ? at(result, 0) : result;
}

const pick = (attrs: tf.NamedAttrMap, names: readonly string[]): tf.NamedAttrMap =>
  Object.fromEntries(
    names.flatMap(name => {
      const value = attrs[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
const convolution = ['strides', 'pad', 'dataFormat', 'dimRoundingMode'];
const pooling = ['filterSize', 'strides', 'pad', 'dimRoundingMode'];

const configs: readonly tf.GradConfig[] = [
  of('Exp', ['x'], (dy, [x]) => [tf.mul(dy, tf.exp(some(x)))]),
  of('Tanh', ['x'], (dy, [x]) => [tf.mul(dy, tf.sub(1, tf.square(tf.tanh(some(x)))))]),
  of('Sigmoid', ['x'], (dy, [x]) => {
    const y = tf.sigmoid(some(x));
    return [tf.mul(dy, tf.mul(y, tf.sub(1, y)))];
  }),
  of('Elu', ['x'], (dy, [given]) => {
    const x = some(given);
    return [tf.mul(dy, tf.where(tf.greaterEqual(x, 0), tf.onesLike(x), tf.exp(tf.minimum(x, 0))))];
  }),
  of('Softmax', ['logits'], (dy, [logits], attrs) => {
    const dim = Number(attrs.dim ?? -1);
    const y = tf.softmax(some(logits), dim);
    const product = tf.mul(dy, y);
    return [tf.sub(product, tf.mul(tf.sum(product, dim, true), y))];
  }),
  of('LogSoftmax', ['logits'], (dy, [logits], attrs) => {
    const axis = Number(attrs.axis ?? -1);
    return [tf.sub(dy, tf.mul(tf.sum(dy, axis, true), tf.softmax(some(logits), axis)))];
  }),
  // A convolution is linear in each of its arguments: each of its gradients is one of the other two.
  of('Conv2DBackpropFilter', ['x', 'dy'], (filter, [x, dy], attrs) => [
    kernel(
      'Conv2DBackpropInput',
      {dy: some(dy), filter},
      {...pick(attrs, convolution), inputShape: some(x).shape},
    ),
    kernel('Conv2D', {x: some(x), filter}, {...pick(attrs, convolution), dilations: [1, 1]}),
  ]),
  of('AvgPoolGrad', ['dy', 'input'], (d, [, input], attrs) => [
    kernel('AvgPool', {x: d}, pick(attrs, pooling)),
    tf.zerosLike(some(input)),
  ]),
  of('MaxPoolGrad', ['dy', 'input', 'output'], (d, [dy, input, output], attrs) => {
    const found: tf.Tensor | tf.Tensor[] = tf
      .engine()
      .runKernel('MaxPoolWithArgmax', {x: some(input)}, {...pick(attrs, pooling), includeBatchInIndex: true});
    const [, indices] = Array.isArray(found) ? found : [];
    const picked = tf.gather(tf.reshape(d, [-1]), tf.cast(tf.reshape(some(indices), [-1]), 'int32'));
    return [tf.reshape(picked, some(dy).shape), tf.zerosLike(some(input)), tf.zerosLike(some(output))];
  }),
];

function some(tensor: tf.Tensor | undefined): tf.Tensor {
  if (tensor === undefined) throw new RangeError('a gradient lacks what it saved');
  return tensor;
}

/** Runs `body` with these gradients in force, and TF.js's own afterwards. */
export function withDifferentiableGradients<T>(body: () => T): T {
  const before = configs.map(({kernelName}) => tf.getGradient(kernelName));
  for (const config of configs) tf.registerGradient(config);
  try {
    return body();
  } finally {
    configs.forEach(({kernelName}, i) => {
      const own = before[i];
      if (own === undefined) tf.unregisterGradient(kernelName);
      else tf.registerGradient(own);
    });
  }
}
