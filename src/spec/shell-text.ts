// What can be said of a shell command without running it: the variables that it reads, and the words that may be paths.
// Quotes, comments and here-documents are seen; everything else is the shell's business.

export interface ReadVariable {
  readonly name: string;
  /** As it is written: `$lr`, `${lr}`. */
  readonly text: string;
}

const TOKEN = new RegExp(
  [
    String.raw`\\[^]`,
    "(?<single>'[^']*')",
    '(?<double>")',
    String.raw`(?<=^|[\s;&|(])(?<comment>#[^\n]*)`,
    String.raw`<<-?[ \t]*(?:'(?<quoted>\w+)'|"(?<quoted2>\w+)"|\\(?<quoted3>\w+))`,
    String.raw`\$(?<plain>[A-Za-z_]\w*)`,
    String.raw`\$\{(?<braced>[A-Za-z_]\w*)(?<guard>:?[-=+?])?[^}]*\}?`,
  ].join('|'),
  'gm',
);

/**
 * The variables that a command reads before it sets them anywhere, each once: with `set -u` it fails where nothing has
 * set them. Those with a fallback (`${lr:-0.1}`) are left out, as is what stands in single quotes.
 */
export function readVariables(command: string): readonly ReadVariable[] {
  const found = new Map<string, ReadVariable>();
  const pattern = new RegExp(TOKEN);
  let isDouble = false;
  for (let match = pattern.exec(command); match; match = pattern.exec(command)) {
    const {single, double, comment, quoted, quoted2, quoted3, plain, braced, guard} = match.groups ?? {};
    if (double !== undefined) isDouble = !isDouble;
    // Inside of double quotes, single quotes and # are letters: what stands there is read again.
    else if (isDouble && (single !== undefined || comment !== undefined)) pattern.lastIndex = match.index + 1;
    const ending = quoted ?? quoted2 ?? quoted3;
    if (ending !== undefined && !isDouble)
      pattern.lastIndex = endOfDocument(command, pattern.lastIndex, ending);
    const name = plain ?? (guard === undefined ? braced : undefined);
    if (name === undefined || found.has(name) || isSetIn(command, name)) continue;
    found.set(name, {name, text: plain === undefined ? `\${${name}}` : `$${name}`});
  }
  return [...found.values()];
}

/** Where a here-document ends whose delimiter is quoted, so that nothing in it is expanded. */
function endOfDocument(command: string, from: number, ending: string): number {
  const body = command.indexOf('\n', from);
  if (body === -1) return command.length;
  const end = new RegExp(String.raw`^\t*${ending}$`, 'm').exec(command.slice(body + 1));
  return end ? body + 1 + end.index : command.length;
}

/** Whether a command assigns a variable somewhere, or lets something else do so. */
const isSetIn = (command: string, name: string): boolean =>
  new RegExp(
    String.raw`(?<![-\w$])${name}(?:\[[^\]]*\])?\+?=|\bfor[ \t]+${name}\b|\bselect[ \t]+${name}\b|` +
      String.raw`\b(?:read|mapfile|readarray|getopts|local|declare|export|unset)\b[^;&|\n]*[ \t]${name}\b|\$\{${name}:?=|-v[ \t]+${name}\b`,
  ).test(command);

const WORD = /(?<![$\w@%+./~-])(?:\.\/)?[\w@%+][\w@%+.-]*(?:\/[\w@%+.-]+)*(?![\w/*?[{$])/g;

/** Paths that a command writes itself: behind `>`, and the last word of `cp`, `mv` and `ln`. */
const WRITTEN =
  /(?:>>?|\b(?:cp|mv|ln)\b[^;&|\n]*[ \t])[ \t]*(?:\.\/)?([\w@%+][\w@%+./-]*)(?=[ \t]*(?:[;&|\n]|$))/g;

/**
 * Words that may be paths of project files: with a dot or a slash, no number, not below a variable's folder, and not
 * written by the command itself.
 */
export function wordsLikePaths(command: string): readonly string[] {
  const words = new Set<string>();
  const written = new Set([...command.matchAll(WRITTEN)].map(([, to]) => to));
  for (const [word] of command.matchAll(WORD)) {
    const path = word.replace(/^\.\//, '');
    const isPlain = /[./]/.test(word) && !/^[\d.]+$/.test(word) && !path.split('/').includes('..');
    if (isPlain && !written.has(path)) words.add(path);
  }
  return [...words];
}
