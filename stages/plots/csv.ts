// Reads the CSV files of numbers that stages of this project write: a header, no quotes, empty fields for absent numbers.

import {readFile} from 'node:fs/promises';
import {StageError, type StageInput} from '../../src/stage/define.ts';

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
  const [header = '', ...lines] = (await readFile(path, 'utf8')).trim().split('\n');
  const columns = header.split(',');
  return lines.map(line => {
    const fields = line.split(',');
    return Object.fromEntries(columns.map((column, i) => [column, numberOf(fields[i] ?? '')]));
  });
}

const numberOf = (field: string): number | null =>
  field === '' || Number.isNaN(Number(field)) ? null : Number(field);
