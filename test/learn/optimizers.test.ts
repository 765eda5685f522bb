import assert from 'node:assert/strict';
import {test} from 'node:test';
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import type {Slots} from '../../stages/learn/gradients/rule.ts';
import type {NamedTensors} from '../../stages/learn/models/model.ts';
import {adam} from '../../stages/learn/optimizers/adam.ts';
import {clipByNorm} from '../../stages/learn/optimizers/clip.ts';
import {decayed, noDecay, type Optimizer, type UpdateDecay} from '../../stages/learn/optimizers/optimizer.ts';
import {sgd} from '../../stages/learn/optimizers/sgd.ts';
import {learningRate, type Schedule} from '../../stages/learn/schedules.ts';

await tf.setBackend('cpu');

/** Weights after each of the gradients, from 1, at the rate 0.1. */
function descend(optimizer: Optimizer, gradients: readonly number[]): number[] {
  let weights: NamedTensors = {w: tf.scalar(1)};
  let slots: Slots = Object.fromEntries(optimizer.slots.map(slot => [slot, {w: tf.scalar(0)}]));
  return gradients.map((g, step) => {
    const scanned = Object.fromEntries(
      Object.entries(optimizer.scanned).map(([name, {at}]) => [name, tf.scalar(at(step)[0] ?? Number.NaN)]),
    );
    ({weights, slots} = optimizer.update({
      weights,
      gradients: {w: tf.scalar(g)},
      slots,
      rate: tf.scalar(0.1),
      scanned,
    }));
    return weights.w?.dataSync()[0] ?? Number.NaN;
  });
}

const close = (actual: readonly number[], expected: readonly number[]): void =>
  assert.ok(
    actual.length === expected.length &&
      actual.every((x, i) => Math.abs(x - (expected[i] ?? Number.NaN)) < 1e-6),
    `[${actual}] is not [${expected}]`,
  );

const decay = (mode: UpdateDecay['mode'], rate: number): UpdateDecay => ({mode, rate, decays: () => true});

test('SGD, momentum and Nesterov follow their formulas by hand', () => {
  close(descend(sgd({momentum: 0, nesterov: false, decay: noDecay}), [1, 2]), [0.9, 0.7]);
  close(descend(sgd({momentum: 0.5, nesterov: false, decay: noDecay}), [1, 2]), [0.9, 0.65]); // v = 1, 2.5
  close(descend(sgd({momentum: 0.5, nesterov: true, decay: noDecay}), [1, 2]), [0.85, 0.525]); // 1.5, 2 + 1.25
});

test('coupled decay goes through momentum, decoupled decay does not', () => {
  // coupled, rate 0.1: g = 1.1, v = 1.1, w = 0.89; g = 1.089, v = 1.639, w = 0.7261
  close(descend(sgd({momentum: 0.5, nesterov: false, decay: decay('coupled', 0.1)}), [1, 1]), [0.89, 0.7261]);
  // decoupled, rate 0.1: w = 0.99 - 0.1 = 0.89; w = 0.89·0.99 - 0.15 = 0.7311
  close(
    descend(sgd({momentum: 0.5, nesterov: false, decay: decay('decoupled', 0.1)}), [1, 1]),
    [0.89, 0.7311],
  );
});

test('Adam and AdamW follow their formulas by hand', () => {
  const options = {beta1: 0.9, beta2: 0.999, epsilon: 1e-8};
  // The first step is the rate in the direction of the sign; the second has m̂ = (0.1·0.9 + 0.3)/0.19, v̂ = (0.999 + 9)/1.999.
  const second = (0.09 + 0.3) / 0.19 / Math.sqrt((0.000999 + 0.009) / (1 - 0.999 ** 2));
  close(descend(adam({...options, decay: noDecay}), [1, 3]), [0.9, 0.9 - 0.1 * second]);
  close(descend(adam({...options, decay: decay('decoupled', 0.5)}), [1]), [1 * (1 - 0.05) - 0.1]);
  close(descend(adam({...options, decay: decay('coupled', 0.5)}), [1]), [0.9]);
  assert.equal(adam({...options, decay: decay('decoupled', 0.5)}).name, 'adamw');
});

test('decay can spare biases and batch norm', () => {
  const spares = decayed(
    [
      {name: 'w', kind: 'weight'},
      {name: 'b', kind: 'bias'},
      {name: 's', kind: 'norm-scale'},
    ],
    'weights',
  );
  assert.deepEqual(['w', 'b', 's'].map(spares), [true, false, false]);
});

test('clipping keeps short gradients as they are, bit for bit, and scales long ones to the limit', () => {
  const gradients = {a: tf.tensor1d([0.3, -0.1]), b: tf.scalar(0.7)};
  const values = (tensors: NamedTensors): number[] =>
    Object.values(tensors).flatMap(tensor => Array.from(tensor.dataSync()));
  assert.deepEqual(values(clipByNorm(gradients, 5)), values(gradients));
  const clipped = values(clipByNorm(gradients, 0.1));
  close([Math.hypot(...clipped)], [0.1]);
  assert.ok(values(clipByNorm({a: tf.scalar(0)}, 1)).every(x => x === 0));
});

test('schedules are exact at their corners', () => {
  const at = (schedule: Schedule, warmup: number, steps: number, of: readonly number[]): number[] =>
    of.map(learningRate({rate: 0.1, schedule, warmup, steps}));
  close(at({kind: 'constant'}, 0, 10, [0, 9]), [0.1, 0.1]);
  const step: Schedule = {kind: 'step', factor: 0.2, at: [0.3, 0.6, 0.8]};
  close(at(step, 0, 200, [59, 60, 119, 120, 160, 199]), [0.1, 0.02, 0.02, 0.004, 0.0008, 0.0008]);
  close(at({kind: 'cosine', end: 0}, 0, 100, [0, 50, 100]), [0.1, 0.05, 0]);
  close(at({kind: 'linear', end: 0.5}, 0, 100, [0, 50, 100]), [0.1, 0.075, 0.05]);
  close(at({kind: 'constant'}, 4, 10, [0, 1, 3, 4]), [0.025, 0.05, 0.1, 0.1]);
});

test('an impossible optimizer or schedule is refused', () => {
  assert.throws(() => sgd({momentum: 1, nesterov: false, decay: noDecay}), /momentum .* \[0, 1\), got 1/);
  assert.throws(() => sgd({momentum: 0, nesterov: true, decay: noDecay}), /nesterov/);
  assert.throws(() => adam({beta1: 1, beta2: 0, epsilon: 1, decay: noDecay}), /beta1/);
  assert.throws(
    () => learningRate({rate: 0.1, schedule: {kind: 'constant'}, warmup: 11, steps: 10}),
    /warm-up of 0\.\.10 steps/,
  );
});
