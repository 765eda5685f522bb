// CSV (RFC 4180) as the stages write it: a head, lines that end in a line feed, an empty field for what is absent.

import {stringify} from 'csv-stringify/sync';

export type CsvValue = string | number | boolean | null | undefined;

/** Numbers are written so that they read back as the same ones. */
export const toCsvText = (head: readonly string[], rows: readonly (readonly CsvValue[])[]): string =>
  stringify([
    [...head],
    ...rows.map(row => row.map(value => (value === null || value === undefined ? '' : String(value)))),
  ]);
