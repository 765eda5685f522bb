// Softmax cross-entropy with label smoothing, one loss per sample. Twice differentiable, which TF.js's own
// softmaxCrossEntropy is not: that one saves a tensor that is off the tape, so the path to the logits is lost.

import * as tf from '@tensorflow/tfjs-core';

export interface Smoothing {
  /** How much of the target is spread, in [0, 1). */
  readonly amount: number;
  /** `all`: amount/K on every class (Szegedy et al. 2016, TF.js, timm). `others`: amount/(K-1) on the wrong ones (davda54/sam). */
  readonly over: 'all' | 'others';
}

/**
 * @param logits [batch, classes]
 * @param labels int32 [batch]
 * @returns [batch]
 */
export function crossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D, smoothing: Smoothing): tf.Tensor1D {
  const classes = logits.shape[1];
  const hot = tf.cast(tf.oneHot(labels, classes), 'float32');
  const spread = smoothing.amount / (smoothing.over === 'all' ? classes : classes - 1);
  const onTrue = smoothing.over === 'all' ? 1 - smoothing.amount + spread : 1 - smoothing.amount;
  const targets = smoothing.amount === 0 ? hot : tf.add(tf.mul(hot, onTrue - spread), spread);
  return tf.customGrad((...args) => {
    const [z, save] = args as [tf.Tensor2D, tf.GradSaveFunc];
    save([z, targets]);
    const shifted = tf.sub(z, tf.max(z, 1, true));
    const logSum = tf.log(tf.sum(tf.exp(shifted), 1));
    return {
      value: tf.sub(logSum, tf.sum(tf.mul(targets, shifted), 1)),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [z, targets] = saved as [tf.Tensor2D, tf.Tensor2D];
        return tf.mul(tf.sub(tf.softmax(z), targets), tf.expandDims(dy, 1));
      },
    };
  })(logits) as tf.Tensor1D;
}
