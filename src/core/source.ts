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
  const starts = lineStartsOf(file);
  const at = Math.min(Math.max(offset, starts[0] ?? 0), file.text.length);
  const line = countUpTo(starts, at);
  const lineStart = starts[line - 1] ?? 0;
  const lineEnd = starts[line] === undefined ? file.text.length : (starts[line] ?? 0) - 1;
  const isCut = file.text[lineEnd - 1] === '\r' && lineEnd > lineStart;
  return {line, column: at - lineStart + 1, text: file.text.slice(lineStart, isCut ? lineEnd - 1 : lineEnd)};
}

/** Of files with a mistake in every line. */
const lineStarts = new WeakMap<SourceFile, readonly number[]>();

function lineStartsOf(file: SourceFile): readonly number[] {
  const known = lineStarts.get(file);
  if (known !== undefined) return known;
  const starts = [file.text.startsWith('\ufeff') ? 1 : 0];
  for (let at = file.text.indexOf('\n'); at !== -1; at = file.text.indexOf('\n', at + 1)) starts.push(at + 1);
  lineStarts.set(file, starts);
  return starts;
}

/** How many of some numbers in order are at most `limit`. */
function countUpTo(numbers: readonly number[], limit: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
