import assert from 'node:assert/strict';
import {test} from 'node:test';
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import {esam, largest} from '../../stages/learn/gradients/esam.ts';
import {friendlySam} from '../../stages/learn/gradients/friendly-sam.ts';
import {gsam, radiusFollowing} from '../../stages/learn/gradients/gsam.ts';
import {lookSam} from '../../stages/learn/gradients/look-sam.ts';
import {defaultPerturbation, perturbationOf} from '../../stages/learn/gradients/perturbation.ts';
import {
  type GradientRule,
  plainGradient,
  type RuleInputs,
  type RuleOutputs,
} from '../../stages/learn/gradients/rule.ts';
import {gradientNormPenalty, sam} from '../../stages/learn/gradients/sam.ts';
import type {SharpnessOptions} from '../../stages/learn/gradients/two-passes.ts';
import type {NamedTensors, ParameterSpec} from '../../stages/learn/models/model.ts';
import type {Batch, Objective} from '../../stages/learn/objective.ts';

await tf.setBackend('cpu');

// L = ½ w'Aw in two tensors: `a` has the coordinates 0 and 1, `b` the coordinate 2.
const matrix = [
  [3, 1, 0.5],
  [1, 2, -0.3],
  [0.5, -0.3, 1],
];
const parameters: readonly ParameterSpec[] = [
  {name: 'a', shape: [2], kind: 'weight', initialisation: {law: 'constant', value: 0}},
  {name: 'b', shape: [1], kind: 'bias', initialisation: {law: 'constant', value: 0}},
];
const split = (v: readonly number[]): NamedTensors => ({
  a: tf.tensor1d(v.slice(0, 2)),
  b: tf.tensor1d(v.slice(2)),
});
const join = (t: NamedTensors): number[] => ['a', 'b'].flatMap(name => Array.from(t[name]?.dataSync() ?? []));
const times = (v: readonly number[]): number[] =>
  matrix.map(row => row.reduce((sum, x, i) => sum + x * (v[i] ?? 0), 0));
const dot = (u: readonly number[], v: readonly number[]): number =>
  u.reduce((s, x, i) => s + x * (v[i] ?? 0), 0);
const norm = (v: readonly number[]): number => Math.sqrt(dot(v, v));
const plus = (u: readonly number[], v: readonly number[], factor: number): number[] =>
  u.map((x, i) => x + factor * (v[i] ?? 0));

const batch: Batch = {images: tf.zeros([4, 1, 1, 1]), labels: tf.zeros([4], 'int32'), masks: {}, more: {}};
const quadratic: Objective = {
  differentiate: weights => {
    const w = join(weights);
    return {
      loss: tf.scalar(dot(w, times(w)) / 2),
      losses: tf.zeros([4]),
      correct: tf.scalar(0),
      statistics: {},
      gradients: split(times(w)),
    };
  },
  measure: () => tf.zeros([4]),
};
const options = (rho: number): SharpnessOptions => ({...defaultPerturbation, rho});

/** One step of a rule at the weights, with the slots given or zero. */
function apply(rule: GradientRule, w: readonly number[], step = 0, slots?: RuleInputs['slots']): RuleOutputs {
  const phase = rule.phases[rule.phaseAt(step)] ?? assert.fail();
  const scanned = Object.fromEntries(
    Object.entries(phase.scanned).map(([name, {shape, at}]) => [
      name,
      tf.tensor(Array.from(at(step)), [...shape]),
    ]),
  );
  const zero = Object.fromEntries(rule.slots.map(slot => [slot, split([0, 0, 0])]));
  return phase.apply({
    objective: quadratic,
    weights: split(w),
    batch,
    again: batch,
    slots: slots ?? zero,
    scanned,
  });
}

const close = (actual: readonly number[], expected: readonly number[], tolerance = 2e-6): void => {
  assert.equal(actual.length, expected.length);
  const gap = Math.max(...actual.map((x, i) => Math.abs(x - (expected[i] ?? Number.NaN))));
  assert.ok(gap <= tolerance * Math.max(1, norm(expected)), `[${actual}] is not [${expected}]`);
};

const vector = fc
  .array(fc.double({min: -3, max: 3, noNaN: true}), {minLength: 3, maxLength: 3})
  .filter(w => norm(w) > 0.1);
const radius = fc.double({min: 0.01, max: 0.5, noNaN: true});
const samGradient = (w: readonly number[], rho: number): number[] => {
  const g = times(w);
  return times(plus(w, g, rho / norm(g)));
};

test('SAM is A(w + rho·Aw/‖Aw‖) on a quadratic, with a perturbation of length rho', () => {
  fc.assert(
    fc.property(vector, radius, (w, rho) => {
      close(join(apply(sam(parameters, options(rho)), w).gradients), samGradient(w, rho));
      const eps = perturbationOf(parameters, defaultPerturbation)(split(times(w)), split(w), tf.scalar(rho));
      assert.ok(Math.abs(norm(join(eps)) / rho - 1) < 1e-6);
    }),
  );
});

