// Places in source text: a file, a range of it, and its line and column.

/** A text file as it was read. `path` is how people should see it: relative to the project. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A half-open range of UTF-16 offsets. */
export interface Span {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
}

/** A value and where it was written. */
export interface Located<T> {
  readonly value: T;
  readonly span: Span;
}

/** One-based line and column, and the line's own text. */
export interface Place {
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** Where an offset stands, for people: a byte order mark at the start of the text takes no column. */
export function placeOf(file: SourceFile, offset: number): Place {
  const first = file.text.startsWith('\ufeff') ? 1 : 0;
  const before = file.text.slice(0, Math.max(offset, first));
  const lineStart = Math.max(before.lastIndexOf('\n') + 1, first);
  const lineEnd = file.text.indexOf('\n', lineStart);
  let line = 1;
  for (let at = before.indexOf('\n'); at !== -1; at = before.indexOf('\n', at + 1)) line++;
  const text = file.text.slice(lineStart, lineEnd === -1 ? undefined : lineEnd).replace(/\r$/, '');
  return {line, column: before.length - lineStart + 1, text};
}
