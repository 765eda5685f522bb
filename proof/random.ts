// Choices that a seed repeats.

/** A generator of numbers from 0 up to 1, by a seed of 32 bits: mulberry32 (Tommy Ettinger). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from 0 up to `count`. */
export const below = (random: () => number, count: number): number => Math.floor(random() * count);

/** The same items in another order. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const left = [...items];
  const out: T[] = [];
  while (left.length > 0) out.push(...left.splice(below(random, left.length), 1));
  return out;
}
