// Losses of models by TF.js's names, per sample. Those with `Crossentropy` take probabilities, as TF.js's do;
// `softmaxCrossEntropy` takes logits, which keeps more digits.

import * as tf from '@tensorflow/tfjs';

/** Labels [batch, …] and predictions [batch, …] → one number per sample, [batch]. */
export type Loss = (labels: tf.Tensor, predictions: tf.Tensor) => tf.Tensor;

export type LossName =
  | 'meanSquaredError'
  | 'meanAbsoluteError'
  | 'binaryCrossentropy'
  | 'categoricalCrossentropy'
  | 'sparseCategoricalCrossentropy'
  | 'softmaxCrossEntropy';

/** A loss, and what a right answer is, where there are answers. */
export interface Judgement {
  readonly loss: Loss;
  /** The share of each sample that is right, [batch]. */
  readonly right: ((labels: tf.Tensor, predictions: tf.Tensor) => tf.Tensor) | undefined;
}

const perSample = (x: tf.Tensor): tf.Tensor => tf.mean(tf.reshape(x, [x.shape[0] ?? 1, -1]), 1);
const flatLabels = (labels: tf.Tensor): tf.Tensor1D =>
  tf.cast(tf.reshape(labels, [-1]), 'int32') as tf.Tensor1D;
const epsilon = 1e-7;

const oneHot = (labels: tf.Tensor, predictions: tf.Tensor): tf.Tensor =>
  tf.cast(tf.oneHot(flatLabels(labels), predictions.shape.at(-1) ?? 1), 'float32');

/** −Σ labels · log p, with p made to sum to 1 as TF.js does. */
function crossEntropy(labels: tf.Tensor, predictions: tf.Tensor): tf.Tensor {
  const sum = tf.sum(predictions, -1, true);
  const p = tf.clipByValue(tf.div(predictions, sum), epsilon, 1 - epsilon);
  return tf.neg(tf.sum(tf.mul(tf.cast(labels, 'float32'), tf.log(p)), -1));
}

const share = (isRight: tf.Tensor): tf.Tensor => perSample(tf.cast(isRight, 'float32'));
const bySparse: Judgement['right'] = (labels, predictions) =>
  share(tf.equal(tf.cast(tf.argMax(predictions, -1), 'int32').flatten(), flatLabels(labels)));

const judgements: Readonly<Record<LossName, Judgement>> = {
  meanSquaredError: {
    loss: (labels, predictions) => perSample(tf.square(tf.sub(predictions, labels))),
    right: undefined,
  },
  meanAbsoluteError: {
    loss: (labels, predictions) => perSample(tf.abs(tf.sub(predictions, labels))),
    right: undefined,
  },
  binaryCrossentropy: {
    loss: (labels, predictions) => {
      const p = tf.clipByValue(predictions, epsilon, 1 - epsilon);
      const y = tf.cast(labels, 'float32');
      return perSample(tf.neg(tf.add(tf.mul(y, tf.log(p)), tf.mul(tf.sub(1, y), tf.log1p(tf.neg(p))))));
    },
    right: (labels, predictions) =>
      share(tf.equal(tf.greater(predictions, 0.5), tf.greater(tf.cast(labels, 'float32'), 0.5))),
  },
  categoricalCrossentropy: {
    loss: (labels, predictions) => perSample(crossEntropy(labels, predictions)),
    right: (labels, predictions) => share(tf.equal(tf.argMax(predictions, -1), tf.argMax(labels, -1))),
  },
  sparseCategoricalCrossentropy: {
    loss: (labels, predictions) => perSample(crossEntropy(oneHot(labels, predictions), predictions)),
    right: bySparse,
  },
  softmaxCrossEntropy: {
    loss: (labels, predictions) =>
      perSample(tf.neg(tf.sum(tf.mul(oneHot(labels, predictions), tf.logSoftmax(predictions)), -1))),
    right: bySparse,
  },
};

/** One loss for all outputs, or one for each by its name. */
export type Losses = LossName | Loss | Readonly<Record<string, LossName | Loss>>;

/** What judges each output, in the order of their names. @throws RangeError for a name that is no output. */
export function judgementsOf(losses: Losses, names: readonly string[]): readonly Judgement[] {
  if (typeof losses !== 'object') return names.map(() => judgementOf(losses));
  const strangers = Object.keys(losses).filter(name => !names.includes(name));
  if (strangers.length > 0)
    throw new RangeError(`expected losses of the outputs ${names.join(', ')}, got ${strangers.join(', ')}`);
  return names.map(name => {
    const loss = losses[name];
    if (loss === undefined) throw new RangeError(`expected a loss of the output ${name}, got none`);
    return judgementOf(loss);
  });
}

const judgementOf = (loss: LossName | Loss): Judgement =>
  typeof loss === 'function' ? {loss, right: undefined} : judgements[loss];
