// Student's t, the normal and the binomial distribution, from stdlib's modular packages, and the noncentral t that
// power needs. The only file that knows them. They agree with SciPy to 1e-12 (see the tests); jStat and
// lib-r-math.js, which are smaller, to 1e-8 only.

/** What the statistics need of probability theory. */
export interface Distributions {
  /** The t that a share `p` of the distribution lies below; `df` may be fractional. */
  readonly tQuantile: (p: number, df: number) => number;
  /** P(|T| >= |t|). */
  readonly tTwoSided: (t: number, df: number) => number;
  /** P(T <= t). */
  readonly tAtMost: (t: number, df: number) => number;
  readonly normalAtMost: (z: number) => number;
  readonly normalQuantile: (p: number) => number;
  /** P(X <= k) for n fair coin tosses. */
  readonly fairCoinsAtMost: (k: number, n: number) => number;
  readonly logGamma: (x: number) => number;
}

/** Loaded when needed, so that reading a stage's declaration does not load them. */
export async function loadDistributions(): Promise<Distributions> {
  const [tCdf, tQuantile, normalCdf, normalQuantile, binomialCdf, logGamma] = await Promise.all([
    import('@stdlib/stats-base-dists-t-cdf'),
    import('@stdlib/stats-base-dists-t-quantile'),
    import('@stdlib/stats-base-dists-normal-cdf'),
    import('@stdlib/stats-base-dists-normal-quantile'),
    import('@stdlib/stats-base-dists-binomial-cdf'),
    import('@stdlib/math-base-special-gammaln'),
  ]);
  return {
    tQuantile: (p, df) => tQuantile.default(p, df),
    tTwoSided: (t, df) => 2 * tCdf.default(-Math.abs(t), df),
    tAtMost: (t, df) => tCdf.default(t, df),
    normalAtMost: z => normalCdf.default(z, 0, 1),
    normalQuantile: p => normalQuantile.default(p, 0, 1),
    fairCoinsAtMost: (k, n) => binomialCdf.default(k, n, 0.5),
    logGamma: x => logGamma.default(x),
  };
}
