// A number that a stage measured. A diverged loss is a result too: what is not finite goes by its name, as JSON has no
// word for it.

export type NotFinite = 'NaN' | 'Infinity' | '-Infinity';
export type Metric = number | NotFinite;
export type Metrics = Readonly<Record<string, Metric>>;

export function metricOf(value: number): Metric {
  if (Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? 'Infinity' : '-Infinity';
}

/** As a number to compute with: `NaN` for `'NaN'`. */
export const numberOf = (metric: Metric): number => Number(metric);

export const numbersOf = (metrics: Metrics): Record<string, number> =>
  Object.fromEntries(Object.entries(metrics).map(([name, metric]) => [name, numberOf(metric)]));

export const isMetric = (value: unknown): value is Metric =>
  typeof value === 'number' ? Number.isFinite(value) : isNotFinite(value);

const isNotFinite = (value: unknown): value is NotFinite =>
  value === 'NaN' || value === 'Infinity' || value === '-Infinity';
