// Batches inside a training program: samples are gathered from the resident pixels, augmented as drawn, normalised.
// A crop with its padding and its flip is one gather: each pixel's source is computed from a few integers per sample.

import * as tf from '@tensorflow/tfjs-core';
import {type AugmentationPolicy, isNoAugmentation} from './augmentation.ts';
import type {Normalisation} from './dataset-file.ts';

export interface ImageSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * The shape in which the pixels of `count` images are to be resident: whole images where they are only gathered,
 * single pixels where each is looked up, since reshaping a whole data set inside a step would copy it.
 */
export const residentShape = (
  policy: AugmentationPolicy,
  count: number,
  {height, width, channels}: ImageSize,
): readonly number[] =>
  movesPixels(policy) ? [count * height * width, channels] : [count, height, width, channels];

const movesPixels = ({flip, crop}: AugmentationPolicy): boolean => flip > 0 || crop !== null;

/**
 * The batch of the samples `indices`: float32 [batch, height, width, channels], normalised.
 * @param pixels the resident pixels in `residentShape`.
 * @param indices int32 [batch].
 * @param draws int32 [batch, drawLength] of `drawAugmentation`; not read by an empty policy.
 * @throws when the padding of a reflecting crop is as large as the image.
 */
export function gatherBatch(
  policy: AugmentationPolicy,
  size: ImageSize,
  normalisation: Normalisation,
  pixels: tf.Tensor,
  indices: tf.Tensor1D,
  draws: tf.Tensor2D | undefined,
): tf.Tensor4D {
  if (isNoAugmentation(policy) || draws === undefined) {
    return normalise(tf.gather(pixels, indices), normalisation);
  }
  const column = (place: number): tf.Tensor => tf.slice(draws, [0, place], [draws.shape[0], 1]);
  const moved = movesPixels(policy)
    ? movePixels(policy, size, pixels, indices, column)
    : tf.cast(tf.gather(pixels, indices), 'float32');
  if (policy.cutout === null) return normalise(moved, normalisation);
  const keep = tf.sub(
    1,
    tf.mul(within(size.height, column(3), column(4), 1), within(size.width, column(5), column(6), 2)),
  );
  return policy.cutout.when === 'before'
    ? normalise(tf.mul(moved, keep), normalisation)
    : (tf.mul(normalise(moved, normalisation), keep) as tf.Tensor4D);
}

/** (x/255 - mean)/std per channel, as one multiplication and one addition. */
export function normalise(pixels: tf.Tensor, {mean, std}: Normalisation): tf.Tensor4D {
  const factor = std.map(s => 1 / (255 * s));
  const offset = mean.map((m, channel) => -m / (std[channel] ?? 1));
  return tf.add(tf.mul(tf.cast(pixels, 'float32'), tf.tensor1d(factor)), tf.tensor1d(offset)) as tf.Tensor4D;
}

/** Crop and flip: [batch, height, width, channels] as float32, zeros where the crop reaches over the border. */
function movePixels(
  {crop, flip}: AugmentationPolicy,
  {height, width, channels}: ImageSize,
  pixels: tf.Tensor,
  indices: tf.Tensor1D,
  column: (place: number) => tf.Tensor,
): tf.Tensor {
  const batch = indices.shape[0];
  const padding = crop?.padding ?? 0;
  if (crop?.mode === 'reflect' && padding >= Math.min(height, width)) {
    throw new RangeError(`expected a reflecting padding below ${Math.min(height, width)}, got ${padding}`);
  }
  const xs = numbers(width);
  // x + flip·(width - 1 - 2x) is x or its mirror image.
  const mirrored = flip > 0 ? tf.add(xs, tf.mul(column(2), tf.sub(int(width - 1), tf.mul(xs, int(2))))) : xs;
  const rows = tf.add(numbers(height), tf.sub(column(0), int(padding)));
  const columns = tf.add(mirrored, tf.sub(column(1), int(padding)));
  const bounded = (at: tf.Tensor, length: number): tf.Tensor =>
    crop?.mode === 'reflect'
      ? tf.sub(int(length - 1), tf.abs(tf.sub(int(length - 1), tf.abs(at))))
      : tf.minimum(tf.maximum(at, int(0)), int(length - 1));
  const base = tf.reshape(tf.mul(indices, int(height * width)), [batch, 1, 1]);
  const source = tf.add(
    tf.add(base, tf.reshape(tf.mul(bounded(rows, height), int(width)), [batch, height, 1])),
    tf.reshape(bounded(columns, width), [batch, 1, width]),
  );
  const gathered = tf.reshape(tf.gather(pixels, tf.reshape(source, [batch * height * width])), [
    batch,
    height,
    width,
    channels,
  ]);
  const values = tf.cast(gathered, 'float32');
  if (crop === null || crop.mode === 'reflect' || padding === 0) return values;
  const inside = (at: tf.Tensor, length: number): tf.Tensor =>
    tf.cast(tf.logicalAnd(tf.greaterEqual(at, int(0)), tf.less(at, int(length))), 'float32');
  return tf.mul(
    values,
    tf.mul(
      tf.reshape(inside(rows, height), [batch, height, 1, 1]),
      tf.reshape(inside(columns, width), [batch, 1, width, 1]),
    ),
  );
}

/** 1 where from ≤ place < to along one axis of the image, as [batch, height, 1, 1] or [batch, 1, width, 1]. */
function within(length: number, from: tf.Tensor, to: tf.Tensor, axis: 1 | 2): tf.Tensor {
  const places = numbers(length);
  const inside = tf.cast(tf.logicalAnd(tf.greaterEqual(places, from), tf.less(places, to)), 'float32');
  const batch = from.shape[0] ?? 0;
  return tf.reshape(inside, axis === 1 ? [batch, length, 1, 1] : [batch, 1, length, 1]);
}

/** An int32 scalar. A bare number would turn the arithmetic into float32, which cannot count the pixels of a data set. */
const int = (value: number): tf.Scalar => tf.scalar(value, 'int32');

/** int32 [1, length]: 0..length-1. */
const numbers = (length: number): tf.Tensor2D =>
  tf.tensor2d(
    Array.from({length}, (_, i) => i),
    [1, length],
    'int32',
  );
