// What is counted: right answers inside a step, and exact sums over a split outside of it.

import * as tf from '@tensorflow/tfjs-core';

/** How many of the batch have their largest logit at the label; the first one counts where several are equal. */
export const countCorrect = (logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar =>
  tf.sum(tf.cast(tf.equal(tf.cast(tf.argMax(logits, 1), 'int32'), labels), 'float32'));

/** A split's predictions, in the order of its samples. */
export interface Predictions {
  readonly classes: Int32Array;
  readonly losses: Float32Array;
}

export interface Score {
  /** In 0..1. */
  readonly accuracy: number;
  /** Mean cross-entropy, without smoothing, in nats. */
  readonly loss: number;
  readonly count: number;
}

/** Accuracy and mean loss over all samples; sums are in double precision, so their order does not matter much. */
export function scorePredictions({classes, losses}: Predictions, labels: Int32Array): Score {
  const count = labels.length;
  if (classes.length !== count || losses.length !== count) {
    throw new Error(
      `expected ${count} predictions, got ${classes.length} classes and ${losses.length} losses`,
    );
  }
  if (count === 0) throw new Error('expected at least one sample to score, got none');
  let correct = 0;
  let loss = 0;
  for (let i = 0; i < count; i++) {
    if (classes[i] === labels[i]) correct += 1;
    loss += losses[i] ?? 0;
  }
  return {accuracy: correct / count, loss: loss / count, count};
}
