// The private folder of one try: its input root, its outputs, its log, a home of its own. Named after the process that
// made it, so that what a killed run left behind is recognised and removed by the next. Folders of simple tasks are
// emptied and used again: on some file systems removing a folder takes longer than everything else about a short stage.

import {mkdirSync, readdirSync, rmdirSync, statSync, unlinkSync} from 'node:fs';
import {rm} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import type {Action} from '../action/action.ts';
import {removeOrphans, temporaryName} from '../host/atomic-file.ts';
import {makeFolder} from '../host/folder.ts';
import {INPUT_FOLDER, PROJECT_FOLDER} from './input-layout.ts';

export interface Sandbox {
  /** The input root, absolute. */
  readonly root: string;
  /** The working directory of a closed task. */
  readonly projectFolder: string;
  readonly outputFolder: string;
  readonly homeFolder: string;
  readonly temporaryFolder: string;
  readonly logFile: string;
  readonly metricsFile: string;
  /** Sandboxes of one shape hold the same folders; `null` for one that is not used again. */
  readonly shape: string | null;
}

const OUTPUT_FOLDER = 'out';
const LOG_FILE = 'log';
/** Entries of a sandbox that is removed at once. */
const REMOVED_AT_ONCE = 200;
/** Folders that every sandbox has, and that are empty when it is used again. */
const EMPTY_FOLDERS = [PROJECT_FOLDER, OUTPUT_FOLDER, 'home', 'tmp'] as const;

export class Sandboxes {
  readonly #folder: string;
  readonly #idle = new Map<string, Sandbox[]>();
  readonly #removals = new Set<Promise<void>>();

  /** `folder`: where all sandboxes are. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** A sandbox with the folders of the action's outputs, and nothing else in it. Throws errors of the system. */
  open(action: Action): Sandbox {
    const shape = shapeOf(action);
    const idle = shape === null ? undefined : this.#idle.get(shape)?.pop();
    if (idle !== undefined) return idle;
    const root = join(this.#folder, temporaryName());
    makeFolder(root);
    for (const name of EMPTY_FOLDERS) mkdirSync(join(root, name));
    const outputFolder = join(root, OUTPUT_FOLDER);
    for (const output of Object.values(action.outputs)) {
      const path = join(outputFolder, output.path);
      const below = output.kind === 'folder' ? path : dirname(path);
      if (below !== outputFolder) makeFolder(below);
    }
    return {
      root,
      projectFolder: join(root, PROJECT_FOLDER),
      outputFolder,
      homeFolder: join(root, 'home'),
      temporaryFolder: join(root, 'tmp'),
      logFile: join(root, LOG_FILE),
      metricsFile: join(root, 'metrics.json'),
      shape,
    };
  }

  /** Takes a sandbox back in which nothing runs any more. */
  close(sandbox: Sandbox): void {
    const {shape} = sandbox;
    if (shape === null || !isEmptied(sandbox, shape)) {
      this.#remove(sandbox);
      return;
    }
    const idle = this.#idle.get(shape);
    if (idle === undefined) this.#idle.set(shape, [sandbox]);
    else idle.push(sandbox);
  }

  /** Removes all that were taken back; resolves when they are gone. */
  async clear(): Promise<void> {
    for (const sandbox of [...this.#idle.values()].flat()) this.#remove(sandbox);
    this.#idle.clear();
    await Promise.all(this.#removals);
  }

  /**
   * A small one at once: asking for each removal in another thread costs more than removing. A large one beside the work:
   * the runner has better things to do than to wait. What cannot be removed, the next run removes.
   */
  #remove({root}: Sandbox): void {
    if (removeSmallTree(root, {left: REMOVED_AT_ONCE})) return;
    const removal: Promise<void> = rm(root, {recursive: true, force: true})
      .catch(() => undefined)
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }
}

/** The names of the inputs, where each is one folder of files and all outputs are files beside one another. */
function shapeOf({inputs, outputs}: Action): string | null {
  const areOutputsFlat = Object.values(outputs).every(
    ({kind, path}) => kind === 'file' && !path.includes('/'),
  );
  const areInputsWhole = Object.values(inputs).every(input => input.kind === 'one' && input.content.isWhole);
  return areOutputsFlat && areInputsWhole ? Object.keys(inputs).join('\0') : null;
}

/** Removes the files of a sandbox and keeps its folders; false when it holds more than its shape says. */
function isEmptied({root}: Sandbox, shape: string): boolean {
  try {
    for (const name of EMPTY_FOLDERS) if (readdirSync(join(root, name)).length > 0) return false;
    const inputs = shape === '' ? [] : shape.split('\0');
    for (const name of inputs) {
      const place = join(root, INPUT_FOLDER, name);
      for (const entry of readdirSync(place, {withFileTypes: true})) {
        if (entry.isDirectory()) return false;
        unlinkSync(join(place, entry.name));
      }
    }
    const folders: readonly string[] = [...EMPTY_FOLDERS, INPUT_FOLDER];
    for (const entry of readdirSync(root, {withFileTypes: true})) {
      if (entry.isFile()) {
        // An empty log is as good as a new one; making and removing files costs much on some file systems.
        if (entry.name !== LOG_FILE || statSync(join(root, LOG_FILE)).size > 0)
          unlinkSync(join(root, entry.name));
      } else if (!folders.includes(entry.name)) return false;
    }
    return true;
  } catch {
    // Something that the stage did to its folders: not worth finding out.
    return false;
  }
}

/** Removes a folder with at most so many entries as are `left`; false when there are more, or one cannot be removed. */
function removeSmallTree(folder: string, budget: {left: number}): boolean {
  try {
    for (const entry of readdirSync(folder, {withFileTypes: true})) {
      if (budget.left-- <= 0) return false;
      const path = join(folder, entry.name);
      if (!entry.isDirectory()) unlinkSync(path);
      else if (!removeSmallTree(path, budget)) return false;
    }
    rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

/** Removes the sandboxes of runs that are gone, after `endProcesses` has ended what those runs had started. */
export async function sweepSandboxes(
  folder: string,
  now: number,
  endProcesses: () => Promise<void>,
): Promise<void> {
  if (removeOrphans(folder, now, true) === 0) return;
  await endProcesses();
  removeOrphans(folder, now);
}
