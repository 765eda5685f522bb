// Expected numbers are SciPy 1.17.1's on the same data (`scipy.stats` ttest_rel, ttest_ind(equal_var=False),
// permutation_test, binomtest, t.ppf, t.interval), or published ones where a source is named.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {describe, meanOf} from '../../stages/statistics/description.ts';
import {loadDistributions} from '../../stages/statistics/distributions.ts';
import {mcNemar} from '../../stages/statistics/mcnemar.ts';
import {signFlip} from '../../stages/statistics/rank-tests.ts';
import {hedgesFactor, hedgesG, holm, pairedEffect, pairedT, welchT} from '../../stages/statistics/tests.ts';

const distributions = await loadDistributions();

function near(actual: number | undefined, expected: number, tolerance = 1e-10): void {
  assert.ok(
    actual !== undefined && Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `expected ${expected}, got ${actual}`,
  );
}

// Extra hours of sleep by two drugs: Cushny and Peebles (1905), the data of Student (1908).
const dextro = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
const laevo = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
const differences = dextro.map((value, index) => value - (laevo[index] ?? 0));

test('the paired t test agrees with SciPy, and with the 4.06 that Student found', () => {
  const result = pairedT(differences, 0.95, distributions);
  near(result?.t, -4.062127683382037);
  near(result?.p, 0.002832890197384273);
  near(result?.interval.low, -2.459885763276983);
  near(result?.interval.high, -0.7001142367230175);
  assert.equal(result?.df, 9);
});

test('Welch’s t test agrees with SciPy, its fractional degrees of freedom included', () => {
  const result = welchT(dextro, laevo, 0.95, distributions);
  near(result?.t, -1.8608134674868526);
  near(result?.df, 17.776473516178488);
  near(result?.p, 0.0793941401873583);
  near(result?.interval.low, -3.3654832307117104);
  near(result?.interval.high, 0.20548323071171137);
});

test('accuracies of five seeds: paired t, t interval, SD', () => {
  const sam = [0.9727, 0.9735, 0.9741, 0.9722, 0.9738];
  const sgd = [0.9711, 0.973, 0.9725, 0.9719, 0.9724];
  const result = pairedT(
    sam.map((value, index) => value - (sgd[index] ?? 0)),
    0.95,
    distributions,
  );
  near(result?.t, 3.832776581333497);
  near(result?.p, 0.01857391164178486);
  near(result?.interval.low, 0.0002976531425762447);
  const {mean, sd, interval} = describe(sam, 0.95, distributions);
  near(mean, 0.97326);
  near(sd ?? 0, 0.0007893034904268519);
  near(interval?.low, 0.9722799502722804);
  near(interval?.high, 0.9742400497277196);
});

test('the exact sign-flip test agrees with SciPy’s, and says its floor', () => {
  near(signFlip(differences)?.p, 0.00390625);
  const five = [0.0016, 0.0005, 0.0016, 0.0003, 0.0014];
  assert.deepEqual(signFlip(five), {p: 0.0625, floor: 0.0625, pairs_needed: 6, sampled: null});
  assert.equal(signFlip([1, 2, 3])?.floor, 0.25);
  assert.equal(signFlip([1, 2, 3, 4, 5, 6])?.p, 0.03125);
  assert.equal(signFlip([]), null);
});

test('the sign-flip test counts as a count over all sign patterns does', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({min: -9, max: 9}), {minLength: 1, maxLength: 9}), values => {
      const observed = Math.abs(values.reduce((sum, value) => sum + value, 0));
      let extreme = 0;
      for (let pattern = 0; pattern < 2 ** values.length; pattern++) {
        const sum = values.reduce((total, value, bit) => total + (pattern & (1 << bit) ? value : -value), 0);
        if (Math.abs(sum) >= observed) extreme++;
      }
      near(signFlip(values)?.p, extreme / 2 ** values.length);
    }),
  );
});

