// Peeking: studies that look after every seed and stop when they like. All draws are seeded.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {stream} from '../../stages/learn/random.ts';
import {loadDistributions} from '../../stages/statistics/distributions.ts';
import {eValue, sequential, widthAt} from '../../stages/statistics/sequential.ts';

const {tQuantile} = await loadDistributions();
const studies = 10_000;
const mostSeeds = 60;

/** The share of studies that reject at some number of seeds, looking at each of them. */
function rejecting(
  draw: (study: number) => () => number,
  isRejected: (t: number, n: number) => boolean,
): number {
  let rejected = 0;
  for (let study = 0; study < studies; study++) {
    const next = draw(study);
    let [n, mean, squares] = [0, 0, 0];
    while (n < mostSeeds) {
      const value = next();
      n++;
      const before = mean;
      mean += (value - mean) / n;
      squares += (value - before) * (value - mean);
      if (n < 2 || squares === 0) continue;
      if (isRejected(mean / Math.sqrt(squares / (n - 1) / n), n)) {
        rejected++;
        break;
      }
    }
  }
  return rejected / studies;
}

const normals = (study: number) => {
  const draws = stream(study, 'noise');
  return () => draws.normal();
};
/** Differences of two accuracies on 2,000 images, whose true values vary from seed to seed. */
const accuracies = (study: number) => {
  const draws = stream(study, 'noise', 1);
  const one = () => Math.round(2000 * (0.97 + 0.004 * draws.normal() + 0.0035 * draws.normal())) / 2000;
  return () => one() - one();
};
const isFound = (t: number, n: number): boolean => eValue(t, n) >= 20;

test('of 10,000 studies without a difference that peek after every seed, at most 5 % ever find one', () => {
  for (const draw of [normals, accuracies]) {
    const share = rejecting(draw, isFound);
    assert.ok(share <= 0.05, `${share}`);
    assert.ok(share > 0.005, `${share}: so strict a rule would find nothing`);
  }
});

test('the t test of a fixed number of seeds, peeked at, finds a difference that is not there in a fifth and more', () => {
  const criticals = Array.from({length: mostSeeds + 1}, (_, n) =>
    n < 2 ? Infinity : tQuantile(0.975, n - 1),
  );
  const share = rejecting(normals, (t, n) => Math.abs(t) > (criticals[n] ?? Infinity));
  assert.ok(share > 0.2, `${share}`);
});

test('a difference of one SD is found in most studies, and within a few tens of seeds', () => {
  const shifted = (study: number) => {
    const next = normals(study);
    return () => next() + 1;
  };
  assert.ok(rejecting(shifted, isFound) > 0.99);
});

test('the interval leaves out 0 exactly where the e-value is 20', () => {
  for (const n of [2, 5, 6, 10, 30, 300]) {
    const width = widthAt(n, 0.05);
    if (width === null) {
      assert.ok(eValue(1e9, n) < 20, `${n}: no t is enough`);
      continue;
    }
    assert.ok(Math.abs(eValue(width, n) - 20) < 1e-6, `${n}`);
    assert.ok(width > tQuantile(0.975, n - 1), `${n}: peeking costs`);
  }
});

test('a study is decided for good as better, worse, equivalent, or not yet', () => {
  const at = (difference: number, margin: number | null) =>
    sequential({difference, error: 0.01, n: 20}, 0.95, margin).verdict;
  assert.equal(at(0.1, null), 'higher');
  assert.equal(at(-0.1, null), 'lower');
  assert.equal(at(0.001, null), 'undecided');
  assert.equal(at(0.001, 0.05), 'equivalent');
  assert.equal(at(0.001, 0.01), 'undecided');
  assert.deepEqual(sequential({difference: 0, error: 0, n: 5}, 0.95, 1), {
    e: 1,
    interval: null,
    verdict: 'undecided',
  });
});
