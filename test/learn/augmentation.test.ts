import assert from 'node:assert/strict';
import {test} from 'node:test';
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import {compile} from '../../src/engine/index.ts';
import {
  type AugmentationPolicy,
  augmentationPolicy,
  augmentSample,
  drawAugmentation,
  drawLength,
  noAugmentation,
} from '../../stages/learn/augmentation.ts';
import {gatherBatch, residentShape} from '../../stages/learn/augmentation-graph.ts';

await tf.setBackend('cpu');

const draw = (policy: AugmentationPolicy, samples: number[], epoch = 0, batch = 0, seed = 1): Int32Array => {
  const out = new Int32Array(samples.length * drawLength);
  drawAugmentation(policy, {height: 32, width: 32}, seed, epoch, batch, Int32Array.from(samples), out);
  return out;
};
const rowOf = (draws: Int32Array, i: number): number[] => [
  ...draws.subarray(i * drawLength, (i + 1) * drawLength),
];

const usual: AugmentationPolicy = {
  flip: 0.5,
  crop: {padding: 4, mode: 'reflect'},
  cutout: {length: 16, variant: 'devries', probability: 1, when: 'after'},
};

test('a sample’s draws depend on seed, epoch and sample, not on its batch or its neighbours', () => {
  const together = draw(usual, [5, 6, 7], 2, 0);
  assert.deepEqual(rowOf(together, 1), rowOf(draw(usual, [6], 2, 9), 0));
  for (const other of [draw(usual, [6], 3), draw(usual, [8], 2), draw(usual, [6], 2, 0, 2)]) {
    assert.notDeepEqual(rowOf(other, 0), rowOf(together, 1));
  }
});

test('google’s cutout is one square per batch, the others are one per sample', () => {
  const squares = (variant: 'devries' | 'google' | 'davda54', batch: number): Set<string> => {
    const policy = {...usual, cutout: {length: 16, variant, probability: 1, when: 'after' as const}};
    const draws = draw(
      policy,
      Array.from({length: 20}, (_, i) => i),
      0,
      batch,
    );
    return new Set(Array.from({length: 20}, (_, i) => String(rowOf(draws, i).slice(3))));
  };
  assert.equal(squares('google', 0).size, 1);
  assert.notDeepEqual(squares('google', 0), squares('google', 1));
  assert.ok(squares('devries', 0).size > 10 && squares('davda54', 0).size > 10);
});

test('crops and squares cover their published ranges, and probabilities are kept', () => {
  const samples = Array.from({length: 4000}, (_, i) => i);
  const columnOf = (policy: AugmentationPolicy, place: number): number[] =>
    samples.map((_, i) => draw4000(policy)[i * drawLength + place] ?? -1);
  const cache = new Map<AugmentationPolicy, Int32Array>();
  const draw4000 = (policy: AugmentationPolicy): Int32Array => {
    const known = cache.get(policy) ?? draw(policy, samples);
    cache.set(policy, known);
    return known;
  };
  const range = (values: number[]): number[] => [Math.min(...values), Math.max(...values)];
  assert.deepEqual(range(columnOf(usual, 0)), [0, 8]);
  assert.deepEqual(range(columnOf(usual, 1)), [0, 8]);
  const flips = columnOf(usual, 2).reduce((sum, x) => sum + x, 0);
  assert.ok(Math.abs(flips - 2000) < 4 * Math.sqrt(1000), `${flips} of 4000 flipped`);
  // The centre is any pixel: squares are cut at the border, and are never smaller than half their length.
  assert.deepEqual(range(columnOf(usual, 3)), [0, 23]);
  assert.deepEqual(range(columnOf(usual, 4)), [8, 32]);
  const davda: AugmentationPolicy = {
    ...usual,
    cutout: {length: 16, variant: 'davda54', probability: 0.5, when: 'after'},
  };
  const empty = samples.filter(i =>
    rowOf(draw4000(davda), i)
      .slice(3)
      .every(x => x === 0),
  ).length;
  assert.ok(Math.abs(empty - 2000) < 4 * Math.sqrt(1000), `${empty} of 4000 without a square`);
});

const policies = fc.record({
  flip: fc.constantFrom(0, 0.5, 1),
  crop: fc.option(
    fc.record({padding: fc.nat(3), mode: fc.constantFrom('zero' as const, 'reflect' as const)}),
  ),
  cutout: fc.option(
    fc.record({
      length: fc.integer({min: 1, max: 6}),
      variant: fc.constantFrom('devries' as const, 'google' as const, 'davda54' as const),
      probability: fc.constantFrom(0.5, 1),
      when: fc.constantFrom('after' as const, 'before' as const),
    }),
  ),
});
const size = {height: 5, width: 6, channels: 2};
const count = 7;
const pixels = Uint8Array.from({length: count * 60}, (_, i) => (i * 37 + 11) % 256);
const normalisation = {mean: [0.4, 0.5], std: [0.2, 0.3]};

