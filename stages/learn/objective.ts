// The training loss of one model as a function of its weights, with gradients: what every gradient rule is built on.

import * as tf from '@tensorflow/tfjs-core';
import {crossEntropy, type Smoothing} from './loss.ts';
import {countCorrect} from './metrics.ts';
import {type Model, type NamedTensors, type ParameterKind, tensorNamed} from './models/model.ts';
import {mapNamed} from './named-tensors.ts';

/** One batch: `images` [batch, height, width, channels] normalised, `labels` int32 [batch], dropout masks [batch, …]. */
export interface Batch {
  readonly images: tf.Tensor4D;
  readonly labels: tf.Tensor1D;
  readonly masks: NamedTensors;
  /** Further inputs and labels of models that have several, [batch, …]. */
  readonly more: NamedTensors;
}

/** Applies `f`, which works along the first axis, to every tensor of the batch. */
export const mapBatch = (
  {images, labels, masks, more}: Batch,
  f: (tensor: tf.Tensor) => tf.Tensor,
): Batch => ({
  images: f(images) as tf.Tensor4D,
  labels: f(labels) as tf.Tensor1D,
  masks: mapNamed(masks, f),
  more: mapNamed(more, f),
});

/** One forward and backward pass over a batch. */
export interface Pass {
  /** Mean loss of the batch, without weight decay; with what a model's own regularizers add. */
  readonly loss: tf.Scalar;
  /** Loss per sample, [batch]. */
  readonly losses: tf.Tensor1D;
  /** How many were right. */
  readonly correct: tf.Scalar;
  /** Running statistics after this pass. */
  readonly statistics: NamedTensors;
  readonly gradients: NamedTensors;
}

export interface Objective {
  /** Loss and gradients at `weights`, with batch statistics. */
  readonly differentiate: (weights: NamedTensors, batch: Batch) => Pass;
  /** Loss per sample at `weights`, with batch statistics: a forward pass alone, [batch]. */
  readonly measure: (weights: NamedTensors, batch: Batch) => tf.Tensor1D;
}

export interface ObjectiveOptions {
  readonly smoothing: Smoothing;
  /**
   * L2 inside the loss, ½·rate·‖w‖²: every gradient gets rate·w at the weights where it is taken, so that it bends
   * a perturbation as in google-research/sam. 0 leaves weight decay to the optimizer.
   */
  readonly decay: number;
  readonly decays: (kind: ParameterKind) => boolean;
}

/** @param statistics the running statistics before the step: each pass starts from these. */
export function objectiveOf(model: Model, statistics: NamedTensors, options: ObjectiveOptions): Objective {
  const forward = (weights: NamedTensors, {images, labels, masks}: Batch) => {
    const {
      logits,
      statistics: next,
      penalty,
    } = model.forward(weights, statistics, images, {phase: 'training', masks});
    return {logits, next, penalty, losses: crossEntropy(logits, labels, options.smoothing)};
  };
  const decayed = model.parameters.filter(({kind}) => options.decays(kind)).map(({name}) => name);
  return {
    measure: (weights, batch) => forward(weights, batch).losses,
    differentiate: (weights, batch) => {
      const {value, aside, gradients} = differentiate(weights, at => {
        const {logits, next, penalty, losses} = forward(at, batch);
        const correct = countCorrect(logits, batch.labels);
        const mean = tf.mean(losses) as tf.Scalar;
        const value: tf.Scalar = penalty === undefined ? mean : tf.add(mean, penalty);
        return {value, aside: {...next, losses, correct}};
      });
      return {
        loss: value,
        losses: tensorNamed(aside, 'losses') as tf.Tensor1D,
        correct: tensorNamed(aside, 'correct') as tf.Scalar,
        statistics: mapNamed(statistics, (_, name) => tensorNamed(aside, name)),
        gradients: options.decay === 0 ? gradients : addDecay(gradients, weights, decayed, options.decay),
      };
    },
  };
}

const addDecay = (gradients: NamedTensors, weights: NamedTensors, decayed: readonly string[], rate: number) =>
  mapNamed(gradients, (gradient, name) => {
    const weight = decayed.includes(name) ? weights[name] : undefined;
    return weight ? tf.add(gradient, tf.mul(weight, rate)) : gradient;
  });

/**
 * Value and gradients of a scalar function of named tensors, with other results of the forward pass beside them.
 * In eager TF.js the forward pass disposes what it made: results are kept, cloned and let go, so nothing leaks.
 */
export function differentiate(
  weights: NamedTensors,
  f: (weights: NamedTensors) => {readonly value: tf.Scalar; readonly aside: NamedTensors},
): {readonly value: tf.Scalar; readonly aside: NamedTensors; readonly gradients: NamedTensors} {
  const names = Object.keys(weights);
  const named = (tensors: readonly tf.Tensor[]): NamedTensors =>
    Object.fromEntries(tensors.map((tensor, i) => [String(names[i]), tensor]));
  let kept: NamedTensors = {};
  const {value, grads} = tf.valueAndGrads((...tensors: tf.Tensor[]) => {
    const result = f(named(tensors));
    // A result may be one of the weights, or one that the caller keeps anyway: keep a clone, not the thing itself.
    kept = mapNamed(result.aside, tensor => tf.keep(tf.clone(tensor)));
    return result.value;
  })(Object.values(weights));
  const aside = mapNamed(kept, tensor => {
    const copy = tf.clone(tensor);
    tensor.dispose();
    return copy;
  });
  return {value: value as tf.Scalar, aside, gradients: named(grads)};
}
