// Every random draw of the project. A draw is a pure function of (seed, purpose, two coordinates such as epoch
// and sample, position in the stream): nothing depends on the order in which streams are opened or read, so a
// sample gets the same crop whichever batch it lands in, and a resumed run needs no saved generator.
//
// The generator is Philox4x32-10, counter-based: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy
// as 1, 2, 3" (SC 2011); the tests have the authors' known answers. It is our own code since the packages that
// one would take are sequential, and splitting those by jumps makes draws depend on the order of the splits.

/** What draws are for. Each purpose has streams of its own; the numbers are fixed for ever, or results change. */
const purposes = {
  init: 0,
  shuffle: 1,
  crop: 2,
  flip: 3,
  cutout: 4,
  dropout: 5,
  esam: 6,
  split: 7,
  subset: 8,
  direction: 9,
  noise: 10,
  signs: 11,
  resample: 12,
  search: 13,
} as const;

export type Purpose = keyof typeof purposes;

/** An endless sequence of draws; reading moves it on. */
export class Stream {
  readonly #name: readonly [seed: number, purpose: number, first: number, second: number];
  readonly #block = new Uint32Array(4);
  #blocks = 0;
  #at = 4;
  #spare: number | undefined;

  constructor(name: readonly [seed: number, purpose: number, first: number, second: number]) {
    this.#name = name;
  }

  /** An integer in 0..2^32-1. */
  uint32(): number {
    if (this.#at === 4) {
      const [seed, purpose, first, second] = this.#name;
      philox(this.#blocks++, purpose, first, second, seed | 0, Math.floor(seed / 2 ** 32), this.#block);
      this.#at = 0;
    }
    return this.#block[this.#at++] ?? 0;
  }

  /** A number in [0, 1), in steps of 2^-32. */
  uniform(): number {
    return this.uint32() * 2 ** -32;
  }

  /** An integer in 0..bound-1, without bias. `bound` is in 1..2^32. */
  below(bound: number): number {
    if (!(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32)) {
      throw new RangeError(`expected a bound that is an integer in 1..2^32, got ${bound}`);
    }
    const limit = 2 ** 32 - (2 ** 32 % bound); // draws from here on would favour small remainders
    for (;;) {
      const draw = this.uint32();
      if (draw < limit) return draw % bound;
    }
  }

  /** A draw of the standard normal distribution. */
  normal(): number {
    if (this.#spare !== undefined) {
      const value = this.#spare;
      this.#spare = undefined;
      return value;
    }
    // Box and Muller, 1958. The half step keeps the logarithm away from 0.
    const radius = Math.sqrt(-2 * Math.log((this.uint32() + 0.5) * 2 ** -32));
    const angle = 2 * Math.PI * this.uniform();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}

/**
 * Opens a stream.
 * @param seed an integer in 0..2^53-1.
 * @param first usually the epoch, the step or the number of a tensor; an integer in 0..2^32-1.
 * @param second usually the sample; an integer in 0..2^32-1.
 */
export function stream(seed: number, purpose: Purpose, first = 0, second = 0): Stream {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`expected a seed that is an integer in 0..2^53-1, got ${seed}`);
  }
  return new Stream([seed, purposes[purpose], first, second]);
}

/** The numbers 0..count-1 in random order (Fisher and Yates). */
export function permutation(draws: Stream, count: number): Int32Array {
  const order = Int32Array.from({length: count}, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = draws.below(last + 1);
    const value = order[last] ?? 0;
    order[last] = order[other] ?? 0;
    order[other] = value;
  }
  return order;
}

/** Philox4x32-10: four counter words and two key words to four words, written into `out`. */
export function philox(
  counter0: number,
  counter1: number,
  counter2: number,
  counter3: number,
  key0: number,
  key1: number,
  out: Uint32Array,
): void {
  let [c0, c1, c2, c3, k0, k1] = [counter0 | 0, counter1 | 0, counter2 | 0, counter3 | 0, key0 | 0, key1 | 0];
  for (let round = 0; round < 10; round++) {
    const low0 = Math.imul(c0, 0xd2511f53);
    const high0 = highProduct(c0, 0xd2511f53);
    const low1 = Math.imul(c2, 0xcd9e8d57);
    const high1 = highProduct(c2, 0xcd9e8d57);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** The upper 32 bits of the product of two unsigned 32-bit integers, by halves so that doubles stay exact. */
function highProduct(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) | 0;
}
