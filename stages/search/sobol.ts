// Sobol's sequence: points that fill a cube evenly, so that any prefix of it does. Direction numbers are those of Joe
// and Kuo, "Constructing Sobol sequences with better two-dimensional projections" (SIAM J. Sci. Comput. 30, 2008).

/** Degree, coefficients of the primitive polynomial, and initial numbers, for the second dimension and those after it. */
const DIRECTIONS: readonly (readonly [degree: number, coefficients: number, initial: readonly number[]])[] = [
  [1, 0, [1]],
  [2, 1, [1, 3]],
  [3, 1, [1, 3, 1]],
  [3, 2, [1, 1, 1]],
  [4, 1, [1, 1, 3, 3]],
  [4, 4, [1, 3, 5, 13]],
  [5, 2, [1, 1, 5, 5, 17]],
];

export const MOST_DIMENSIONS = DIRECTIONS.length + 1;
const BITS = 32;

/** The point of this index (from 0) in [0, 1)^dimensions, as whole multiples of 2^-32 before `shift` is added. */
export function sobolPoint(index: number, dimensions: number, shift: readonly number[]): number[] {
  // Gray code: neighbours differ in one direction number.
  const gray = (index ^ (index >>> 1)) >>> 0;
  return Array.from({length: dimensions}, (_, dimension) => {
    const numbers = directionNumbers(dimension);
    let bits = 0;
    for (let bit = 0; bit < BITS; bit++) if ((gray >>> bit) & 1) bits ^= numbers[bit] ?? 0;
    return ((bits >>> 0) / 2 ** BITS + (shift[dimension] ?? 0)) % 1;
  });
}

function directionNumbers(dimension: number): readonly number[] {
  if (dimension === 0) return Array.from({length: BITS}, (_, bit) => (1 << (BITS - 1 - bit)) >>> 0);
  const direction = DIRECTIONS[dimension - 1];
  if (direction === undefined) throw new RangeError(`expected at most ${MOST_DIMENSIONS} dimensions`);
  const [degree, coefficients, initial] = direction;
  const numbers = initial.map((number, bit) => (number << (BITS - 1 - bit)) >>> 0);
  for (let bit = degree; bit < BITS; bit++) {
    const back = numbers[bit - degree] ?? 0;
    let number = back ^ (back >>> degree);
    for (let k = 1; k < degree; k++) {
      if ((coefficients >>> (degree - 1 - k)) & 1) number ^= numbers[bit - k] ?? 0;
    }
    numbers.push(number >>> 0);
  }
  return numbers;
}
