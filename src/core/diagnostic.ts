// A user's mistake as a value: what, where, what was expected, how to mend it. Drawn with the line and a caret.

import {printable} from './printable.ts';
import {type Place, placeOf, type Span} from './source.ts';

export interface Diagnostic {
  /** A stable kebab-case word for tests and `--json`, such as `unknown-stage`. */
  readonly code: string;
  readonly severity: 'error' | 'warning';
  /** One sentence: expected X, got Y. */
  readonly message: string;
  /** Where; `undefined` for what has no place in a file, such as an argument of the command line. */
  readonly span: Span | undefined;
  /** How to mend it, or a did-you-mean. */
  readonly hint: string | undefined;
  /** Further places, such as the first of two duplicates. */
  readonly notes: ReadonlyArray<{readonly message: string; readonly span: Span}>;
}

export const mistake = (
  code: string,
  message: string,
  span?: Span,
  more: {readonly hint?: string | undefined; readonly notes?: Diagnostic['notes']} = {},
): Diagnostic => ({code, severity: 'error', message, span, hint: more.hint, notes: more.notes ?? []});

/** Something that people should look at and that stops nothing. */
export const warning = (...said: Parameters<typeof mistake>): Diagnostic => ({
  ...mistake(...said),
  severity: 'warning',
});

/** How the parts of a drawn diagnostic are coloured; identity functions where there is no colour. */
export interface DiagnosticStyle {
  readonly error: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly strong: (text: string) => string;
}

const plain = (text: string): string => text;
export const plainStyle: DiagnosticStyle = {error: plain, warning: plain, dim: plain, strong: plain};

/** Draws one diagnostic as lines of text, without a trailing newline. */
export function renderDiagnostic(diagnostic: Diagnostic, style: DiagnosticStyle = plainStyle): string {
  const paint = diagnostic.severity === 'error' ? style.error : style.warning;
  const lines = [
    `${paint(diagnostic.severity)}${style.dim(`[${diagnostic.code}]`)}: ${style.strong(printable(diagnostic.message))}`,
  ];
  if (diagnostic.span) lines.push(...renderSpan(diagnostic.span, paint, style));
  if (diagnostic.hint !== undefined) lines.push(`  ${style.dim('help:')} ${printable(diagnostic.hint)}`);
  for (const note of diagnostic.notes) {
    lines.push(`  ${style.dim('note:')} ${note.message}`, ...renderSpan(note.span, style.dim, style));
  }
  return lines.join('\n');
}

function renderSpan(span: Span, paint: (text: string) => string, style: DiagnosticStyle): string[] {
  const place = placeOf(span.file, span.start);
  const number = String(place.line);
  const gutter = ' '.repeat(number.length);
  const {before, marked, after} = excerptOf(place, span.end - span.start);
  // Tabs stay tabs, so that the caret stands under what it points at.
  const indent = [...before].map(letter => (letter === '\t' ? '\t' : ' '.repeat(columnsOf(letter)))).join('');
  const width = [...marked].reduce((columns, letter) => columns + columnsOf(letter), 0);
  return [
    `  ${style.dim(`${gutter}--> ${span.file.path}:${place.line}:${place.column}`)}`,
    `  ${style.dim(`${number} |`)} ${blanked(before + marked + after)}`,
    `  ${style.dim(`${gutter} |`)} ${indent}${paint('^'.repeat(Math.max(1, width)))}`,
  ];
}

/** Longest part of a line that is drawn, and how much of it may stand before the caret, in UTF-16 units. */
const LONGEST_LINE = 160;
const BEFORE_CARET = 60;

/** The line around the caret; what is cut off is shown as `…`. */
function excerptOf({text, column}: Place, length: number): {before: string; marked: string; after: string} {
  const at = column - 1;
  const from =
    text.length <= LONGEST_LINE ? 0 : Math.max(0, Math.min(at - BEFORE_CARET, text.length - LONGEST_LINE));
  const to = text.length <= LONGEST_LINE ? text.length : from + LONGEST_LINE;
  const before = text.slice(from, at);
  const marked = text.slice(at, Math.min(at + length, to));
  const after = text.slice(at + marked.length, to);
  return {before: from > 0 ? `…${before}` : before, marked, after: to < text.length ? `${after}…` : after};
}

/** Scripts and pictures that terminals draw two columns wide (Unicode's East Asian Width, roughly). */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const columnsOf = (letter: string): number => (WIDE.test(letter) ? 2 : 1);

/** Control characters of a hostile file never reach the terminal; the caret stays where it belongs. */
const blanked = (line: string): string =>
  line.replace(/[^\P{Cc}\t]|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
