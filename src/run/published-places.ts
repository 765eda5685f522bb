// The files at published places: what stands there, whether it is ours, and what becomes of it.

import {copyFileSync, linkSync, readdirSync, rmdirSync, rmSync} from 'node:fs';
import {basename, dirname, join, relative} from 'node:path';
import type {Artifact} from '../action/action.ts';
import type {Digest} from '../core/digest.ts';
import {removeStaleSiblings, temporaryName} from '../host/atomic-file.ts';
import {syncFile, syncNames} from '../host/durable.ts';
import {makeFolder} from '../host/folder.ts';
import {hasCode} from '../host/system-error.ts';
import type {Publications} from '../store/ledger/publications.ts';
import type {ArtifactFile, FileStates} from '../store/store.ts';
import {findObstacle, isWithinProject, stateOf} from './publication-place.ts';

/** Files by path relative to the project. */
export type Wanted = ReadonlyMap<string, ArtifactFile>;

/** `place`: nothing can be put there. `foreign`: a file that is not ours, which may happen to be what belongs there. */
export interface Conflict {
  readonly reason: 'place' | 'foreign';
  /** The end of a sentence that begins with the path. */
  readonly message: string;
}

const foreign = {reason: 'foreign', message: 'is there already, and pipe did not write it'} as const;

export class PublishedPlaces {
  readonly #project: string;
  readonly #store: string;
  readonly #states: FileStates;
  readonly #publications: Publications;

  /** `project` and `store`: their folders, absolute. */
  constructor(project: string, store: string, states: FileStates, publications: Publications) {
    this.#project = project;
    this.#store = store;
    this.#states = states;
    this.#publications = publications;
  }

  /** What stands at a path that is not ours, or on the way to it. */
  findConflict(path: string, kind: Artifact['kind']): Conflict | undefined {
    const project = this.#project;
    const obstacle = findObstacle(project, path);
    if (obstacle !== undefined) return {reason: 'place', message: obstacle};
    const other = kind === 'file' ? this.#publications.otherAt(path) : undefined;
    if (other !== undefined) return {reason: 'place', message: `is published by ${other} as well`};
    const state = stateOf(join(project, path));
    if (state === undefined) return undefined;
    if (state.isSymbolicLink()) return {reason: 'place', message: 'is a link that pipe did not write'};
    if (!state.isDirectory()) return this.oursAt(path) === undefined ? foreign : undefined;
    return kind === 'folder' || this.#isAllOurs(path)
      ? undefined
      : {reason: 'place', message: 'is a folder, where a file belongs'};
  }

  /** Files in a folder that are not ours; the first few are enough to say so. */
  *foreignIn(folder: string): Generator<string> {
    if (stateOf(join(this.#project, folder))?.isDirectory() !== true) return;
    for (const entry of readdirSync(join(this.#project, folder), {withFileTypes: true})) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) yield* this.foreignIn(path);
      else if (this.oursAt(path) === undefined) yield path;
    }
  }

  #isAllOurs(folder: string): boolean {
    return readdirSync(join(this.#project, folder), {withFileTypes: true}).every(entry => {
      const path = `${folder}/${entry.name}`;
      return entry.isDirectory() ? this.#isAllOurs(path) : this.oursAt(path) !== undefined;
    });
  }

  oursAt(path: string): readonly Digest[] | undefined {
    return this.#publications.at(path) ?? this.#publications.leftAt(path);
  }

  isRight(path: string, file: ArtifactFile | undefined): boolean {
    const state = stateOf(join(this.#project, path));
    if (file === undefined || !state?.isFile() || state.size !== file.size) return false;
    if (((state.mode & 0o100) !== 0) !== file.isExecutable) return false;
    return this.digestOf(path) === file.digest;
  }

  digestOf(path: string): Digest | undefined {
    const digest = this.#states.digestFile(join(this.#project, path));
    return digest.ok ? digest.value : undefined;
  }

  /**
   * Keeps what was edited since we wrote it in the store's quarantine, where `pipe gc` leaves it for a while. It is there,
   * also after a power cut, before anything is written over it, and stands in its place until then.
   */
  setEditedAside(wanted: Wanted): Map<string, string> {
    const project = this.#project;
    const edited = new Map<string, string>();
    for (const path of wanted.keys()) {
      const absolute = join(project, path);
      if (stateOf(absolute)?.isFile() !== true) continue;
      const digest = this.digestOf(path);
      if (digest !== undefined && this.#publications.at(path)?.includes(digest) === true) continue;
      const aside = join(this.#store, 'quarantine', `edited-${temporaryName()}-${basename(path)}`);
      makeFolder(dirname(aside));
      keepBeside(absolute, aside);
      syncFile(aside);
      syncNames([aside], dirname(this.#store));
      edited.set(path, relative(project, aside));
    }
    return edited;
  }

  /** Removes what killed runs had staged beside these files, whatever stands there by now. */
  discardUnfinished(paths: Iterable<string>): void {
    const folders = new Set(Array.from(paths, path => dirname(join(this.#project, path))));
    for (const folder of folders) removeStaleSiblings(folder, this.#store);
  }

  /** Removes those that still are what we put there, and the folders that this leaves empty, below `upTo`. */
  remove(paths: readonly string[], upTo: string): number {
    const project = this.#project;
    let removed = 0;
    for (const path of paths) {
      const absolute = join(project, path);
      if (!isWithinProject(project, path) || stateOf(absolute)?.isFile() !== true) continue;
      const digest = this.digestOf(path);
      if (digest === undefined || this.#publications.at(path)?.includes(digest) !== true) continue;
      rmSync(absolute, {force: true});
      removeEmptyFolders(dirname(absolute), join(project, upTo));
      removed++;
    }
    return removed;
  }
}

/** Gives a file a second name, or copies it where that cannot be. */
function keepBeside(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if (!hasCode(error, 'EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP', 'ENOSYS')) throw error;
    copyFileSync(from, to);
  }
}

function removeEmptyFolders(from: string, upTo: string): void {
  for (let folder = from; folder.startsWith(`${upTo}/`); folder = dirname(folder)) {
    try {
      rmdirSync(folder);
    } catch {
      return;
    }
  }
}
