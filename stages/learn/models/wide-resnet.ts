// Wide residual networks (Zagoruyko and Komodakis 2016, arXiv 1605.07146) of depth d = 6n+4 and width k, in both
// published shapes: `projection`, a 1×1 convolution where the width changes (the paper's code), and `zero-pad`,
// average pooling and zero channels (google-research/sam). Any image size; 3×3 kernels; no bias in convolutions.

import * as tf from '@tensorflow/tfjs-core';
import {batchNorm, normParameters, normStatistics} from './batch-norm.ts';
import {dropout} from './dropout.ts';
import {
  type DropoutSpec,
  type ImageShape,
  type Initialisation,
  type Mode,
  type Model,
  type NamedTensors,
  type ParameterSpec,
  tensorNamed,
} from './model.ts';

export interface WideResnetOptions {
  /** 6n+4: 10, 16, 22, 28, 40, … */
  readonly depth: number;
  readonly width: number;
  readonly shortcut: 'projection' | 'zero-pad';
  /** Between the two convolutions of a unit; 0 or 0.3 in the paper. */
  readonly dropout: number;
  /**
   * Initial weights as in: `google` (convolutions N(0, 2/fan-out), linear U(±1/√classes)), `zagoruyko` (N(0, 2/fan-out),
   * linear U(±1/√inputs)), `davda54` (N(0, 2/fan-in), linear 0). Linear biases are 0 in all three.
   */
  readonly init: 'google' | 'zagoruyko' | 'davda54';
}

interface Unit {
  readonly name: string;
  /** 0, 1 or 2: how often the image has been halved. */
  readonly group: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly stride: number;
  /** Whether the shortcut branches off after the first normalisation and ReLU. */
  readonly branchesActivated: boolean;
  readonly projects: boolean;
  readonly drop: DropoutSpec | undefined;
}

/** @throws when depth is not 6n+4 with n of at least 1, or when width is not a positive integer. */
export function wideResnet(shape: ImageShape, options: WideResnetOptions): Model {
  const {depth, width, shortcut} = options;
  if (!(Number.isInteger(depth) && depth >= 10 && (depth - 4) % 6 === 0)) {
    throw new RangeError(`expected the depth of a Wide ResNet to be 6n+4 (10, 16, 22, 28, …), got ${depth}`);
  }
  if (!(Number.isInteger(width) && width >= 1)) {
    throw new RangeError(`expected the width of a Wide ResNet to be an integer of at least 1, got ${width}`);
  }
  const units = unitsOf(shape, options);
  const last = 64 * width;
  const linear: Initialisation =
    options.init === 'davda54'
      ? {law: 'constant', value: 0}
      : {law: 'uniform', limit: 1 / Math.sqrt(options.init === 'google' ? shape.classes : last)};
  const convolution = (name: string, size: number, inputs: number, outputs: number): ParameterSpec => ({
    name,
    shape: [size, size, inputs, outputs],
    kind: 'weight',
    initialisation: {
      law: 'normal',
      deviation: Math.sqrt(2 / (size * size * (options.init === 'davda54' ? inputs : outputs))),
    },
  });
  return {
    name: `wide-resnet-${depth}-${width}${shortcut === 'zero-pad' ? '-zero-pad' : ''}`,
    parameters: [
      convolution('stem.weight', 3, shape.channels, 16),
      ...units.flatMap(({name, inputs, outputs, projects}) => [
        ...normParameters(`${name}.norm1`, inputs),
        convolution(`${name}.conv1.weight`, 3, inputs, outputs),
        ...normParameters(`${name}.norm2`, outputs),
        convolution(`${name}.conv2.weight`, 3, outputs, outputs),
        ...(projects ? [convolution(`${name}.shortcut.weight`, 1, inputs, outputs)] : []),
      ]),
      ...normParameters('norm', last),
      {name: 'dense.weight', shape: [last, shape.classes], kind: 'weight', initialisation: linear},
      {name: 'dense.bias', shape: [shape.classes], kind: 'bias', initialisation: {law: 'constant', value: 0}},
    ],
    statistics: [
      ...units.flatMap(({name, inputs, outputs}) => [
        ...normStatistics(`${name}.norm1`, inputs),
        ...normStatistics(`${name}.norm2`, outputs),
      ]),
      ...normStatistics('norm', last),
    ],
    draws: units.flatMap(({drop}) => (drop ? [drop] : [])),
    multiplications:
      9 * shape.channels * 16 * shape.height * shape.width +
      units.reduce((sum, unit) => sum + multiplicationsOf(unit, shape), 0) +
      last * shape.classes,
    forward: (weights, statistics, images, mode) =>
      forward(units, shortcut, weights, statistics, images, mode),
  };
}

