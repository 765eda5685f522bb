// Everything beside the t tests against SciPy and statsmodels; test/fixtures/statistics/oracle.py made the numbers.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {z} from 'zod';
import {stream} from '../../stages/learn/random.ts';
import {friedman} from '../../stages/statistics/across.ts';
import {bcaOfMean, shareLarger} from '../../stages/statistics/bootstrap.ts';
import {loadDistributions} from '../../stages/statistics/distributions.ts';
import {
  detectableShift,
  equivalence,
  noncentralAtMost,
  pairsFor,
  pairsForEquivalence,
  powerOfEquivalence,
  powerOfT,
} from '../../stages/statistics/power.ts';
import {wilcoxon} from '../../stages/statistics/rank-tests.ts';
import {differencesOf} from '../../stages/statistics/rounding.ts';
import {eValue} from '../../stages/statistics/sequential.ts';
import {pairedT} from '../../stages/statistics/tests.ts';

const numbers = z.array(z.number());
const oracle = z
  .object({
    studies: z.array(
      z.object({
        kind: z.string(),
        a: numbers,
        b: numbers,
        wilcoxon: z.number().nullable(),
        margin: z.number(),
        tost: z.number(),
        t: z.number(),
        bca: z.tuple([z.number(), z.number()]),
        larger: z.number(),
      }),
    ),
    power: z.array(z.object({n: z.number(), effect: z.number(), power: z.number()})),
    noncentral: z.array(z.object({t: z.number(), df: z.number(), shift: z.number(), p: z.number()})),
    detectable: z.array(z.object({n: z.number(), effect: z.number()})),
    pairs: z.array(z.object({effect: z.number(), n: z.number()})),
    equivalence: z.array(z.object({margin: z.number(), df: z.number(), power: z.number()})),
    evidence: z.array(z.object({t: z.number(), n: z.number(), e: z.number()})),
    friedman: z.array(z.object({ranks: z.array(numbers), chi2: z.number(), p: z.number().nullable()})),
  })
  .parse(JSON.parse(readFileSync(new URL('../fixtures/statistics/oracle.json', import.meta.url), 'utf8')));

const distributions = await loadDistributions();

function near(actual: number | undefined, expected: number, tolerance: number, what: string): void {
  const isNear =
    actual !== undefined && Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected));
  assert.ok(isNear, `${what}: expected ${expected}, got ${actual}`);
}

test('the paired t test, equivalence and Wilcoxon’s exact test agree with SciPy and statsmodels', () => {
  for (const {kind, a, b, t, margin, tost, wilcoxon: expected} of oracle.studies) {
    const what = `${kind}, ${a.length} pairs`;
    const differences = differencesOf(a, b);
    const result = pairedT(differences, 0.95, distributions);
    assert.ok(result, what);
    near(result.t, t, 1e-9, what);
    near(equivalence(result, margin, distributions)?.p, tost, 1e-9, what);
    if (expected !== null) near(wilcoxon(differences)?.p, expected, 1e-9, `Wilcoxon, ${what}`);
  }
});

test('BCa intervals are within resampling noise of SciPy’s with 200,000 resamples, the share of wins equal', () => {
  for (const {kind, a, b, bca, larger} of oracle.studies) {
    const what = `${kind}, ${a.length} pairs`;
    const bounds = bcaOfMean(differencesOf(a, b), 0.95, stream(0, 'resample'), distributions);
    assert.ok(bounds, what);
    const width = bca[1] - bca[0];
    // Means of a few whole images are few: an end moves by whole steps of them.
    const tolerance = kind === 'images' && a.length < 10 ? 0.12 : 0.05;
    assert.ok(Math.abs(bounds.low - bca[0]) < tolerance * width, `${what}: ${bounds.low}, ${bca[0]}`);
    assert.ok(Math.abs(bounds.high - bca[1]) < tolerance * width, `${what}: ${bounds.high}, ${bca[1]}`);
    near(shareLarger(a, b), larger, 1e-12, what);
  }
});

test('the noncentral t, power, the smallest detectable effect and numbers of pairs agree', () => {
  for (const {t, df, shift, p} of oracle.noncentral)
    near(noncentralAtMost(t, df, shift, distributions), p, 1e-9, `t ${t}, df ${df}, shift ${shift}`);
  for (const {n, effect, power} of oracle.power)
    near(powerOfT(effect * Math.sqrt(n), n - 1, 0.05, distributions), power, 1e-8, `${n} pairs, ${effect}`);
  for (const {n, effect} of oracle.detectable)
    near(detectableShift(n - 1, 0.05, 0.8, distributions) / Math.sqrt(n), effect, 1e-5, `${n} pairs`);
  for (const {effect, n} of oracle.pairs)
    assert.equal(pairsFor(effect, 0.05, 0.8, distributions), n, `effect ${effect}`);
});

test('the power of equivalence agrees with quadrature, and its number of pairs is the smallest', () => {
  for (const {margin, df, power} of oracle.equivalence)
    near(powerOfEquivalence(margin, df, 0.05, distributions), power, 1e-7, `margin ${margin}, df ${df}`);
  const n = pairsForEquivalence(0.5, 0.05, 0.8, distributions) ?? 0;
  const at = (count: number) => powerOfEquivalence(0.5 * Math.sqrt(count), count - 1, 0.05, distributions);
  assert.ok(at(n) >= 0.8 && at(n - 1) < 0.8, `${n}`);
  assert.equal(pairsFor(0, 0.05, 0.8, distributions), null);
});

test('the e-value is the likelihood ratio of the t statistic that its source says', () => {
  for (const {t, n, e} of oracle.evidence) near(eValue(t, n), e, 1e-7, `t ${t}, ${n} differences`);
});

test('Friedman’s statistic is SciPy’s, and its shuffled p is near the exact one', () => {
  for (const {ranks, chi2, p} of oracle.friedman) {
    const found = friedman(ranks);
    near(found.chi2, chi2, 1e-9, 'statistic');
    if (p !== null) near(found.p, p, 0.02, 'p');
  }
});
