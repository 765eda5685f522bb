// What a failed task may have looked for in vain: files of the project that it names and does not declare. They are
// there for its author and not for the task, so the failure comes with the line that would declare them.

import {statSync} from 'node:fs';
import {join, relative} from 'node:path';
import {type Action, trackedFilesOf} from '../action/action.ts';

/** What programs say of a file that is not there. */
const NOT_THERE =
  /no such file|not found|cannot (?:open|find|access|stat)|can't (?:open|find)|could not (?:open|find)|unable to (?:open|find)|does not exist|doesn't exist|ENOENT|ModuleNotFoundError|No module named/i;
/** Named at most; further ones show once these are declared. */
const MOST = 5;

/** How to declare what is missing, or `null`. `said`: the end of the log, and the failure's own message. */
export function adviceOn(action: Action, project: string, said: readonly string[]): string | null {
  if (action.sandbox === 'project') return null;
  const complaints = said.filter(line => NOT_THERE.test(line));
  const words = complaints.flatMap(wordsOf);
  if (action.work.kind === 'shell' && complaints.length > 0) words.push(...wordsOf(action.work.command));
  const missing = findUndeclared(action, project, words);
  if (missing.length === 0) return null;
  const key = action.work.kind === 'shell' ? 'code' : 'files';
  const names =
    missing.length === 1 ? missing[0] : `${missing.slice(0, -1).join(', ')} and ${missing.at(-1)}`;
  const [verb, them] = missing.length === 1 ? ['is', 'it'] : ['are', 'them'];
  return (
    `${names} ${verb} in the project, but this stage does not declare ${them}, so ${them === 'it' ? 'it is' : 'they are'} not there for it; ` +
    `add \`${key}: [${missing.map(path => (/[\s,[\]{}#:]/.test(path) ? JSON.stringify(path) : path)).join(', ')}]\``
  );
}

/** Files and folders of the project among `words` that the action does not name. */
export function findUndeclared(action: Action, project: string, words: readonly string[]): string[] {
  const tracked = Object.keys(trackedFilesOf(action));
  const found = new Set<string>();
  for (const word of words) {
    if (found.size >= MOST) break;
    for (const path of candidatesOf(word, project)) {
      if (found.has(path) || tracked.some(each => each === path || each.startsWith(`${path}/`))) continue;
      if (isThere(join(project, path))) found.add(path);
    }
  }
  return [...found];
}

/** Whatever may be a path in a line: quotes, commas and colons end it. */
const wordsOf = (line: string): string[] =>
  line.split(/[\s'"`,;:()[\]{}<>|&=*?$]+/).filter(word => /[\w]/.test(word) && word.length < 1024);

/** A word as a path of the project; a dotted name also as a Python module. Never one that leaves the project. */
function candidatesOf(word: string, project: string): string[] {
  const path = word.startsWith('/')
    ? relative(project, word)
    : word.replace(/^(?:\.\/)+/, '').replace(/\/+$/, '');
  if (path === '' || path === '.' || path.startsWith('..') || path.startsWith('/')) return [];
  // The store is nobody's input, and what packages are installed is known by their versions.
  if (/^(?:cache|node_modules|\.git)(?:\/|$)/.test(path)) return [];
  const isDotted = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/.test(path);
  return isDotted ? [path, `${path.replaceAll('.', '/')}.py`, path.replaceAll('.', '/')] : [path];
}

const isThere = (path: string): boolean => {
  try {
    return statSync(path, {throwIfNoEntry: false}) !== undefined;
  } catch {
    // A file where the path wants a folder.
    return false;
  }
};
