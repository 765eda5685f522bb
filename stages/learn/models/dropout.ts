// Dropout with masks that come from outside (Srivastava et al. 2014, inverted: kept units are scaled up), and the
// drawing of those masks and of noise. Masks are bytes: 1 keeps, 0 drops.

import * as tf from '@tensorflow/tfjs-core';
import type {HostTensor, SliceSpec} from '../../../src/engine/program.ts';
import {stream} from '../random.ts';
import {type DrawSpec, type DropoutSpec, type Mode, sizeOf, tensorNamed} from './model.ts';

/** Drops units of `x` [batch, ...] in training; evaluation and rate 0 return `x` itself. */
export function dropout(x: tf.Tensor, {name, rate}: DropoutSpec, mode: Mode): tf.Tensor {
  if (mode.phase === 'evaluation' || rate === 0) return x;
  const mask = tf.cast(tensorNamed(mode.masks, name), 'float32');
  return tf.mul(x, tf.mul(mask, 1 / (1 - rate)));
}

/** How one step's draws for a batch are scanned. */
export const drawSlice = ({law, shape}: DrawSpec, batch: number): SliceSpec => ({
  shape: [batch, ...shape],
  dtype: law === 'dropout' ? 'uint8' : 'float32',
});

/** The draws of consecutive training steps from `firstStep` on, with the steps as the first axis. */
export function drawSteps(
  spec: DrawSpec,
  steps: number,
  batch: number,
  draw: {readonly seed: number; readonly firstStep: number; readonly place: number; readonly pass: number},
): HostTensor {
  const {seed, firstStep, place, pass} = draw;
  const length = batch * sizeOf(spec.shape);
  const shape = [steps, batch, ...spec.shape];
  switch (spec.law) {
    case 'dropout': {
      const data = new Uint8Array(steps * length);
      for (let i = 0; i < steps; i++)
        drawMask(data.subarray(i * length, (i + 1) * length), spec, seed, firstStep + i, place, pass);
      return {dtype: 'uint8', shape, data};
    }
    case 'normal': {
      const data = new Float32Array(steps * length);
      for (let i = 0; i < steps; i++) {
        const draws = stream(seed, 'dropout', firstStep + i, 2 * place + pass);
        for (let j = 0; j < length; j++) data[i * length + j] = draws.normal();
      }
      return {dtype: 'float32', shape, data};
    }
  }
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