/** Three groups of n units with 16k, 32k, 64k channels; the second and third begin with stride 2. */
function unitsOf(shape: ImageShape, options: WideResnetOptions): readonly Unit[] {
  const {depth, width, shortcut} = options;
  const perGroup = (depth - 4) / 6;
  return [1, 2, 4].flatMap((factor, group) =>
    Array.from({length: perGroup}, (_, index): Unit => {
      const outputs = 16 * width * factor;
      const inputs = index > 0 ? outputs : group > 0 ? outputs / 2 : 16;
      const name = `group${group + 1}.unit${index + 1}`;
      const scale = 2 ** group;
      return {
        name,
        group,
        inputs,
        outputs,
        stride: group > 0 && index === 0 ? 2 : 1,
        branchesActivated: shortcut === 'zero-pad' ? group === 0 && index === 0 : inputs !== outputs,
        projects: shortcut === 'projection' && inputs !== outputs,
        drop:
          options.dropout > 0
            ? {
                law: 'dropout',
                name,
                shape: [Math.ceil(shape.height / scale), Math.ceil(shape.width / scale), outputs],
                rate: options.dropout,
              }
            : undefined,
      };
    }),
  );
}

/** A unit's convolutions: all of them have the resolution of the unit's output. */
function multiplicationsOf({inputs, outputs, projects, group}: Unit, {height, width}: ImageShape): number {
  const pixels = Math.ceil(height / 2 ** group) * Math.ceil(width / 2 ** group);
  return pixels * outputs * (9 * inputs + 9 * outputs + (projects ? inputs : 0));
}

function forward(
  units: readonly Unit[],
  shortcut: WideResnetOptions['shortcut'],
  weights: NamedTensors,
  statistics: NamedTensors,
  images: tf.Tensor4D,
  mode: Mode,
): {logits: tf.Tensor2D; statistics: NamedTensors} {
  const next: Record<string, tf.Tensor> = {};
  const activate = (name: string, x: tf.Tensor): tf.Tensor => {
    const normal = batchNorm(name, x, weights, statistics, mode.phase);
    Object.assign(next, normal.statistics);
    return tf.relu(normal.y);
  };
  // PyTorch pads a strided convolution by one on every side, TensorFlow only where it is needed.
  const padding = shortcut === 'projection' ? 1 : 'same';
  const convolve = (name: string, x: tf.Tensor, stride: number, pad: number | 'same'): tf.Tensor =>
    tf.conv2d(x as tf.Tensor4D, tensorNamed(weights, `${name}.weight`) as tf.Tensor4D, stride, pad);

  let x = convolve('stem', images, 1, padding);
  for (const unit of units) {
    const active = activate(`${unit.name}.norm1`, x);
    const branch = unit.branchesActivated ? active : x;
    const between = activate(
      `${unit.name}.norm2`,
      convolve(`${unit.name}.conv1`, active, unit.stride, padding),
    );
    const dropped = unit.drop ? dropout(between, unit.drop, mode) : between;
    const straight = unit.projects
      ? convolve(`${unit.name}.shortcut`, branch, unit.stride, unit.stride === 1 ? 'same' : 0)
      : widen(branch, unit);
    x = tf.add(convolve(`${unit.name}.conv2`, dropped, 1, padding), straight);
  }
  const pooled = tf.mean(activate('norm', x), [1, 2]);
  const logits = tf.add(
    tf.matMul(pooled, tensorNamed(weights, 'dense.weight')),
    tensorNamed(weights, 'dense.bias'),
  );
  return {logits: logits as tf.Tensor2D, statistics: next};
}

/** The shortcut without parameters: average pooling by the stride, then zero channels up to the new width. */
function widen(x: tf.Tensor, {inputs, outputs, stride}: Unit): tf.Tensor {
  if (inputs === outputs) return x;
  const pooled = stride === 1 ? x : tf.avgPool(x as tf.Tensor4D, stride, stride, 'same');
  return tf.pad(pooled, [
    [0, 0],
    [0, 0],
    [0, 0],
    [0, outputs - inputs],
  ]);
}
