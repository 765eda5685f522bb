// The private folder of one try: its inputs, its outputs, its log. Named after the process that made it, so that
// what a killed run left behind is recognised and removed by the next. Folders of simple stages are emptied and used
// again: on some file systems removing a folder takes longer than everything else about a short stage.

import {mkdirSync, readdirSync, unlinkSync} from 'node:fs';
import {rm} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {removeOrphans, temporaryName} from '../host/atomic-file.ts';
import type {Instance} from '../plan/plan.ts';

export interface Sandbox {
  readonly folder: string;
  readonly inputFolder: string;
  readonly outputFolder: string;
  readonly logFile: string;
  readonly metricsFile: string;
  /** Sandboxes of one shape hold the same folders; `null` for one that is not used again. */
  readonly shape: string | null;
}

export class Sandboxes {
  readonly #root: string;
  readonly #idle = new Map<string, Sandbox[]>();
  readonly #removals = new Set<Promise<void>>();

  /** `root`: the folder of all sandboxes. */
  constructor(root: string) {
    this.#root = root;
  }

  /** A sandbox with the folders of the instance's outputs, and nothing else in it. Throws errors of the system. */
  open(instance: Instance): Sandbox {
    const shape = shapeOf(instance);
    const idle = shape === null ? undefined : this.#idle.get(shape)?.pop();
    if (idle !== undefined) return idle;
    const folder = join(this.#root, temporaryName());
    const outputFolder = join(folder, 'out');
    mkdirSync(outputFolder, {recursive: true});
    for (const output of Object.values(instance.outputs)) {
      const path = join(outputFolder, output.path);
      const below = output.kind === 'folder' ? path : dirname(path);
      if (below !== outputFolder) mkdirSync(below, {recursive: true});
    }
    return {
      folder,
      inputFolder: join(folder, 'in'),
      outputFolder,
      logFile: join(folder, 'log'),
      metricsFile: join(folder, 'metrics.json'),
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

  /** Beside the work: the runner has better things to do than to wait. What cannot be removed, the next run removes. */
  #remove({folder}: Sandbox): void {
    const removal: Promise<void> = rm(folder, {recursive: true, force: true})
      .catch(() => undefined)
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }
}

/** The names of the inputs, where each is one folder of files and all outputs are files beside one another. */
function shapeOf({inputs, outputs}: Instance): string | null {
  const areOutputsFlat = Object.values(outputs).every(
    ({kind, path}) => kind === 'file' && !path.includes('/'),
  );
  const areInputsWhole = Object.values(inputs).every(
    edge => edge.kind === 'one' && edge.from.output === null,
  );
  return areOutputsFlat && areInputsWhole ? Object.keys(inputs).join('\0') : null;
}

/** Removes the files of a sandbox and keeps its folders; false when it holds more than its shape says. */
function isEmptied({inputFolder, outputFolder, folder}: Sandbox, shape: string): boolean {
  try {
    if (readdirSync(outputFolder).length > 0) return false;
    const inputs = shape === '' ? [] : shape.split('\0');
    for (const name of inputs) {
      const place = join(inputFolder, name);
      for (const entry of readdirSync(place, {withFileTypes: true})) {
        if (entry.isDirectory()) return false;
        unlinkSync(join(place, entry.name));
      }
    }
    for (const entry of readdirSync(folder, {withFileTypes: true})) {
      if (entry.isFile()) unlinkSync(join(folder, entry.name));
      else if (entry.name !== 'in' && entry.name !== 'out') return false;
    }
    return true;
  } catch {
    // Something that the stage did to its folders: not worth finding out.
    return false;
  }
}

/** Removes the sandboxes of runs that are gone, after `endProcesses` has ended what those runs had started. */
export async function sweepSandboxes(
  root: string,
  now: number,
  endProcesses: () => Promise<void>,
): Promise<void> {
  if (removeOrphans(root, now, true) === 0) return;
  await endProcesses();
  removeOrphans(root, now);
}
