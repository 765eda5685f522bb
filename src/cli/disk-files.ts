// What planning asks of the project's files, answered from the disk. Every answer is noted, so that a kept plan can be
// held against the answers of today.

import {readdirSync, statSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import type {ProjectFiles} from '../plan/project-files.ts';
import {matchesFile} from '../store/blobs/tracked-files.ts';

const KINDS = ['exists', 'isFile', 'matches'] as const;
type Kind = (typeof KINDS)[number];

/** `kind path` → what the disk said. */
export type Answers = Readonly<Record<string, boolean>>;

export class DiskFiles implements ProjectFiles {
  readonly #project: string;
  readonly #answers = new Map<string, boolean>();

  constructor(project: string) {
    this.#project = project;
  }

  get answers(): Answers {
    return Object.fromEntries(this.#answers);
  }

  exists(path: string): boolean {
    return this.#ask('exists', path);
  }

  isFile(path: string): boolean {
    return this.#ask('isFile', path);
  }

  matches(glob: string): boolean {
    return this.#ask('matches', glob);
  }

  #ask(kind: Kind, path: string): boolean {
    const question = `${kind} ${path}`;
    const known = this.#answers.get(question) ?? ask(this.#project, kind, path);
    this.#answers.set(question, known);
    return known;
  }
}

/** So many files of one folder are looked for in a list of its names, which takes less time than asking for each. */
const LISTED_FROM = 4;

/** Whether the disk would answer the same today. */
export function isStillSo(project: string, answers: Answers): boolean {
  const inFolders = new Map<string, string[]>();
  for (const [question, answer] of Object.entries(answers)) {
    const kind = KINDS.find(each => question.startsWith(`${each} `));
    if (kind === undefined) return false;
    const path = question.slice(kind.length + 1);
    if (kind === 'exists' && answer) {
      const folder = dirname(path);
      const names = inFolders.get(folder);
      if (names === undefined) inFolders.set(folder, [basename(path)]);
      else names.push(basename(path));
    } else if (ask(project, kind, path) !== answer) return false;
  }
  for (const [folder, names] of inFolders) if (!haveAll(project, folder, names)) return false;
  return true;
}

function haveAll(project: string, folder: string, names: readonly string[]): boolean {
  const listed = names.length < LISTED_FROM ? new Set<string>() : ownEntriesOf(join(project, folder));
  return names.every(name => listed.has(name) || ask(project, 'exists', `${folder}/${name}`));
}

/** Names in a folder, without links, which may lead nowhere. */
function ownEntriesOf(folder: string): ReadonlySet<string> {
  try {
    const entries = readdirSync(folder, {withFileTypes: true});
    return new Set(entries.filter(entry => !entry.isSymbolicLink()).map(({name}) => name));
  } catch {
    return new Set();
  }
}

function ask(project: string, kind: Kind, path: string): boolean {
  if (kind === 'matches') return matchesFile(project, path);
  const state = statSync(join(project, path), {throwIfNoEntry: false});
  return kind === 'isFile' ? state?.isFile() === true : state !== undefined;
}
