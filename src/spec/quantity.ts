// Durations (`6h`, `1h30m`, `90s`, `250ms`) and sizes (`4GB`, `512MiB`), read strictly.

const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
]);
const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['kB', 1e3],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
]);

export const DURATION_EXAMPLES = 'a duration such as 90s, 30m, 6h or 1h30m';
export const SIZE_EXAMPLES = 'a size such as 512MB, 4GB or 2GiB';

/** Milliseconds; `null` unless the text is a sequence of number and unit, larger units first, above zero. */
export function parseDuration(text: string): number | null {
  let total = 0;
  let lastUnit = Number.POSITIVE_INFINITY;
  let at = 0;
  for (const match of text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g)) {
    const unit = DURATION_UNITS.get(match[2] ?? '') ?? 0;
    if (match.index !== at || unit >= lastUnit) return null;
    total += Number(match[1]) * unit;
    lastUnit = unit;
    at += match[0].length;
  }
  return at === text.length && total > 0 && Number.isFinite(total) ? Math.round(total) : null;
}

/** Bytes; `null` unless the text is one number and one unit, above zero. */
export function parseSize(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text);
  const unit = SIZE_UNITS.get(match?.[2] ?? '');
  if (!match || unit === undefined) return null;
  const bytes = Math.round(Number(match[1]) * unit);
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : null;
}
