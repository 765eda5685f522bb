// Numbers as a table shows them: as many digits as the uncertainty allows, and no more.

import type {Row} from '../statistics/summary.ts';

/** How a metric's values are shown: `scale` 100 and unit `%` for shares such as accuracies. */
export interface Unit {
  readonly scale: number;
  readonly suffix: string;
}

const most = 8;

/** Decimals so that the uncertainty has two significant digits: 0.0712 gives 3, 1.2 gives 1, 34 gives 0. */
export const decimalsFor = (uncertainty: number): number =>
  Math.min(most, Math.max(0, 1 - Math.floor(Math.log10(uncertainty))));

/** With a true minus sign. `-0.00` becomes `0.00`. */
export function fixed(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  const isZero = Number(text) === 0;
  return isZero ? text.replace('-', '') : text.replace('-', '−');
}

export const signed = (value: number, decimals: number): string => {
  const text = fixed(value, decimals);
  return value > 0 && Number(value.toFixed(decimals)) > 0 ? `+${text}` : text;
};

/** `98.73 ± 0.07`, `98.73` alone where nothing is known of the spread, `–` without a value. */
export function meanText(row: Row, spread: 'interval' | 'sd', {scale}: Unit): string {
  if (row.mean === null) return '–';
  const width = spread === 'sd' ? row.sd : (row.interval?.half_width ?? null);
  if (width === null || width === 0 || row.status !== 'replicated') return fixed(row.mean * scale, 2);
  return withUncertainty(row.mean * scale, width * scale);
}

export function withUncertainty(value: number, width: number): string {
  const decimals = decimalsFor(width);
  return `${fixed(value, decimals)} ± ${fixed(width, decimals)}`;
}

/** Two significant digits; very small ones as a bound. */
export function pText(p: number | null): string {
  if (p === null) return '–';
  if (p < 0.0001) return '< 0.0001';
  if (p >= 0.995) return '1.0';
  return p.toFixed(Math.max(2, 1 - Math.floor(Math.log10(p))));
}
