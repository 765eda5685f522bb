// What is rounding and what is a difference: numbers that agree to the last bits of what computed them are equal.
// 352/360 − 350/360 and 346/360 − 344/360 are both two images, and differ as doubles; a test that takes such a
// difference for spread divides by it.

/** Relative; sums of a few hundred doubles stay below the first, and of float32 numbers below the second. */
const ofDoubles = 1e-12;
const ofSingles = 2 ** -21;

/**
 * The largest difference between values of this size that rounding alone may explain: 0 for whole numbers, which are
 * exact, a part in two million where every value is a float32 number, as metrics of most frameworks are.
 */
export function roundingOf(values: readonly number[]): number {
  if (values.every(Number.isInteger)) return 0;
  const scale = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const areSingles = values.every(value => Math.fround(value) === value && !isShort(value));
  return scale * (areSingles ? ofSingles : ofDoubles);
}

/** A number of few binary digits, such as 0.5 or 0.375, is exact in both formats and says nothing of its origin. */
const isShort = (value: number): boolean => Number.isInteger(value * 2 ** 12);

/** Whether the values differ by no more than rounding. */
export const areEqual = (values: readonly number[], rounding = roundingOf(values)): boolean =>
  Math.max(...values) - Math.min(...values) <= rounding;

/** Each value replaced by the smallest that it equals up to rounding, so that equal ones are the same number. */
export function joinEqual(values: readonly number[], rounding: number): readonly number[] {
  const order = values.map((value, at) => ({value, at})).sort((a, b) => a.value - b.value);
  const joined = [...values];
  let head = Number.NEGATIVE_INFINITY;
  for (const {value, at} of order) {
    if (value - head > rounding) head = value;
    joined[at] = head;
  }
  return joined;
}

/**
 * `a − b` pair by pair, as exact as the values are: differences that rounding alone tells apart are the same number,
 * those of equal size and other sign too, and one within rounding of 0 is 0.
 */
export function differencesOf(a: readonly number[], b: readonly number[]): readonly number[] {
  const raw = a.map((value, at) => value - (b[at] ?? Number.NaN));
  const sizes = joinEqual([0, ...raw.map(Math.abs)], 2 * roundingOf([...a, ...b])).slice(1);
  return raw.map((value, at) => (value < 0 ? 0 - (sizes[at] ?? 0) : (sizes[at] ?? 0)));
}
