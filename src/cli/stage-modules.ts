// Where a stage module is: `uses: train` is the project's stages/train.ts or stages/train.py, else the built-in stage of this package;
// anything with a slash is a path relative to the project.

import {readdirSync, readFileSync, statSync} from 'node:fs';
import {isAbsolute, join, resolve} from 'node:path';
import {byCodeUnit} from '../core/json.ts';
import {hasCode} from '../host/system-error.ts';

const EXTENSIONS = ['.ts', '.mts', '.js', '.mjs', '.py'] as const;

const isFile = (path: string): boolean => statSync(path, {throwIfNoEntry: false})?.isFile() === true;

export interface StageFolders {
  /** Absolute. */
  readonly project: string;
  /** This package's folder, absolute. */
  readonly packageRoot: string;
}

/** The absolute path of the module that `uses` names, or `undefined`. A few stats, nothing else. */
export function findStageModule(uses: string, {project, packageRoot}: StageFolders): string | undefined {
  if (uses.includes('/') || isAbsolute(uses)) {
    const path = resolve(project, uses);
    return [path, ...EXTENSIONS.map(extension => path + extension)].find(isFile);
  }
  return [project, packageRoot]
    .flatMap(root => EXTENSIONS.map(extension => join(root, 'stages', uses + extension)))
    .find(isFile);
}

/** Names that `uses` may say without a path, sorted. */
export function stageModuleNames({project, packageRoot}: StageFolders): string[] {
  const names = [project, packageRoot].flatMap(root => namesIn(join(root, 'stages')));
  return [...new Set(names)].sort(byCodeUnit);
}

/** Beside stages in Python there are modules that they share: those speak of no stage. */
const mayDeclare = (path: string): boolean =>
  !path.endsWith('.py') || readFileSync(path, 'utf8').includes('pipe_stage');

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).flatMap(name => {
      const extension = EXTENSIONS.find(ending => name.endsWith(ending));
      return extension === undefined || name.endsWith('.d.ts') || !mayDeclare(join(folder, name))
        ? []
        : [name.slice(0, -extension.length)];
    });
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
