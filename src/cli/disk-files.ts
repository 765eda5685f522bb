// What planning asks of the project's files, answered from the disk. Every answer is noted, so that a kept plan can be
// held against the answers of today.

import {statSync} from 'node:fs';
import {join} from 'node:path';
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

/** Whether the disk would answer the same today. */
export function isStillSo(project: string, answers: Answers): boolean {
  return Object.entries(answers).every(([question, answer]) => {
    const kind = KINDS.find(each => question.startsWith(`${each} `));
    return kind !== undefined && ask(project, kind, question.slice(kind.length + 1)) === answer;
  });
}

function ask(project: string, kind: Kind, path: string): boolean {
  if (kind === 'matches') return matchesFile(project, path);
  const state = statSync(join(project, path), {throwIfNoEntry: false});
  return kind === 'isFile' ? state?.isFile() === true : state !== undefined;
}
