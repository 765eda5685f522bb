// The private folder of one try: its inputs, its outputs, its log. Named after the process that made it, so that
// what a killed run left behind is recognised and removed by the next.

import {mkdirSync, rmdirSync, rmSync, unlinkSync} from 'node:fs';
import {dirname, join} from 'node:path';
import type {Instance} from '../plan/plan.ts';
import {removeOrphans, temporaryName} from '../store/atomic-file.ts';

export class Sandbox {
  readonly folder: string;
  readonly inputFolder: string;
  readonly outputFolder: string;
  readonly logFile: string;
  readonly metricsFile: string;

  /** Makes the folders, those of the instance's outputs included. `root` is the folder of all sandboxes. */
  constructor(root: string, instance: Instance) {
    this.folder = join(root, temporaryName());
    this.inputFolder = join(this.folder, 'in');
    this.outputFolder = join(this.folder, 'out');
    this.logFile = join(this.folder, 'log');
    this.metricsFile = join(this.folder, 'metrics.json');
    mkdirSync(this.outputFolder, {recursive: true});
    for (const output of Object.values(instance.outputs)) {
      const path = join(this.outputFolder, output.path);
      const folder = output.kind === 'folder' ? path : dirname(path);
      if (folder !== this.outputFolder) mkdirSync(folder, {recursive: true});
    }
  }

  remove(): void {
    try {
      // Most tries leave two empty folders and at most a log: this is ten times as fast as a search through a tree.
      rmdirSync(this.outputFolder);
      unlinkIfThere(this.logFile);
      rmdirSync(this.folder);
    } catch {
      rmSync(this.folder, {recursive: true, force: true});
    }
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

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Nothing was printed.
  }
}
