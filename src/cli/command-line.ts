// A command line that is being typed, taken apart as a shell would: finished words, and the one under the cursor.

export interface TypedLine {
  /** Without the program's name. */
  readonly words: readonly string[];
  /** What is typed of the current word, without quotes. */
  readonly current: string;
}

export function parseTyped(line: string): TypedLine {
  const words: string[] = [];
  let word = '';
  let quote: '"' | "'" | null = null;
  let isStarted = false;
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? '';
    if (quote !== null) {
      if (character === quote) quote = null;
      else if (character === '\\' && quote === '"') word += line[++at] ?? '';
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      isStarted = true;
    } else if (character === '\\') {
      word += line[++at] ?? '';
      isStarted = true;
    } else if (/\s/.test(character)) {
      if (isStarted) words.push(word);
      word = '';
      isStarted = false;
    } else {
      word += character;
      isStarted = true;
    }
  }
  return {words: words.slice(1), current: isStarted ? word : ''};
}

/** Bash replaces only what follows the last word break: candidates lose what stands before it. */
export function cutAtWordBreak(candidate: string, current: string, breaks: string): string {
  let cut = 0;
  for (let at = 0; at < current.length; at++) if (breaks.includes(current[at] ?? '')) cut = at + 1;
  return candidate.slice(cut);
}
