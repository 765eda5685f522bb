// Where publishing may write: below the project, through no link that leads out of it or into what is not for results.

import {lstatSync, realpathSync, type Stats} from 'node:fs';
import {dirname, join, relative, sep} from 'node:path';
import {hasCode} from '../host/system-error.ts';

const FORBIDDEN = new Set(['.git', 'node_modules']);

/**
 * What is wrong with writing at `path` (relative to `project`, in its normal form), as the end of a sentence that
 * begins with the path; `undefined` where nothing is. Only what is there already can be wrong.
 */
export function findObstacle(project: string, path: string): string | undefined {
  const segments = path.split('/');
  for (const length of segments.keys()) {
    const above = segments.slice(0, length).join('/');
    if (above === '') continue;
    const absolute = join(project, above);
    const state = stateOf(absolute);
    if (state === undefined) return undefined;
    if (state.isSymbolicLink()) {
      const wrong = followWrongly(project, absolute);
      if (wrong !== undefined) return `lies behind the link ${above}, which ${wrong}`;
    } else if (!state.isDirectory()) return `needs a folder at ${above}, where something else is`;
  }
  return undefined;
}

/** The state of a path itself, never of what it links to; `undefined` where nothing is. Throws errors of the system. */
export function stateOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, {throwIfNoEntry: false});
  } catch (error) {
    if (hasCode(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** True where the file at `path` is reached without leaving the project, so that it may be removed. */
export const isWithinProject = (project: string, path: string): boolean =>
  findObstacle(project, path) === undefined && stateOf(dirname(join(project, path))) !== undefined;

function followWrongly(project: string, link: string): string | undefined {
  let real: string;
  try {
    real = realpathSync(link);
    if (!lstatSync(real).isDirectory()) return 'leads to no folder';
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ELOOP')) return 'leads nowhere';
    throw error;
  }
  const inside = relative(realpathSync(project), real).split(sep);
  if (inside[0] === '..' || inside[0] === '') return 'leads out of the project';
  if (inside[0] === 'cache' || inside.some(segment => FORBIDDEN.has(segment))) {
    return `leads into ${inside.join('/')}`;
  }
  return undefined;
}
