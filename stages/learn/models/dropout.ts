// Dropout with masks that come from outside (Srivastava et al. 2014, inverted: kept units are scaled up), and the
// drawing of those masks. Masks are bytes: 1 keeps, 0 drops.

import * as tf from '@tensorflow/tfjs-core';
import {stream} from '../random.ts';
import {type DropoutSpec, type Mode, sizeOf, tensorNamed} from './model.ts';

/** Drops units of `x` [batch, ...] in training; evaluation and rate 0 return `x` itself. */
export function dropout(x: tf.Tensor, {name, rate}: DropoutSpec, mode: Mode): tf.Tensor {
  if (mode.phase === 'evaluation' || rate === 0) return x;
  const mask = tf.cast(tensorNamed(mode.masks, name), 'float32');
  return tf.mul(x, tf.mul(mask, 1 / (1 - rate)));
}

/**
 * Draws the masks of one training step into `mask` (batch × places of one sample).
 * @param place the number of the dropout place; with `pass`, which of the passes of the step, it names the stream.
 */
export function drawMask(
  mask: Uint8Array,
  {rate}: DropoutSpec,
  seed: number,
  step: number,
  place: number,
  pass: number,
): void {
  const draws = stream(seed, 'dropout', step, 2 * place + pass);
  const threshold = rate * 2 ** 32;
  for (let i = 0; i < mask.length; i++) mask[i] = draws.uint32() < threshold ? 0 : 1;
}

/** The mask's length for a batch of so many samples. */
export const maskLength = ({shape}: DropoutSpec, batch: number): number => batch * sizeOf(shape);
