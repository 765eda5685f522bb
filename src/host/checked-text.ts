// Texts of the store's files behind a checksum of theirs: what a disk, a power cut or an editor made of them is noticed.

import {digestBytes} from '../core/digest.ts';

const SUM = 64;

/** The checksum, a line break, the text. */
export const withChecksum = (text: string): string => `${digestBytes(text)}\n${text}`;

/** The text; `undefined` where it is not the one that the checksum was made of. */
export function checkedText(stored: Buffer | string | undefined): string | undefined {
  const all = stored?.toString() ?? '';
  const text = all.slice(SUM + 1);
  return all[SUM] === '\n' && digestBytes(text) === all.slice(0, SUM) ? text : undefined;
}
