// A tree of files by digest: the input root of a job before it is encoded for a server, or a folder that came back.

import type {Digest} from '../../core/digest.ts';

export interface RootFile {
  readonly digest: Digest;
  readonly size: number;
  readonly isExecutable: boolean;
}

export interface RootFolder {
  readonly files: ReadonlyMap<string, RootFile>;
  readonly folders: ReadonlyMap<string, RootFolder>;
}

interface Growing extends RootFolder {
  readonly files: Map<string, RootFile>;
  readonly folders: Map<string, RootFolder | Growing>;
}

const isGrowing = (folder: RootFolder): folder is Growing =>
  folder.files instanceof Map && folder.folders instanceof Map;

const empty = (): Growing => ({files: new Map(), folders: new Map()});

/** Puts files and folders at their paths, which are relative and have no `.` in them. */
export class RootBuilder {
  readonly #root = empty();

  get root(): RootFolder {
    return this.#root;
  }

  file(path: string, file: RootFile): void {
    const {folder, name} = this.#place(path);
    folder.files.set(name, file);
  }

  folder(path: string): void {
    this.#descend(path.split('/'));
  }

  /** A whole folder; nothing is put below it afterwards. */
  graft(path: string, below: RootFolder): void {
    const {folder, name} = this.#place(path);
    folder.folders.set(name, below);
  }

  #place(path: string): {readonly folder: Growing; readonly name: string} {
    const parts = path.split('/');
    const name = parts.pop() ?? '';
    return {folder: this.#descend(parts), name};
  }

  #descend(parts: readonly string[]): Growing {
    let at = this.#root;
    for (const part of parts) {
      const found = at.folders.get(part);
      const next = found !== undefined && isGrowing(found) ? found : empty();
      at.folders.set(part, next);
      at = next;
    }
    return at;
  }
}

/** Every file of a tree. */
export function* filesIn(folder: RootFolder): Generator<RootFile, void> {
  yield* folder.files.values();
  for (const below of folder.folders.values()) yield* filesIn(below);
}
