// Student's t and the binomial distribution, from jStat. The only file that knows the library.
// Checked against SciPy in the tests: probabilities to 1e-12, quantiles to 1e-8, relative.

/** What the statistics need of probability theory. */
export interface Distributions {
  /** The t that a share `p` of the distribution lies below; `df` may be fractional. */
  readonly tQuantile: (p: number, df: number) => number;
  /** P(|T| >= |t|). */
  readonly tTwoSided: (t: number, df: number) => number;
  /** P(X <= k) for n fair coin tosses. */
  readonly fairCoinsAtMost: (k: number, n: number) => number;
  readonly logGamma: (x: number) => number;
}

/** Loaded when needed, so that reading a stage's declaration does not load it. */
export async function loadDistributions(): Promise<Distributions> {
  const {default: module} = await import('jstat');
  const {ibeta, gammaln, studentt} = module.jStat;
  return {
    tQuantile: (p, df) => studentt.inv(p, df),
    // As an incomplete beta function: 2 * cdf(-|t|) would lose digits far out.
    tTwoSided: (t, df) => (Number.isFinite(t) ? ibeta(df / (df + t * t), df / 2, 0.5) : 0),
    fairCoinsAtMost: (k, n) => (k >= n ? 1 : k < 0 ? 0 : ibeta(0.5, n - k, k + 1)),
    logGamma: x => gammaln(x),
  };
}
