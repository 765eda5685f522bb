// How a stage module's imports are followed: relative ones into the bundle, this package's own name into its sources,
// packages left outside by name and version. Nothing that this decides depends on where the project lies.

import {readFileSync, statSync} from 'node:fs';
import {isBuiltin} from 'node:module';
import {dirname, join, sep} from 'node:path';
import type {OnResolveArgs, OnResolveResult, Plugin} from 'esbuild';
import {isJsonObject} from '../core/json.ts';
import {packageName} from '../core/package-name.ts';

/** Entry points of this package that stage modules may import. */
const ownEntries: Readonly<Record<string, string>> = {
  [`${packageName}/stage`]: 'src/stage/define.ts',
  [`${packageName}/engine`]: 'src/engine/index.ts',
};

export interface ImportedPackage {
  readonly name: string;
  readonly version: string;
  /** `null` for a package that is not installed and that is only imported dynamically. */
  readonly folder: string | null;
}

/**
 * The plugin fills `packages`: the name by which the bundle imports a package → that package. What this package's
 * own sources import goes by `@pipe/NAME`, as it must be found from here and not from the user's project.
 */
export function bundleResolver(pipeRoot: string, packages: Map<string, ImportedPackage>): Plugin {
  const resolve = (args: OnResolveArgs): OnResolveResult | undefined => {
    if (args.kind === 'entry-point' || isPath(args.path) || args.path.startsWith('#')) return undefined;
    if (isBuiltin(args.path)) return {path: args.path, external: true};
    if (args.path === packageName || args.path.startsWith(`${packageName}/`)) {
      return resolveOwn(args.path, pipeRoot);
    }
    const {name, rest} = splitSpecifier(args.path);
    const isOwn = isBelow(args.importer, pipeRoot) && !isBelow(args.importer, join(pipeRoot, 'node_modules'));
    const link = isOwn ? `@pipe/${name.replace(/^@/, '').replace('/', '__')}` : name;
    const found = findPackage(name, args.resolveDir);
    if (found === undefined && args.kind !== 'dynamic-import') return {errors: [{text: missing(name)}]};
    packages.set(link, packages.get(link) ?? found ?? {name, version: 'not installed', folder: null});
    return {path: link + rest, external: true};
  };
  return {
    name: 'pipe-imports',
    setup: build => build.onResolve({filter: /.*/, namespace: 'file'}, resolve),
  };
}

/** The folder of the nearest package.json above, which is the same for a module wherever its package lies. */
export function packageRootOf(file: string): string {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if (isFile(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) return dirname(file);
  }
}

function resolveOwn(path: string, pipeRoot: string): OnResolveResult {
  const entry = ownEntries[path];
  if (entry !== undefined) return {path: join(pipeRoot, entry)};
  const known = Object.keys(ownEntries).join(' or ');
  return {errors: [{text: `Expected ${known}, got ${path}`}]};
}

/** As Node looks for it: in the `node_modules` of each folder above. */
function findPackage(name: string, from: string): ImportedPackage | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    const version = versionIn(candidate);
    if (version !== undefined) return {name, version, folder: candidate};
    if (folder === dirname(folder)) return undefined;
  }
}

function versionIn(folder: string): string | undefined {
  const path = join(folder, 'package.json');
  if (!isFile(path)) return undefined;
  const manifest: unknown = JSON.parse(readFileSync(path, 'utf8'));
  return isJsonObject(manifest) && typeof manifest.version === 'string' ? manifest.version : 'unversioned';
}

function splitSpecifier(specifier: string): {readonly name: string; readonly rest: string} {
  const parts = specifier.split('/');
  const name = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  return {name, rest: specifier.slice(name.length)};
}

const missing = (name: string): string =>
  `Expected the package "${name}" to be installed, but no node_modules above holds it; run: npm install ${name}`;

const isPath = (specifier: string): boolean =>
  /^(\.{0,2}\/|\.{1,2}$|file:|data:|[A-Za-z]:[\\/])/.test(specifier);
const isBelow = (path: string, folder: string): boolean => path.startsWith(folder + sep);
const isFile = (path: string): boolean => statSync(path, {throwIfNoEntry: false})?.isFile() === true;
