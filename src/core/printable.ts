// Text of others as a terminal or a page may show it: without control sequences, and with a visible sign in place of
// every character that would be obeyed instead of seen. Line breaks and tabs stay.

import {stripVTControlCharacters} from 'node:util';

/** C0 and C1 controls, and marks that change the direction in which text is read. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function printable(text: string): string {
  if (isPrintable(text)) return text;
  return stripVTControlCharacters(text)
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map(lastState)
    .join('\n')
    .replace(OBEYED, signOf);
}

/** A line that was drawn over, as progress bars are, as it was in the end. */
const lastState = (line: string): string =>
  line.slice(line.lastIndexOf('\r', line.length - 2) + 1).replace(/\r$/, '');

function signOf(letter: string): string {
  const code = letter.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? '␡' : '\ufffd';
}

/** JSON with all that would be obeyed as escapes: the same value. */
export const escapeObeyed = (json: string): string =>
  json.replace(OBEYED, letter => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** The same text with a sign in place of each such character, and with nothing taken away. */
export const withSigns = (text: string): string => text.replaceAll('\r\n', '\n').replace(OBEYED, signOf);

export const isPrintable = (text: string): boolean => text.search(OBEYED) < 0;

const LONGEST_LINE = 4_096;

/** Fit to be a name in records: one line that nothing obeys, not even invisibly. */
export const isPlainLine = (text: string): boolean =>
  text.length <= LONGEST_LINE && !/\p{Cc}|\p{Cf}/u.test(text);
