// Reads CSV files of numbers: a header, empty fields for absent numbers, and the words of several languages for numbers
// that are not finite. Whatever writes them, with CRLF and quotes too.

import {readFile} from 'node:fs/promises';
import {parse} from 'csv-parse/sync';
import {StageError, type StageInput} from '../../src/stage/define.ts';

/** `null` where nothing stands; NaN and the infinities are numbers here. */
export type NumberRow = Readonly<Record<string, number | null>>;

/** @throws StageError when the producer has no such output. */
export async function readNumbers(
  input: StageInput,
  output: string,
  producer: string,
): Promise<readonly NumberRow[]> {
  const path = input.files[output];
  if (path === undefined) {
    throw new StageError(
      `expected inputs with the output ${output}, got ${Object.keys(input.files).join(', ') || 'none'}`,
      `Gather the stage ${producer}: from: {each: ${producer.toUpperCase()}}.`,
    );
  }
  const rows = parse(await readFile(path, 'utf8'), {bom: true, skip_empty_lines: true, trim: true});
  const [columns = [], ...lines] = rows;
  return lines.map(line => Object.fromEntries(columns.map((column, i) => [column, numberOf(line[i] ?? '')])));
}

function numberOf(field: string): number | null {
  const word = /^([+-]?)(nan|inf(?:inity)?)$/i.exec(field);
  if (word !== null) {
    if (word[2]?.toLowerCase() === 'nan') return Number.NaN;
    return word[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  return field === '' || Number.isNaN(Number(field)) ? null : Number(field);
}

export const isFiniteNumber = (value: number | null | undefined): value is number =>
  typeof value === 'number' && Number.isFinite(value);
