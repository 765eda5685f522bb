// A user's mistake as a value: what, where, what was expected, how to mend it. Drawn with the line and a caret.

import {placeOf, type Span} from './source.ts';

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
    `${paint(diagnostic.severity)}${style.dim(`[${diagnostic.code}]`)}: ${style.strong(diagnostic.message)}`,
  ];
  if (diagnostic.span) lines.push(...renderSpan(diagnostic.span, paint, style));
  if (diagnostic.hint !== undefined) lines.push(`  ${style.dim('help:')} ${diagnostic.hint}`);
  for (const note of diagnostic.notes) {
    lines.push(`  ${style.dim('note:')} ${note.message}`, ...renderSpan(note.span, style.dim, style));
  }
  return lines.join('\n');
}

function renderSpan(span: Span, paint: (text: string) => string, style: DiagnosticStyle): string[] {
  const place = placeOf(span.file, span.start);
  const number = String(place.line);
  const gutter = ' '.repeat(number.length);
  const width = Math.max(1, Math.min(span.end - span.start, place.text.length - place.column + 1));
  // Tabs stay tabs, so that the caret stands under what it points at.
  const indent = place.text.slice(0, place.column - 1).replace(/[^\t]/g, ' ');
  return [
    `  ${style.dim(`${gutter}--> ${span.file.path}:${place.line}:${place.column}`)}`,
    `  ${style.dim(`${number} |`)} ${place.text}`,
    `  ${style.dim(`${gutter} |`)} ${indent}${paint('^'.repeat(width))}`,
  ];
}
