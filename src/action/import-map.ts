// `imports` of package.json: what `#name` means in a project, for the conditions under which a bundle runs.

import {dirname, join} from 'node:path';
import {isJsonObject, type Json} from '../core/json.ts';
import {readManifest} from './installed-packages.ts';

const CONDITIONS = new Set(['node', 'import', 'module', 'default']);

/** `#name` as a specifier: `./lib/x.ts` (relative to `folder`) or a package; `undefined` where nothing says it. */
export function findImport(
  specifier: string,
  from: string,
): {readonly target: string; readonly folder: string} | undefined {
  const folder = nearestPackage(from);
  const imports = folder === undefined ? undefined : readManifest(folder)?.imports;
  if (folder === undefined || !isJsonObject(imports)) return undefined;
  const exact = imports[specifier];
  if (exact !== undefined) return targetOf(exact, '', folder);
  for (const [pattern, value] of Object.entries(imports)) {
    const [head = '', tail] = pattern.split('*');
    if (tail === undefined || !specifier.startsWith(head) || !specifier.endsWith(tail)) continue;
    return targetOf(value, specifier.slice(head.length, specifier.length - tail.length), folder);
  }
  return undefined;
}

function targetOf(value: Json, star: string, folder: string): ReturnType<typeof findImport> {
  if (typeof value === 'string') return {target: value.replaceAll('*', star), folder};
  const choices = Array.isArray(value)
    ? value
    : isJsonObject(value)
      ? Object.entries(value).flatMap(([condition, choice]) => (CONDITIONS.has(condition) ? [choice] : []))
      : [];
  for (const choice of choices) {
    const found = targetOf(choice, star, folder);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The folder of the nearest package.json, which is the one that Node asks. */
export function nearestPackage(from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    if (readManifest(folder) !== undefined) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

export const manifestOf = (folder: string): string => join(folder, 'package.json');