test('rho = 0 is the plain gradient itself in every variant', () => {
  const zero = options(0);
  for (const rule of [
    sam(parameters, zero),
    gradientNormPenalty(parameters, {...zero, alpha: 0.5}),
    gsam(parameters, {...zero, alpha: 0.4}),
    lookSam(parameters, {...zero, k: 5, alpha: 0.7}),
    friendlySam(parameters, {...zero, sigma: 1, lambda: 0.9}),
    esam(parameters, {...zero, beta: 0.5, gamma: 0.5, seed: 0}),
  ]) {
    assert.equal(rule, plainGradient);
  }
  const scheduled = sam(parameters, {...options(1), rho: () => 0});
  assert.deepEqual(
    join(apply(scheduled, [1, 2, 3]).gradients),
    join(apply(plainGradient, [1, 2, 3]).gradients),
  );
});

test('a zero gradient gives no NaN with the epsilon, and does without it', () => {
  assert.deepEqual(join(apply(sam(parameters, options(0.05)), [0, 0, 0]).gradients), [0, 0, 0]);
  const bare = sam(parameters, {...options(0.05), epsilon: 0});
  assert.ok(join(apply(bare, [0, 0, 0]).gradients).every(Number.isNaN));
});

test('ASAM has the closed form of each convention', () => {
  fc.assert(
    fc.property(vector, radius, (w, rho) => {
      const g = times(w);
      const expected = (t: readonly number[]): number[] => {
        const once = g.map((x, i) => x * (t[i] ?? 0));
        return times(
          plus(
            w,
            once.map((x, i) => x * (t[i] ?? 0)),
            rho / norm(once),
          ),
        );
      };
      const asam = sam(parameters, {...options(rho), adaptive: 'asam', eta: 0.01});
      const [w0 = 0, w1 = 0, w2 = 0] = w;
      close(join(apply(asam, w).gradients), expected([Math.abs(w0) + 0.01, Math.abs(w1) + 0.01, 1]));
      const abs = sam(parameters, {...options(rho), adaptive: 'abs'});
      if (norm(g.map((x, i) => x * Math.abs(w[i] ?? 0))) > 0.01) {
        close(join(apply(abs, w).gradients), expected([w0, w1, w2].map(Math.abs)));
      }
    }),
  );
});

test('GSAM with alpha 0 is SAM; otherwise what it takes away is orthogonal to SAM’s gradient', () => {
  fc.assert(
    fc.property(vector, radius, (w, rho) => {
      const g2 = join(apply(sam(parameters, options(rho)), w).gradients);
      assert.deepEqual(join(apply(gsam(parameters, {...options(rho), alpha: 0}), w).gradients), g2);
      const taken = plus(g2, join(apply(gsam(parameters, {...options(rho), alpha: 0.4}), w).gradients), -1);
      assert.ok(Math.abs(dot(taken, g2)) <= 1e-5 * norm(g2) * Math.max(1, norm(g2)));
      const g1 = times(w);
      close(
        taken,
        plus(g1, g2, -dot(g1, g2) / dot(g2, g2)).map(x => 0.4 * x),
        1e-5,
      );
    }),
  );
});

test('GSAM’s radius follows the learning rate from max to min', () => {
  const at = radiusFollowing(step => 0.1 - 0.01 * step, {lowest: 0, highest: 0.1, min: 0.02, max: 0.1});
  assert.deepEqual(
    [0, 5, 10].map(step => Number(at(step).toFixed(9))),
    [0.1, 0.06, 0.02],
  );
  assert.equal(radiusFollowing(() => 0.1, {lowest: 0.1, highest: 0.1, min: 0, max: 0.3})(7), 0.3);
});

test('GNP with alpha 1 is SAM and with alpha 0 the plain gradient', () => {
  const gnp = (alpha: number) => gradientNormPenalty(parameters, {...options(0.1), alpha});
  const w = [1, -2, 0.5];
  assert.deepEqual(join(apply(gnp(1), w).gradients), join(apply(sam(parameters, options(0.1)), w).gradients));
  assert.deepEqual(join(apply(gnp(0), w).gradients), join(apply(plainGradient, w).gradients));
  close(
    join(apply(gnp(0.8), w).gradients),
    plus(
      times(w).map(x => 0.2 * x),
      samGradient(w, 0.1),
      0.8,
    ),
  );
});

