// Ids of runs: readable, and in order of time when sorted as text.

/**
 * `20261124-041530-k3f9`: UTC, then two characters for the millisecond, so that runs of one second sort by time as well,
 * and two drawn from `random` (uniform in [0, 1)).
 */
export function newRunId(now: number, random: () => number): string {
  const [date = '', time = ''] = new Date(now).toISOString().split('T');
  const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
  const draw = (): string => alphabet[Math.floor(random() * alphabet.length)] ?? '0';
  const digit = (value: number): string => alphabet[value] ?? '0';
  const millisecond = now % 1000;
  const fraction = digit(Math.floor(millisecond / alphabet.length)) + digit(millisecond % alphabet.length);
  return `${date.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}-${fraction}${draw()}${draw()}`;
}

export const isRunId = (text: string): boolean => /^\d{8}-\d{6}-[0-9a-z]{4}$/.test(text);
