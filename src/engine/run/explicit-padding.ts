// TensorFlow's own kernels take `same` and `valid` padding alone. Convolutions that are padded by numbers are done in two
// steps there: what is padded is padded, then convolved without padding; gradients are cut back.

import * as tf from '@tensorflow/tfjs-core';
import {kernel, some} from '../trace/gradient.ts';

type Side = readonly [before: number, after: number];

/** What is added to each axis of the images; undefined where the padding has a name. */
function sidesOf({pad, dataFormat}: tf.NamedAttrMap): readonly Side[] | undefined {
  if (typeof pad === 'number') {
    const none: Side = [0, 0];
    const around: Side = [pad, pad];
    return dataFormat === 'NCHW' ? [none, none, around, around] : [none, around, around, none];
  }
  if (!Array.isArray(pad)) return undefined;
  return pad.map((side): Side => (Array.isArray(side) ? [Number(side[0]), Number(side[1])] : [0, 0]));
}

const padded = (x: tf.Tensor, sides: readonly Side[]): tf.Tensor =>
  tf.pad(
    x,
    sides.map(([before, after]) => [before, after]),
  );

/** The same convolution, or a gradient of it, of padded images. */
type Rewrite = (inputs: tf.NamedTensorMap, attrs: tf.NamedAttrMap, sides: readonly Side[]) => tf.Tensor;

function rewritesOf(stem: 'Conv2D' | 'DepthwiseConv2dNative'): Readonly<Record<string, Rewrite>> {
  const [ofInput, ofFilter] = [`${stem}BackpropInput`, `${stem}BackpropFilter`];
  return {
    [stem]: ({x, filter}, attrs, sides) =>
      kernel(stem, {x: padded(some(x), sides), filter: some(filter)}, attrs),
    [ofFilter]: ({x, dy}, attrs, sides) => kernel(ofFilter, {x: padded(some(x), sides), dy: some(dy)}, attrs),
    [ofInput]: ({dy, filter}, attrs, sides) => {
      const shape = Array.isArray(attrs.inputShape) ? attrs.inputShape.map(Number) : [];
      const inputShape = shape.map(
        (length, axis) => length + (sides[axis]?.[0] ?? 0) + (sides[axis]?.[1] ?? 0),
      );
      const whole = kernel(ofInput, {dy: some(dy), filter: some(filter)}, {...attrs, inputShape});
      return tf.slice(
        whole,
        sides.map(([before]) => before),
        shape,
      );
    },
  };
}

/** Lets the convolutions of a backend that is registered take padding by numbers. */
export function padExplicitly(backendName: string): void {
  const rewrites = {...rewritesOf('Conv2D'), ...rewritesOf('DepthwiseConv2dNative')};
  for (const [kernelName, rewrite] of Object.entries(rewrites)) {
    const own = tf.getKernel(kernelName, backendName);
    if (own === undefined || own === null) continue;
    tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({
      ...own,
      kernelFunc: call => {
        const attrs = call.attrs ?? {};
        const sides = sidesOf(attrs);
        // Kernels are given tensors, whatever their type says.
        return sides === undefined
          ? own.kernelFunc(call)
          : rewrite(call.inputs as tf.NamedTensorMap, {...attrs, pad: 'valid'}, sides);
      },
    });
  }
}
