// Syntax errors of the `yaml` library in the words of pipelines: what was expected, what is there, how to mend it.

import {Lexer, type YAMLParseError} from 'yaml';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {SourceFile} from '../core/source.ts';

/** After any other error the rest of the text is read wrongly, and what is said of it would be an echo. */
const INDEPENDENT = new Set<string>(['BAD_ALIAS', 'BAD_DQ_ESCAPE', 'BAD_SCALAR_START', 'MULTIPLE_DOCS']);

/** The errors of a text that is read from `offset` on, up to the first that derails the parser. */
export function syntaxMistakes(
  file: SourceFile,
  offset: number,
  errors: readonly YAMLParseError[],
): Diagnostic[] {
  const sorted = [...errors].sort((a, b) => a.pos[0] - b.pos[0]);
  const derailed = sorted.findIndex(error => !INDEPENDENT.has(error.code));
  return sorted.slice(0, derailed === -1 ? undefined : derailed + 1).map(error => {
    const start = Math.min(offset + error.pos[0], file.text.length);
    const end = Math.max(start, Math.min(offset + error.pos[1], file.text.length));
    const {message, hint} = explain(error, file.text, start);
    const opening = isUnclosed(error) ? openQuote(file.text) : null;
    const span = opening === null ? {file, start, end} : {file, start: opening, end: opening + 1};
    return mistake('yaml-syntax', message, span, {hint});
  });
}

function explain(error: YAMLParseError, text: string, at: number): {message: string; hint?: string} {
  if (text[at] === '{' && text[at - 1] === '$') {
    return {
      message: 'expected a reference in quotes inside { } or [ ], got it without',
      hint: `write "\${name}": YAML reads the bare braces as a map`,
    };
  }
  if (/^Unexpected flow-(?:seq|map)-start/.test(error.message)) {
    return {
      message: `expected text in quotes where it holds ${text[at] ?? '['}, got it without`,
      hint: "YAML takes [ ] { } inside of text for lists and maps: write 'echo x[1], y[2]', or the text below `run: |`",
    };
  }
  const closing = /^(Flow map|Flow sequence|flow .*?)?\b.*end with a ([\]}])/.exec(error.message)?.[2];
  if (closing !== undefined) {
    const what = closing === ']' ? 'the list' : 'the map';
    return {message: `expected ${closing} at the end of ${what}, got ${gotAt(text, at)}`};
  }
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return {
        message: 'expected spaces, got a tab as indentation',
        hint: 'YAML is indented with spaces only',
      };
    case 'MULTIPLE_DOCS':
      return {
        message: 'expected one document, got a second one',
        hint: 'a file holds one pipeline: remove `---`',
      };
    case 'BAD_INDENT':
      return {
        message: 'expected the same indentation as the line before, or one of the lines above',
        hint: 'keys of one map, and items of one list, start in the same column',
      };
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'MULTILINE_IMPLICIT_KEY':
      return {
        message: 'expected one `key: value` on a line, got more',
        hint: 'put text that contains `: ` into quotes, and nested keys on lines of their own',
      };
    case 'BAD_ALIAS':
      return {message: lower(error.message), hint: 'put text that starts with * or & into quotes'};
    case 'BAD_SCALAR_START':
      return {message: lower(error.message), hint: 'put this text into quotes'};
    case 'BAD_DQ_ESCAPE':
      return {message: lower(error.message), hint: "write \\\\ for a backslash, or use 'single quotes'"};
    case 'MISSING_CHAR':
      return missing(error);
    case 'RESOURCE_EXHAUSTION':
      return {message: 'expected fewer nested levels'};
    default:
      return {message: `expected YAML: ${lower(error.message)}`};
  }
}

const isUnclosed = ({message}: YAMLParseError): boolean => /^Missing closing ["']quote/.test(message);

/** Where the text begins that is never closed: the last one in quotes. */
function openQuote(text: string): number | null {
  let at = 0;
  let opening: number | null = null;
  for (const token of new Lexer().lex(text)) {
    const start = text.indexOf(token, at);
    if (start === -1) continue;
    if (/^["']/.test(token)) opening = start;
    at = start + token.length;
  }
  return opening;
}

function missing({message}: YAMLParseError): {message: string; hint?: string} {
  const quote = /^Missing closing (["'])quote/.exec(message)?.[1];
  if (quote !== undefined) return {message: `expected a closing ${quote}, got the end of the text`};
  if (message.startsWith('Implicit map keys')) {
    return {message: 'expected `key: value`, got no colon', hint: 'a space follows the colon'};
  }
  const between = /^Missing (,(?: or :)?) between (flow \w+) items/.exec(message);
  if (between) return {message: `expected ${between[1]} between the items, got none`};
  return {message: `expected YAML: ${lower(message)}`};
}

function gotAt(text: string, at: number): string {
  const line = /^[^\n\r]*/.exec(text.slice(at))?.[0].trim() ?? '';
  return line === ''
    ? at >= text.length
      ? 'the end of the text'
      : 'the end of the line'
    : `'${line.slice(0, 20)}'`;
}

const lower = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
