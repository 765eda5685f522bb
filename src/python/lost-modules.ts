// Names that a stage imports, that lead nowhere, and that are modules of the project all the same: in a folder that is
// not on the path, as where a script had changed `sys.path`. Told with the line that mends it.

import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import {byCodeUnit} from '../core/json.ts';
import {hasCode} from '../host/system-error.ts';

/** How deep below the project folders are looked at, and how many. */
const DEEPEST = 3;
const MOST = 500;
const SKIPPED = /^(?:\.|_|node_modules$|cache$|dist$|build$|venv$|env$|site-packages$)/;

/**
 * A sentence for each name that is somewhere. `folder`: the project's, absolute; `module`: the stage's file, relative to
 * it. The folder in which a stage stands is none that it could mean: `stages/torch/train.py` imports the package torch.
 */
export function lostModules(folder: string, module: string, names: ReadonlySet<string>): string[] {
  if (names.size === 0) return [];
  const found = new Map<string, {readonly folder: string; readonly entry: string}>();
  let looked = 0;
  for (let level = [''], depth = 0; depth <= DEEPEST && level.length > 0; depth++) {
    const next: string[] = [];
    for (const at of level) {
      if (looked++ > MOST) break;
      const {files, folders} = entriesOf(join(folder, at));
      for (const name of names) {
        const entry = files.includes(`${name}.py`)
          ? `${name}.py`
          : folders.includes(name) &&
              !module.startsWith(`${at === '' ? '' : `${at}/`}${name}/`) &&
              entriesOf(join(folder, at, name)).files.some(file => file.endsWith('.py'))
            ? name
            : undefined;
        if (entry !== undefined && !found.has(name)) found.set(name, {folder: at, entry});
      }
      next.push(
        ...folders.filter(name => !SKIPPED.test(name)).map(name => (at === '' ? name : `${at}/${name}`)),
      );
    }
    level = next;
  }
  return [...found].map(
    ([name, {folder: at, entry}]) =>
      `${name} is imported and found nowhere, but ${at === '' ? '' : `${at}/`}${entry} is in the project: ` +
      `say \`python_path: [${at === '' ? '.' : at}]\` in pipe.config.yaml`,
  );
}

function entriesOf(folder: string): {readonly files: readonly string[]; readonly folders: readonly string[]} {
  try {
    const entries = readdirSync(folder, {withFileTypes: true});
    const namesOf = (isWanted: (entry: (typeof entries)[number]) => boolean): string[] =>
      entries
        .filter(isWanted)
        .map(({name}) => name)
        .sort(byCodeUnit);
    return {files: namesOf(entry => entry.isFile()), folders: namesOf(entry => entry.isDirectory())};
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return {files: [], folders: []};
    throw error;
  }
}
