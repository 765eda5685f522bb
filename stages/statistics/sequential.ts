// Looking after every seed, and stopping when one likes: an e-process for the mean of normal differences of unknown
// spread, and the confidence sequence that it inverts to. Both hold at all numbers of seeds at once (Ville 1939), so
// that seeds can be added until the question is decided.
// Source: Wang and Ramdas, "Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance"
// (Sequential Analysis 2025, arXiv 2310.03722): the scale-invariant e-process, a likelihood ratio of the t statistic
// with a normal prior on the effect size, as Lai (1976) and Rouder et al. (2009) have it.

/** Variance of the prior on the effect size (mean over SD): 1 says that effects of about one SD are looked for. */
export const priorVariance = 1;

/**
 * Evidence against a mean of 0 after n differences with this t statistic (mean over its error): the null's
 * expectation is at most 1 whenever one stops, so 1/level or more is significant at `level`.
 */
export function eValue(t: number, n: number): number {
  if (n < 2) return 1;
  const wider = 1 + n * priorVariance;
  const x = (t * t) / (n - 1);
  return Math.exp((n / 2) * Math.log((1 + x) / (1 + x / wider)) - Math.log(wider) / 2);
}

/**
 * The largest |t| with an e-value below 1/level: the half-width of the confidence sequence in standard errors.
 * `null` while n is so small that no t would be enough.
 */
export function widthAt(n: number, level: number): number | null {
  if (n < 2) return null;
  const wider = 1 + n * priorVariance;
  const ratio = (Math.sqrt(wider) / level) ** (2 / n);
  if (ratio >= wider) return null;
  return Math.sqrt(((n - 1) * (ratio - 1)) / (1 - ratio / wider));
}

export interface Sequential {
  readonly e: number;
  /** Of the mean difference, valid at every number of seeds at once; `null` while it is the whole line. */
  readonly interval: {readonly low: number; readonly high: number} | null;
  /** What can be said for good, however often one has looked. */
  readonly verdict: 'higher' | 'lower' | 'equivalent' | 'undecided';
}

/** @param margin within which arms count as equivalent; `null` where none was stated. */
export function sequential(
  {difference, error, n}: {readonly difference: number; readonly error: number; readonly n: number},
  confidence: number,
  margin: number | null,
): Sequential {
  const e = error === 0 ? 1 : eValue(difference / error, n);
  const width = error === 0 ? null : widthAt(n, 1 - confidence);
  if (width === null) return {e, interval: null, verdict: 'undecided'};
  const [low, high] = [difference - width * error, difference + width * error];
  const verdict =
    low > 0
      ? 'higher'
      : high < 0
        ? 'lower'
        : margin !== null && low > -margin && high < margin
          ? 'equivalent'
          : 'undecided';
  return {e, interval: {low, high}, verdict};
}
