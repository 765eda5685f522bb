import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {permutation, philox, stream} from '../../stages/learn/random.ts';

const hex = (words: Uint32Array) => [...words].map(word => word.toString(16).padStart(8, '0')).join(' ');

test('Philox4x32-10 gives the known answers of Random123', () => {
  const answer = (...words: [number, number, number, number, number, number]) => {
    const out = new Uint32Array(4);
    philox(...words, out);
    return hex(out);
  };
  const ones = 0xffffffff;
  assert.equal(answer(0, 0, 0, 0, 0, 0), '6627e8d5 e169c58d bc57ac4c 9b00dbd8');
  assert.equal(answer(ones, ones, ones, ones, ones, ones), '408f276d 41c83b0e a20bc7c6 6d5451fd');
  assert.equal(
    answer(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0),
    'd16cfe09 94fdcceb 5001e420 24126ea1',
  );
});

test('a stream is the blocks of its counter, whatever was read before it', () => {
  const expected = new Uint32Array(8);
  philox(0, 2, 7, 9, 5, 1, expected.subarray(0, 4));
  philox(1, 2, 7, 9, 5, 1, expected.subarray(4, 8));
  stream(1, 'crop').uint32();
  const draws = stream(2 ** 32 + 5, 'crop', 7, 9);
  assert.deepEqual(
    Uint32Array.from({length: 8}, () => draws.uint32()),
    expected,
  );
});

test('seed, purpose and both coordinates each give other draws', () => {
  const first = (...name: Parameters<typeof stream>) => stream(...name).uint32();
  const draws = [
    first(1, 'crop'),
    first(2, 'crop'),
    first(2 ** 32 + 1, 'crop'),
    first(1, 'flip'),
    first(1, 'crop', 1),
    first(1, 'crop', 0, 1),
  ];
  assert.equal(new Set(draws).size, draws.length);
});

test('a permutation has every number once, and depends on the seed', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.nat(), (count, seed) => {
      const order = permutation(stream(seed, 'shuffle'), count);
      assert.deepEqual(
        [...order].sort((a, b) => a - b),
        Array.from({length: count}, (_, i) => i),
      );
    }),
  );
  assert.notDeepEqual(permutation(stream(0, 'shuffle'), 50), permutation(stream(1, 'shuffle'), 50));
});

test('bounded draws are uniform, normal draws have moments 0, 1, 0, 3', () => {
  const noise = stream(3, 'noise');
  const counts = new Array<number>(6).fill(0);
  for (let i = 0; i < 60_000; i++) {
    const face = noise.below(6);
    counts[face] = (counts[face] ?? 0) + 1;
  }
  const chiSquare = counts.reduce((sum, n) => sum + (n - 10_000) ** 2 / 10_000, 0);
  assert.ok(chiSquare < 20.5, `chi-square ${chiSquare} with 5 degrees of freedom`); // p = 0.001
  const draws = Float64Array.from({length: 100_000}, () => noise.normal());
  const moment = (k: number) => draws.reduce((sum, z) => sum + z ** k, 0) / draws.length;
  const expected: [number, number, number][] = [
    [1, 0, 1],
    [2, 1, 2],
    [3, 0, 15],
    [4, 3, 96],
  ];
  for (const [k, mean, variance] of expected) {
    assert.ok(
      Math.abs(moment(k) - mean) < 4 * Math.sqrt(variance / draws.length),
      `moment ${k}: ${moment(k)}`,
    );
  }
});

test('a seed or a bound that is no such integer is refused', () => {
  assert.throws(() => stream(-1, 'init'), /seed that is an integer in 0\.\.2\^53-1, got -1/);
  assert.throws(() => stream(0.5, 'init'), /got 0\.5/);
  assert.throws(() => stream(0, 'init').below(0), /bound .* got 0/);
});