test('McNemar’s exact test is the binomial test on what one of the two gets right', () => {
  const arms = (both: number, first: number, second: number, none: number) => [
    [...new Array<number>(both + first).fill(1), ...new Array<number>(second + none).fill(0)],
    [
      ...new Array<number>(both).fill(1),
      ...new Array<number>(first).fill(0),
      ...new Array<number>(second).fill(1),
      ...new Array<number>(none).fill(0),
    ],
  ];
  const [a = [], b = []] = arms(50, 10, 2, 5);
  const small = mcNemar(a, b, distributions);
  assert.deepEqual([small.only_first, small.only_second], [10, 2]);
  near(small.p, 0.03857421875);
  // Approval ratings: Agresti, Categorical Data Analysis (1990), section 10.1; 794, 150, 86, 570.
  const [c = [], d = []] = arms(794, 150, 86, 570);
  near(mcNemar(c, d, distributions).p, 3.7159361395713866e-5);
  assert.equal(mcNemar([1, 0], [1, 0], distributions).p, 1);
  assert.throws(
    () => mcNemar([1], [1, 0], distributions),
    /expected as many images in both arms, got 1 and 2/,
  );
});

test('Holm’s adjustment gives R’s p.adjust(method = "holm"), in the order given', () => {
  const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
  [0.03, 0.06, 0.06, 0.02].forEach((expected, index) => {
    near(adjusted[index], expected);
  });
  assert.deepEqual(holm([0.7, 0.6]), [1, 1]);
  assert.deepEqual(holm([]), []);
});

test('Holm never makes a p smaller, keeps their order, and leaves a single one alone', () => {
  fc.assert(
    fc.property(fc.array(fc.double({min: 0, max: 1, noNaN: true}), {minLength: 1, maxLength: 12}), ps => {
      const adjusted = holm(ps);
      ps.forEach((p, i) => {
        assert.ok((adjusted[i] ?? 0) >= p && (adjusted[i] ?? 2) <= 1);
        ps.forEach((q, j) => {
          if (p < q) assert.ok((adjusted[i] ?? 0) <= (adjusted[j] ?? 0));
        });
      });
      if (ps.length === 1) assert.deepEqual(adjusted, ps);
    }),
  );
});

test('half-widths of the 95 % interval are 2.48, 1.24 and 0.72 SD for 3, 5 and 10 seeds', () => {
  near(distributions.tQuantile(0.975, 2), 4.302652729749462);
  near(distributions.tQuantile(0.975, 4) / Math.sqrt(5), 1.241663998203764);
  near(distributions.tQuantile(0.975, 9) / Math.sqrt(10), 0.7153569059706647);
});

test('effect sizes carry Hedges’ exact factor', () => {
  const factors = [2, 4, 8, 18].map(df => hedgesFactor(df, distributions));
  [0.5641895835477564, 0.7978845608028653, 0.90270333367641, 0.9576464270237195].forEach(
    (expected, index) => {
      near(factors[index], expected);
    },
  );
  near(hedgesG(dextro, laevo, distributions) ?? 0, -0.796935239191122);
  near(pairedEffect(differences, distributions) ?? 0, -1.173924903514205);
  assert.equal(pairedEffect([1, 2], distributions), null);
});

test('values without a spread give no interval and no test rather than an infinite one', () => {
  const {mean, sd, interval} = describe([0.9873, 0.9873, 0.9873], 0.95, distributions);
  assert.deepEqual({mean, sd, interval}, {mean: 0.9873, sd: 0, interval: null});
  assert.equal(describe([1], 0.95, distributions).sd, null);
  assert.equal(pairedT([0.1, 0.1], 0.95, distributions), null);
  assert.equal(welchT([1, 1], [2, 2], 0.95, distributions), null);
  assert.equal(hedgesG([1, 1], [2, 2], distributions), null);
  assert.throws(() => describe([], 0.95, distributions), /at least one value/);
  assert.equal(meanOf([0.1, 0.1, 0.1]), 0.1);
});
