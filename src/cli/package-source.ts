// Where this very package was installed from, as a dependency of a project that should get the same one: a version of
// the registry, an archive that `npm pack` made, or a clone.

import {existsSync, readFileSync} from 'node:fs';
import {dirname, join, relative, resolve, sep} from 'node:path';
import {isJsonObject} from '../core/json.ts';
import {packageName} from '../core/package-name.ts';

/** What stands beside the package's name in the dependencies of the project in `folder` (absolute). */
export function dependencyOn(packageRoot: string, version: string, folder: string): string {
  const modules = modulesAround(packageRoot);
  if (modules === undefined) return `file:${relativeTo(folder, packageRoot)}`;
  const archive = archiveIn(modules);
  return archive === undefined ? `^${version}` : `file:${relativeTo(folder, archive)}`;
}

/** The `node_modules` that holds the package; `undefined` for a clone. */
function modulesAround(packageRoot: string): string | undefined {
  const tail = `${sep}node_modules${sep}${packageName}`;
  return packageRoot.endsWith(tail) ? dirname(packageRoot) : undefined;
}

/** npm notes beside the packages what each was made from; a path is relative to the folder of `node_modules`. */
function archiveIn(modules: string): string | undefined {
  const path = join(modules, '.package-lock.json');
  if (!existsSync(path)) return undefined;
  const lock: unknown = JSON.parse(readFileSync(path, 'utf8'));
  const packages = isJsonObject(lock) && isJsonObject(lock.packages) ? lock.packages : {};
  const own = packages[`node_modules/${packageName}`];
  const from = isJsonObject(own) && typeof own.resolved === 'string' ? own.resolved : '';
  return from.startsWith('file:') ? resolve(dirname(modules), from.slice('file:'.length)) : undefined;
}

const relativeTo = (folder: string, path: string): string => relative(folder, path).split(sep).join('/');

/**
 * npm 11.19 runs no install script that `allowScripts` does not allow; an older one runs them all, and that of
 * ONNX Runtime fetches CUDA libraries from outside of the registry unless a key of `.npmrc` tells it not to.
 * `agent`: `npm_config_user_agent`, such as `npm/10.9.4 node/v20.19.0 linux x64`.
 */
export function runsInstallScripts(agent: string | undefined): boolean {
  const [, major = '0', minor = '0'] = /\bnpm\/(\d+)\.(\d+)/.exec(agent ?? '') ?? [];
  return Number(major) < 11 || (Number(major) === 11 && Number(minor) < 19);
}
