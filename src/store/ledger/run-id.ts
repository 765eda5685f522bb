// Ids of runs: readable, and in order of time when sorted as text.

/** `20261124-041530-k3f9`: UTC, then four characters drawn from `random` (uniform in [0, 1)). */
export function newRunId(now: number, random: () => number): string {
  const [date = '', time = ''] = new Date(now).toISOString().split('T');
  const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
  const draw = (): string => alphabet[Math.floor(random() * alphabet.length)] ?? '0';
  return `${date.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}-${draw()}${draw()}${draw()}${draw()}`;
}

export const isRunId = (text: string): boolean => /^\d{8}-\d{6}-[0-9a-z]{4}$/.test(text);
