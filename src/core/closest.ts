// Did-you-mean: the candidate nearest to what was written, if it is near enough to be a slip.

import leven from 'leven';

/** The nearest of `candidates` to `word` within a third of its length (at least one edit), or `undefined`. */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = leven(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