test('LookSAM with k = 1 is SAM; between SAM steps it adds alpha‖g‖ along the kept orthogonal part', () => {
  const w = [1, -2, 0.5];
  const g2 = samGradient(w, 0.1);
  const every = lookSam(parameters, {...options(0.1), k: 1, alpha: 0.7});
  for (const step of [0, 1, 2]) {
    assert.equal(every.phaseAt(step), 0);
    assert.deepEqual(
      join(apply(every, w, step).gradients),
      join(apply(sam(parameters, options(0.1)), w).gradients),
    );
  }
  const rule = lookSam(parameters, {...options(0.1), k: 3, alpha: 0.7});
  assert.deepEqual([0, 1, 2, 3, 4].map(rule.phaseAt), [0, 1, 1, 0, 1]);
  const {gradients, slots} = apply(rule, w, 0);
  close(join(gradients), g2);
  const g1 = times(w);
  const kept = join(slots.ascent ?? assert.fail());
  close(kept, plus(g2, g1, -dot(g1, g2) / dot(g1, g1)), 1e-5);
  assert.ok(norm(kept) > 1e-3, 'the kept part is really there');
  const later = [0.3, 0.7, -1];
  const reused = apply(rule, later, 1, slots);
  const added = plus(join(reused.gradients), times(later), -1);
  close(
    added,
    kept.map(x => (0.7 * norm(times(later)) * x) / norm(kept)),
    1e-5,
  );
  assert.deepEqual(join(reused.slots.ascent ?? assert.fail()), kept);
});

test('Friendly-SAM with sigma 0 is SAM; its mean is of raw gradients, and starts as the first', () => {
  const w = [1, -2, 0.5];
  const plain = friendlySam(parameters, {...options(0.1), sigma: 0, lambda: 0.9});
  assert.deepEqual(
    join(apply(plain, w, 5).gradients),
    join(apply(sam(parameters, options(0.1)), w).gradients),
  );
  const rule = friendlySam(parameters, {...options(0.1), sigma: 1, lambda: 0.9});
  const first = apply(rule, w, 0);
  close(join(first.gradients), samGradient(w, 0.1));
  close(join(first.slots.mean ?? assert.fail()), times(w));
  const later = [0.3, 0.7, -1];
  const second = apply(rule, later, 1, first.slots);
  const d = plus(times(later), times(w), -1);
  close(join(second.gradients), times(plus(later, d, 0.1 / norm(d))), 1e-5);
  close(
    join(second.slots.mean ?? assert.fail()),
    plus(
      times(w).map(x => 0.9 * x),
      times(later),
      0.1,
    ),
  );
});

test('ESAM with beta = gamma = 1 is SAM; a masked tensor stays, the others are perturbed by 1/beta', () => {
  const w = [1, -2, 0.5];
  const whole = esam(parameters, {...options(0.1), beta: 1, gamma: 1, seed: 0});
  assert.deepEqual(join(apply(whole, w).gradients), join(apply(sam(parameters, options(0.1)), w).gradients));
  const rule = esam(parameters, {...options(0.1), beta: 0.5, gamma: 1, seed: 0});
  const masks = Array.from({length: 40}, (_, step) =>
    Array.from(rule.phases[0]?.scanned.mask?.at(step) ?? []),
  );
  assert.equal(new Set(masks.map(String)).size, 4, 'all choices occur');
  const step = masks.findIndex(([a, b]) => a === 1 && b === 0);
  const [g0 = 0, g1 = 0] = times(w);
  close(join(apply(rule, w, step).gradients), times(plus(w, [g0, g1, 0], 0.1 / 0.5 / norm([g0, g1]))));
});

test('the places of the largest values are in order, and the earlier of equal ones wins', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({min: -3, max: 3}), {minLength: 1, maxLength: 12}),
      fc.nat(),
      (values, n) => {
        const count = 1 + (n % values.length);
        const expected = values
          .map((value, place) => ({value, place}))
          .sort((a, b) => b.value - a.value || a.place - b.place)
          .slice(0, count)
          .map(({place}) => place)
          .sort((a, b) => a - b);
        assert.deepEqual(Array.from(largest(tf.tensor1d(values), count).dataSync()), expected);
      },
    ),
  );
});

test('a parameter out of range is refused by name', () => {
  assert.throws(() => sam(parameters, options(-1)), /expected rho .* at least 0, got -1/);
  assert.throws(() => lookSam(parameters, {...options(0.1), k: 0, alpha: 1}), /expected k .* got 0/);
  assert.throws(() => esam(parameters, {...options(0.1), beta: 0, gamma: 1, seed: 0}), /expected beta/);
  assert.throws(
    () => friendlySam(parameters, {...options(0.1), sigma: 1, lambda: 2}),
    /lambda .* \[0, 1\], got 2/,
  );
  assert.throws(() => sam(parameters, {...options(0.1), perturbs: 'norm'}), /batch norm for perturbs: norm/);
});
