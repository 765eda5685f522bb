// First derivatives that TF.js lacks: of strided slices and gathers of points, of maximum, minimum and squared difference
// where they broadcast, and of dilated convolutions.

import * as tf from '@tensorflow/tfjs-core';
import {kernel, of, pick, some, sumTo} from './gradient.ts';

const float = (condition: tf.Tensor): tf.Tensor => tf.cast(condition, 'float32');

/** The larger or smaller of two, whose gradient goes to the first where they are equal. */
const extreme = (name: string, isFirst: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): tf.GradConfig =>
  of(name, ['a', 'b'], (dy, [x, y]) => {
    const [a, b] = [some(x), some(y)];
    const toFirst = isFirst(a, b);
    return [
      sumTo(tf.mul(dy, float(toFirst)), a.shape),
      sumTo(tf.mul(dy, float(tf.logicalNot(toFirst))), b.shape),
    ];
  });

/** TF.js's own backends leave the dilations of these gradients out without a word. */
function checkDilations(attrs: tf.NamedAttrMap): void {
  const {dilations} = attrs;
  const isDilated = (Array.isArray(dilations) ? dilations : [dilations ?? 1]).some(d => d !== 1);
  const isTraced = tf.engine().backendName.startsWith('pipe-');
  if (isDilated && !isTraced)
    throw new Error(
      'dilated convolutions have a gradient where they are compiled, and not on the device tfjs',
    );
}

const convolution = (stem: string): tf.GradConfig =>
  of(stem, ['x', 'filter'], (dy, [given, weights], attrs) => {
    checkDilations(attrs);
    const [x, filter] = [some(given), some(weights)];
    const how = pick(attrs, ['strides', 'pad', 'dataFormat', 'dimRoundingMode', 'dilations']);
    return [
      kernel(`${stem}BackpropInput`, {dy, filter}, {...how, inputShape: x.shape}),
      kernel(`${stem}BackpropFilter`, {x, dy}, {...how, filterShape: filter.shape}),
    ];
  });

const list = (attrs: tf.NamedAttrMap, name: string): number[] => {
  const value = attrs[name];
  return Array.isArray(value) ? value.map(Number) : [];
};

/** Where in the flat input each element of a strided slice comes from. */
function sources(shape: readonly number[], attrs: tf.NamedAttrMap): Int32Array {
  const masks = ['beginMask', 'endMask', 'ellipsisMask', 'newAxisMask', 'shrinkAxisMask'];
  const [begin = 0, end = 0, ellipsis = 0, newAxis = 0, shrink = 0] = masks.map(m => Number(attrs[m] ?? 0));
  const info = tf.slice_util.sliceInfo(
    [...shape],
    list(attrs, 'begin'),
    list(attrs, 'end'),
    list(attrs, 'strides'),
    begin,
    end,
    ellipsis,
    newAxis,
    shrink,
  );
  let places = [0];
  shape.forEach((length, axis) => {
    const [from = 0, to = 0, step = 1] = [info.begin[axis], info.end[axis], info.strides[axis]];
    const count = Math.max(0, Math.ceil((to - from) / step));
    places = places.flatMap(place => Array.from({length: count}, (_, i) => place * length + from + i * step));
  });
  return Int32Array.from(places);
}

export const missingDerivatives: readonly tf.GradConfig[] = [
  extreme('Maximum', tf.greaterEqual),
  extreme('Minimum', tf.lessEqual),
  of('SquaredDifference', ['a', 'b'], (dy, [x, y]) => {
    const [a, b] = [some(x), some(y)];
    const slope = tf.mul(dy, tf.mul(tf.sub(a, b), 2));
    return [sumTo(slope, a.shape), sumTo(tf.neg(slope), b.shape)];
  }),
  of('StridedSlice', ['x'], (dy, [given], attrs) => {
    const x = some(given);
    const places = tf.tensor1d(sources(x.shape, attrs), 'int32');
    return [tf.reshape(tf.unsortedSegmentSum(tf.reshape(dy, [-1]), places, x.size), x.shape)];
  }),
  {
    kernelName: 'GatherNd',
    inputsToSave: ['params', 'indices'],
    gradFunc: (dy, saved) => {
      const [params, indices] = [some(saved[0]), some(saved[1])];
      const [first] = Array.isArray(dy) ? dy : [dy];
      return {
        params: () => tf.scatterND(tf.cast(indices, 'int32'), some(first), params.shape),
        indices: () => tf.zerosLike(indices),
      };
    },
  },
  of('Conv3DBackpropInputV2', ['dy', 'filter'], (dy, [given, weights], attrs) => {
    const [before, filter] = [some(given), some(weights)];
    const how = pick(attrs, ['strides', 'pad']);
    return [
      kernel('Conv3D', {x: dy, filter}, {...how, dataFormat: 'NDHWC', dilations: 1}),
      kernel('Conv3DBackpropFilterV2', {x: dy, dy: before}, {...how, filterShape: filter.shape}),
    ];
  }),
  convolution('Conv2D'),
  convolution('DepthwiseConv2dNative'),
];
