// Gradients that can themselves be differentiated. TF.js keeps the outputs of some ops for their gradients, and
// loses the path through what it kept: grad of grad then fails or is wrong (tfjs#3252). The gradients here are
// written with the op's inputs alone. They hold only while a step runs; a compiled graph shares the repeated op.

import * as tf from '@tensorflow/tfjs-core';

type Gradient = (x: tf.Tensor, dy: tf.Tensor, attrs: tf.NamedAttrMap) => tf.Tensor;

const one = (dy: tf.Tensor | tf.Tensor[]): tf.Tensor => {
  const [first] = Array.isArray(dy) ? dy : [dy];
  if (first === undefined) throw new RangeError('a gradient without dy');
  return first;
};

const ofInput = (kernelName: string, key: string, gradient: Gradient): tf.GradConfig => ({
  kernelName,
  inputsToSave: [key],
  gradFunc: (dy, [x], attrs) => {
    if (x === undefined) throw new RangeError(`${kernelName} saved nothing`);
    return {[key]: () => gradient(x, one(dy), attrs)};
  },
});

const configs: readonly tf.GradConfig[] = [
  ofInput('Exp', 'x', (x, dy) => tf.mul(dy, tf.exp(x))),
  ofInput('Tanh', 'x', (x, dy) => tf.mul(dy, tf.sub(1, tf.square(tf.tanh(x))))),
  ofInput('Sigmoid', 'x', (x, dy) => {
    const y = tf.sigmoid(x);
    return tf.mul(dy, tf.mul(y, tf.sub(1, y)));
  }),
  ofInput('Elu', 'x', (x, dy) =>
    tf.mul(dy, tf.where(tf.greater(x, 0), tf.onesLike(x), tf.exp(tf.minimum(x, 0)))),
  ),
  ofInput('Softmax', 'logits', (x, dy) => {
    const y = tf.softmax(x);
    const product = tf.mul(dy, y);
    return tf.sub(product, tf.mul(tf.sum(product, -1, true), y));
  }),
  ofInput('LogSoftmax', 'logits', (x, dy) => tf.sub(dy, tf.mul(tf.sum(dy, -1, true), tf.softmax(x)))),
];

/** Runs `body` with these gradients in force, and TF.js's own afterwards. */
export function withDifferentiableGradients<T>(body: () => T): T {
  const before = configs.map(({kernelName}) => tf.getGradient(kernelName));
  const replace = (list: readonly tf.GradConfig[]): void => {
    for (const config of list) tf.registerGradient(config);
  };
  replace(configs);
  try {
    return body();
  } finally {
    replace(before);
  }
}
