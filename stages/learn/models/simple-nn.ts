// A fully connected network: pixels, hidden layers with ReLU, logits. With two hidden layers it is the
// three-layer network of the MNIST study, whose widths its authors do not give.

import * as tf from '@tensorflow/tfjs-core';
import {dropout} from './dropout.ts';
import {
  type DropoutSpec,
  type ImageShape,
  type Initialisation,
  type Model,
  type ParameterSpec,
  sizeOf,
  tensorNamed,
} from './model.ts';

export interface SimpleNnOptions {
  /** Widths of the hidden layers, such as [512, 512]; empty for a linear model. */
  readonly hidden: readonly number[];
  /** Probability of dropping a hidden unit, in [0, 1). */
  readonly dropout: number;
  /** `he`: N(0, 2/inputs), biases 0 (He et al. 2015). `torch`: weights and biases U(±1/√inputs), PyTorch's default. */
  readonly init: 'he' | 'torch';
}

interface Layer {
  readonly weight: ParameterSpec;
  readonly bias: ParameterSpec;
  readonly drop: DropoutSpec | undefined;
}

/** Parameters per layer: `dense1.weight` [inputs, outputs] and `dense1.bias` [outputs]. */
export function simpleNn(shape: ImageShape, options: SimpleNnOptions): Model {
  const widths = [shape.height * shape.width * shape.channels, ...options.hidden, shape.classes];
  const layers = widths.slice(1).map((outputs, index): Layer => {
    const inputs = widths[index] ?? 0;
    const uniform: Initialisation = {law: 'uniform', limit: 1 / Math.sqrt(inputs)};
    const isTorch = options.init === 'torch';
    const isHidden = index < options.hidden.length;
    return {
      weight: {
        name: `dense${index + 1}.weight`,
        shape: [inputs, outputs],
        kind: 'weight',
        initialisation: isTorch ? uniform : {law: 'normal', deviation: Math.sqrt(2 / inputs)},
      },
      bias: {
        name: `dense${index + 1}.bias`,
        shape: [outputs],
        kind: 'bias',
        initialisation: isTorch ? uniform : {law: 'constant', value: 0},
      },
      drop:
        isHidden && options.dropout > 0
          ? {law: 'dropout', name: `dense${index + 1}`, shape: [outputs], rate: options.dropout}
          : undefined,
    };
  });
  return {
    name: `simple-nn-${widths.join('-')}`,
    parameters: layers.flatMap(({weight, bias}) => [weight, bias]),
    statistics: [],
    draws: layers.flatMap(({drop}) => (drop ? [drop] : [])),
    multiplications: layers.reduce((sum, {weight}) => sum + sizeOf(weight.shape), 0),
    forward: (weights, statistics, images, mode) => {
      const logits = layers.reduce<tf.Tensor>(
        (x, {weight, bias, drop}, index) => {
          const y = tf.add(tf.matMul(x, tensorNamed(weights, weight.name)), tensorNamed(weights, bias.name));
          const active = index < layers.length - 1 ? tf.relu(y) : y;
          return drop ? dropout(active, drop, mode) : active;
        },
        tf.reshape(images, [images.shape[0], widths[0] ?? 0]),
      );
      return {logits: logits as tf.Tensor2D, statistics};
    },
  };
}
