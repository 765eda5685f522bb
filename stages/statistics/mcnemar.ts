// McNemar's test (1947) in its exact form: two networks on the same images. It says whether these two networks
// differ, and nothing of the methods that trained them.

import type {Distributions} from './distributions.ts';

export interface McNemarTest {
  /** Images that the first arm alone gets right, and the second alone. */
  readonly only_first: number;
  readonly only_second: number;
  /** Exact and two-sided; 1 when the arms never disagree. */
  readonly p: number;
}

/** McNemar's exact test on per-image correctness, 1 for right; both over the same images in the same order. */
export function mcNemar(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  {fairCoinsAtMost}: Distributions,
): McNemarTest {
  if (first.length !== second.length) {
    throw new RangeError(`expected as many images in both arms, got ${first.length} and ${second.length}`);
  }
  let [onlyFirst, onlySecond] = [0, 0];
  for (let index = 0; index < first.length; index++) {
    if (first[index] && !second[index]) onlyFirst++;
    if (second[index] && !first[index]) onlySecond++;
  }
  const tail = fairCoinsAtMost(Math.min(onlyFirst, onlySecond), onlyFirst + onlySecond);
  return {only_first: onlyFirst, only_second: onlySecond, p: Math.min(1, 2 * tail)};
}
