// Numbers as a table shows them: as many digits as the uncertainty allows, and no more.

import type {Row} from '../statistics/summary.ts';

/** How a metric's values are shown: `scale` 100 and unit `%` for shares such as accuracies. */
export interface Unit {
  readonly scale: number;
  readonly suffix: string;
}

/** Hundredths of a percent are single images of a test split of 10,000: finer ones say nothing. */
const mostDecimals = ({scale}: Unit): number => (scale === 100 ? 2 : 15);
export const plain: Unit = {scale: 1, suffix: ''};

/** Decimals so that the uncertainty has two significant digits: 0.0712 gives 3, 1.2 gives 1, 34 gives 0. */
export const decimalsFor = (uncertainty: number, unit = plain): number =>
  Math.min(mostDecimals(unit), Math.max(0, 1 - Math.floor(Math.log10(uncertainty))));

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

type Spread = 'interval' | 'sd';

/** What follows ± for a row; `null` where nothing is known of the spread. */
const widthOf = (row: Row, spread: Spread): number | null => {
  const width = spread === 'sd' ? row.sd : (row.interval?.half_width ?? null);
  return width === 0 || row.status !== 'replicated' ? null : width;
};

/** Decimals so that the smallest of the values that are not 0 has three digits; two for shares. */
export function decimalsOfValues(values: readonly number[], unit: Unit): number {
  const sizes = values.map(value => Math.abs(value * unit.scale)).filter(size => size > 0);
  if (unit.scale === 100 || sizes.length === 0) return 2;
  return Math.min(mostDecimals(unit), Math.max(0, 2 - Math.floor(Math.log10(Math.min(...sizes)))));
}

/** At least `decimals`, and more where an end of an interval that is not 0 would be shown as 0. */
export function decimalsOfEnds(ends: readonly number[], decimals: number, {scale}: Unit): number {
  const hides = (places: number): boolean =>
    ends.some(end => end !== 0 && Number((end * scale).toFixed(places)) === 0);
  let places = decimals;
  while (places < decimals + 4 && hides(places)) places++;
  return places;
}

/**
 * Decimals that suit all rows of a column: two digits of the largest uncertainty, and at least one of the smallest.
 * Where no row has an uncertainty, those of the values.
 */
export function columnDecimals(rows: readonly Row[], spread: Spread, unit: Unit): number {
  const widths = rows.flatMap(row => widthOf(row, spread) ?? []).map(width => width * unit.scale);
  if (widths.length === 0)
    return decimalsOfValues(
      rows.flatMap(row => row.mean ?? []),
      unit,
    );
  return Math.max(decimalsFor(Math.max(...widths), unit), decimalsFor(Math.min(...widths), unit) - 1);
}

/** `98.73 ± 0.07`, `98.73` alone where nothing is known of the spread, `–` without a value. */
export function meanText(row: Row, spread: Spread, {scale}: Unit, decimals: number): string {
  if (row.mean === null) return '–';
  const width = widthOf(row, spread);
  if (width === null) return fixed(row.mean * scale, decimals);
  return withUncertainty(row.mean * scale, width * scale, decimals);
}

export function withUncertainty(value: number, width: number, decimals = decimalsFor(width)): string {
  return `${fixed(value, decimals)} ± ${fixed(width, decimals)}`;
}

/** Two significant digits; very small ones as a bound. */
export function pText(p: number | null): string {
  if (p === null) return '–';
  if (p < 0.0001) return '< 0.0001';
  if (p >= 0.995) return '1.0';
  return p.toFixed(Math.max(2, 1 - Math.floor(Math.log10(p))));
}
