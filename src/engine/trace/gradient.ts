// How the engine writes a gradient for TF.js: which inputs it is of, from those inputs alone.

import * as tf from '@tensorflow/tfjs-core';

type Tensors = readonly tf.Tensor[];
type Gradient = (dy: tf.Tensor, saved: Tensors, attrs: tf.NamedAttrMap) => readonly tf.Tensor[];

/** A gradient with respect to `keys`, which are also what is saved. */
export const of = (kernelName: string, keys: readonly string[], gradient: Gradient): tf.GradConfig => ({
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

export function kernel(name: string, inputs: Record<string, tf.Tensor>, attrs: tf.NamedAttrMap): tf.Tensor {
  const result: tf.Tensor | tf.Tensor[] = tf.engine().runKernel(name, inputs, attrs);
  return Array.isArray(result) ? at(result, 0) : result;
}

export const pick = (attrs: tf.NamedAttrMap, names: readonly string[]): tf.NamedAttrMap =>
  Object.fromEntries(
    names.flatMap(name => {
      const value = attrs[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );

/** The gradient of a broadcast: sums over what was repeated. */
export function sumTo(x: tf.Tensor, shape: number[]): tf.Tensor {
  const axes = tf.broadcast_util.getReductionAxes(shape, x.shape);
  return tf.reshape(axes.length > 0 ? tf.sum(x, axes) : x, shape);
}

export function some(tensor: tf.Tensor | undefined): tf.Tensor {
  if (tensor === undefined) throw new RangeError('a gradient lacks what it saved');
  return tensor;
}
