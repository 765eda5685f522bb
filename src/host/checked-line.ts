// Lines that carry a checksum: a line that is not what was written is no line. Those of JSON objects have it as their
// last member, those of `key<TAB>value` as a third column.

import {crc32} from 'node:zlib';

const SUM = /,"sum":"([0-9a-f]{8})"\}$/;
const SUM_LENGTH = ',"sum":"01234567"}'.length;

/**
 * Stands at the end of a line that its writer, killed, did not finish: whoever appends next puts it there. Such a line is no
 * damage; where all but its line break had been written, it counts.
 */
export const CUT = '\u0018';

/** A line without that mark. */
export const uncut = (line: string): string => (line.endsWith(CUT) ? line.slice(0, -1) : line);

/** The text of a non-empty JSON object, with its checksum. */
export const withSum = (json: string): string => `${json.slice(0, -1)},"sum":"${sumOf(json)}"}`;

/** The object's text without its checksum; `undefined` where it is not the one that was written. */
export function checkedLine(line: string): string | undefined {
  const sum = SUM.exec(line.slice(-SUM_LENGTH))?.[1];
  if (sum === undefined) return undefined;
  const json = `${line.slice(0, -SUM_LENGTH)}}`;
  return sumOf(json) === sum ? json : undefined;
}

const COLUMN_LENGTH = '\t01234567'.length;

/** A value with the checksum of its key and itself: what stands behind the key of a line. */
export const withColumn = (key: string, value: string): string => `${value}\t${sumOf(key, value)}`;

/** True for what has a column of a checksum, right or wrong: a line that was cut short has none. */
export const hasColumn = (stored: string): boolean =>
  stored.length >= COLUMN_LENGTH && stored[stored.length - COLUMN_LENGTH] === '\t';

/** The value without its checksum; `undefined` where it is not the one that was written under this key. */
export function checkedValue(key: string, stored: string): string | undefined {
  if (!hasColumn(stored)) return undefined;
  const value = stored.slice(0, -COLUMN_LENGTH);
  return sumOf(key, value) === stored.slice(-COLUMN_LENGTH + 1) ? value : undefined;
}

/** CRC-32 of the texts with a tab between them: against damage, not against people, at a tenth of the cost of a digest. */
const sumOf = (...texts: readonly string[]): string => crc32(texts.join('\t')).toString(16).padStart(8, '0');