/** What the host says that the batch is, normalised in double precision. */
function expected(policy: AugmentationPolicy, samples: Int32Array, draws: Int32Array): number[] {
  return [...samples].flatMap((sample, i) => {
    const image = pixels.subarray(sample * 60, (sample + 1) * 60);
    const row = draws.subarray(i * drawLength, (i + 1) * drawLength);
    const out = augmentSample(policy, size, image, row);
    return Array.from(out.pixels, (value, place) => {
      const channel = place % 2;
      const isBlank = policy.cutout?.when === 'after' && out.blank[Math.floor(place / 2)] === 1;
      return isBlank
        ? 0
        : (value / 255 - (normalisation.mean[channel] ?? 0)) / (normalisation.std[channel] ?? 1);
    });
  });
}

test('the batch inside the program is what the host draws, for any policy', () => {
  fc.assert(
    fc.property(policies, fc.nat(100), (policy, seed) => {
      const samples = Int32Array.of(3, 0, 6, 3);
      const draws = new Int32Array(samples.length * drawLength);
      drawAugmentation(policy, size, seed, 0, 0, samples, draws);
      const actual = tf.tidy(() =>
        gatherBatch(
          policy,
          size,
          normalisation,
          tf.tensor(Int32Array.from(pixels), [...residentShape(policy, count, size)], 'int32'),
          tf.tensor1d(samples, 'int32'),
          tf.tensor2d(draws, [samples.length, drawLength], 'int32'),
        ).dataSync(),
      );
      const wanted = expected(policy, samples, draws);
      assert.equal(actual.length, wanted.length);
      const gap = wanted.reduce((most, x, i) => Math.max(most, Math.abs(x - (actual[i] ?? Number.NaN))), 0);
      assert.ok(gap < 1e-5, `gap ${gap}`);
    }),
    {numRuns: 60},
  );
});

test('the compiled program gathers the same batch', async () => {
  for (const policy of [
    noAugmentation,
    {flip: 0.5, crop: {padding: 2, mode: 'zero' as const}, cutout: null},
    {
      flip: 0.5,
      crop: {padding: 2, mode: 'reflect' as const},
      cutout: {...(usual.cutout ?? assert.fail()), length: 3},
    },
  ]) {
    const samples = Int32Array.of(3, 0, 6, 3);
    const draws = new Int32Array(samples.length * drawLength);
    drawAugmentation(policy, size, 5, 0, 0, samples, draws);
    const program = await compile(
      {
        name: 'batch',
        state: {},
        resident: {pixels: {dtype: 'uint8', shape: residentShape(policy, count, size), data: pixels}},
        scanned: {
          indices: {shape: [4], dtype: 'int32'},
          draws: {shape: [4, drawLength], dtype: 'int32'},
        },
        step: ({resident, scanned}) => ({
          state: {},
          metrics: {
            batch: gatherBatch(
              policy,
              size,
              normalisation,
              resident.pixels ?? assert.fail(),
              (scanned.indices ?? assert.fail()) as tf.Tensor1D,
              scanned.draws as tf.Tensor2D,
            ),
          },
        }),
      },
      {device: 'cpu'},
    );
    const {batch} = await program.run({
      indices: {dtype: 'int32', shape: [1, 4], data: samples},
      draws: {dtype: 'int32', shape: [1, 4, drawLength], data: draws},
    });
    await program.dispose();
    const wanted = expected(policy, samples, draws);
    const gap = wanted.reduce(
      (most, x, i) => Math.max(most, Math.abs(x - (batch?.data[i] ?? Number.NaN))),
      0,
    );
    assert.ok(gap < 1e-5, `gap ${gap}`);
  }
});

test('a policy has defaults, and what is no policy is refused', () => {
  assert.deepEqual(augmentationPolicy.parse({}), noAugmentation);
  assert.deepEqual(augmentationPolicy.parse({crop: {}, cutout: {length: 16}}), {
    flip: 0,
    crop: {padding: 4, mode: 'zero'},
    cutout: {length: 16, variant: 'devries', probability: 1, when: 'after'},
  });
  assert.throws(() => augmentationPolicy.parse({flip: 2}));
  assert.throws(() => augmentationPolicy.parse({rotate: 1}));
});
