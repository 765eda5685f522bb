// Everything in a store beside blobs and rows, and the lock files of its project, held against checksums: what is not
// what was written, and what can be done about it without losing anything that cannot be made again.

import {lstatSync, readFileSync, renameSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {isDigest} from '../core/digest.ts';
import {namesIn, removeAtOnce, removeFile, temporaryName, writeAtomically} from '../host/atomic-file.ts';
import {checkedText} from '../host/checked-text.ts';
import {makeFolder} from '../host/folder.ts';
import {Journal} from '../host/journal.ts';
import {hasCode} from '../host/system-error.ts';
import type {CodeShelf} from './blobs/code-shelf.ts';
import type {Ledger} from './ledger/ledger.ts';
import {readLock} from './ledger/lock-file.ts';
import {countDamagedLines, withoutDamagedLines} from './ledger/run-record.ts';

export type FindingKind =
  | 'blob'
  | 'row'
  | 'result'
  | 'record'
  | 'journal'
  | 'plan'
  | 'publication'
  | 'bundle'
  | 'lock'
  | 'stray';

/** Something that is not what was written. */
export interface Finding {
  readonly kind: FindingKind;
  /** Relative to the project. */
  readonly path: string;
  /** What is wrong with it. */
  readonly wrong: string;
  /** Does what can be done safely, and says what it did; `null` where that is for a run. Throws errors of the system. */
  readonly mend: (() => string | Promise<string>) | null;
}

export interface InspectedParts {
  /** Absolute. */
  readonly project: string;
  /** The store's folder, absolute. */
  readonly store: string;
  readonly ledger: Ledger;
  readonly code: CodeShelf;
}

const JOURNALS = ['', 'code', 'last', 'python'] as const;
const MADE_AGAIN = 'removed: it is made again when it is wanted';

/** Throws errors of the system. */
export function* inspect({project, store, ledger, code}: InspectedParts): Generator<Finding, void> {
  const inspector = new Inspector(project, store);
  for (const folder of JOURNALS) yield* inspector.files(folder, /\.journal$/, inspector.journal);
  yield* inspector.files('runs', /\.jsonl$/, inspector.record);
  yield* inspector.files('plans', /\.(json|tree)$/, inspector.plan);
  yield* inspector.files('published', /\.json$/, inspector.publication);
  yield* inspector.strays();
  for (const folder of code.damagedBundles()) yield inspector.bundle(folder);
  for (const path of ledger.lockPaths(project)) {
    const read = readLock(join(project, path), path);
    if (read.ok) continue;
    const {message, hint} = read.error;
    yield {kind: 'lock', path, wrong: hint === undefined ? message : `${message}; ${hint}`, mend: null};
  }
}

/** What is wrong with a file, by its absolute path; `undefined` if nothing is. */
type Look = (path: string) => Omit<Finding, 'path'> | undefined;

class Inspector {
  readonly #project: string;
  readonly #store: string;

  constructor(project: string, store: string) {
    this.#project = project;
    this.#store = store;
  }

  *files(folder: string, pattern: RegExp, look: Look): Generator<Finding, void> {
    for (const name of namesIn(join(this.#store, folder)).sort()) {
      if (!pattern.test(name)) continue;
      const path = join(this.#store, folder, name);
      // What is no file is moved aside by whoever reads it, perhaps meanwhile.
      const state = lstatSync(path, {throwIfNoEntry: false});
      if (state === undefined) continue;
      const found = state.isFile() ? look(path) : this.#stray(path);
      if (found !== undefined) yield {...found, path: this.#shown(path)};
    }
  }

  readonly journal: Look = path => {
    const damaged = new Journal(path).countDamaged();
    if (damaged === 0) return undefined;
    const mend = (): string => {
      new Journal(path).retain(() => true);
      return 'written again without them';
    };
    return {kind: 'journal', wrong: linesText(damaged), mend};
  };

  readonly record: Look = path => {
    const damaged = countDamagedLines(readFileSync(path, 'utf8'));
    if (damaged === 0) return undefined;
    const mend = (): string => {
      const rest = withoutDamagedLines(readFileSync(path, 'utf8'));
      if (rest === undefined) return `${this.#setAside(path)}: of which run it was cannot be read`;
      writeAtomically(path, rest);
      return 'written again without them';
    };
    return {kind: 'record', wrong: linesText(damaged), mend};
  };

  readonly plan: Look = path => {
    if (checkedText(readFileSync(path)) !== undefined) return undefined;
    const mend = (): string => {
      removeFile(path);
      return MADE_AGAIN;
    };
    return {kind: 'plan', wrong: 'not what its checksum says', mend};
  };

  readonly publication: Look = path => {
    if (checkedText(readFileSync(path)) !== undefined) return undefined;
    const mend = (): string =>
      `${this.#setAside(path)}: the next run takes over the published files that are whole`;
    return {kind: 'publication', wrong: 'not what its checksum says', mend};
  };

  bundle(folder: string): Finding {
    const mend = (): string => {
      removeAtOnce(folder, join(this.#store, 'tmp'));
      return MADE_AGAIN;
    };
    return {kind: 'bundle', path: this.#shown(folder), wrong: 'not the bundle that was hashed', mend};
  }

  /** What has no place where blobs, rows and checkpoints are. */
  *strays(): Generator<Finding, void> {
    const strange: string[] = [];
    for (const folder of ['blobs', 'index']) {
      for (const shard of namesIn(join(this.#store, folder))) {
        if (folder === 'index' && shard === 'format') continue;
        const path = join(this.#store, folder, shard);
        const names = /^[0-9a-f]{2}$/.test(shard) ? namesIn(path) : undefined;
        if (names === undefined) strange.push(path);
        else strange.push(...names.filter(name => !isDigest(shard + name)).map(name => join(path, name)));
      }
    }
    const checkpoints = join(this.#store, 'checkpoints');
    strange.push(
      ...namesIn(checkpoints)
        .filter(name => !isDigest(name))
        .map(name => join(checkpoints, name)),
    );
    for (const path of strange) yield {...this.#stray(path), path: this.#shown(path)};
  }

  #stray(path: string): Omit<Finding, 'path'> {
    return {kind: 'stray', wrong: 'nothing that pipe has put there', mend: () => this.#setAside(path)};
  }

  #setAside(path: string): string {
    const aside = join(this.#store, 'quarantine', `stray-${temporaryName()}`);
    makeFolder(dirname(aside));
    try {
      renameSync(path, aside);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return 'moved aside when it was read';
      throw error;
    }
    return `moved to ${this.#shown(aside)}`;
  }

  #shown(path: string): string {
    return relative(this.#project, path);
  }
}

const linesText = (count: number): string =>
  count === 1 ? '1 damaged line, passed over' : `${count} damaged lines, passed over`;
