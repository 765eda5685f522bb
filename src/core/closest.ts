// Did-you-mean: the candidate nearest to what was written, if it is near enough to be a slip.

import leven from 'leven';

/**
 * The nearest of `candidates` to `word` within a third of its length (at least one edit), or `undefined`.
 * Two neighbouring letters that changed places are one edit; some of the word must be left.
 */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  const written = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.min(Math.max(1, Math.floor(word.length / 3)) + 1, word.length);
  for (const candidate of candidates) {
    const meant = candidate.toLowerCase();
    if (Math.abs(meant.length - written.length) >= bestDistance) continue;
    const distance = isSwap(written, meant) ? 1 : leven(written, meant);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function isSwap(a: string, b: string): boolean {
  if (a.length !== b.length || a === b) return false;
  let at = 0;
  while (a[at] === b[at]) at++;
  return a[at] === b[at + 1] && a[at + 1] === b[at] && a.slice(at + 2) === b.slice(at + 2);
}
