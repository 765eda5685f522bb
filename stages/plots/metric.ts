// How a metric is shown: accuracies as percentages, `…_error` as what an accuracy leaves, the rest as it is.

export interface ShownMetric {
  /** The metric or the column that it is computed from. */
  readonly source: string;
  readonly title: string;
  /** Whether its differences are percentage points. */
  readonly isShare: boolean;
  /** Whether a ratio means more than a difference: shown on a logarithmic axis where all values are above 0. */
  readonly isRatio: boolean;
  readonly isBetterWhenLow: boolean;
  readonly shown: (value: number) => number;
}

/** `test_error` is 100·(1 - `test_accuracy`). */
export function shownMetric(name: string): ShownMetric {
  const words = name.replaceAll('_', ' ').replace(/^train/, 'training');
  if (name.endsWith('_error')) {
    return {
      source: name.replace(/_error$/, '_accuracy'),
      title: `${words} (%)`,
      isShare: true,
      isRatio: true,
      isBetterWhenLow: true,
      // Rounded, as 1 - 0.97 is 0.030000000000000027.
      shown: value => Math.round(1e10 * (1 - value)) / 1e8,
    };
  }
  if (/accuracy/.test(name)) {
    return {
      source: name,
      title: `${words} (%)`,
      isShare: true,
      isRatio: false,
      isBetterWhenLow: false,
      shown: value => 100 * value,
    };
  }
  const isLoss = /loss|sharpness|hessian/.test(name);
  return {
    source: name,
    title: words,
    isShare: false,
    isRatio: isLoss,
    isBetterWhenLow: isLoss,
    shown: value => value,
  };
}
