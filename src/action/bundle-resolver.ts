// How a stage module's imports are followed: relative ones into the bundle, this package's own name into its sources,
// packages left outside by name and version. Nothing that this decides depends on where the project lies, nor on what
// the stage module is called: a module that is renamed is the same code.

import {realpathSync} from 'node:fs';
import {isBuiltin} from 'node:module';
import {dirname, extname, join, resolve, sep} from 'node:path';
import type {OnResolveArgs, OnResolveResult, Plugin, PluginBuild} from 'esbuild';
import {packageName} from '../core/package-name.ts';
import {findImport, manifestOf, nearestPackage} from './import-map.ts';
import {findPackage, isFile} from './installed-packages.ts';

/** Entry points of this package that stage modules may import. */
const ownEntries: Readonly<Record<string, string>> = {
  [`${packageName}/stage`]: 'src/stage/define.ts',
  [`${packageName}/engine`]: 'src/engine/index.ts',
  [`${packageName}/learn`]: 'stages/learn/index.ts',
};

/** The namespace in which the stage module itself goes by one name, whatever its file is called. */
export const entryNamespace = 'stage-module';

export interface ImportedPackage {
  readonly name: string;
  readonly version: string;
  /** `null` for a package that is not installed and that is only imported dynamically. */
  readonly folder: string | null;
}

/** What resolving found out, beside its answers. */
export interface ResolverNotes {
  /** The name by which the bundle imports a package → that package. */
  readonly packages: Map<string, ImportedPackage>;
  /** Paths where a file would have been taken in place of the one that was found. */
  readonly candidates: Set<string>;
  /** Manifests whose `imports` were asked. */
  readonly manifests: Set<string>;
}

/** In the order in which esbuild looks for `./x`. */
const EXTENSIONS = ['.tsx', '.ts', '.jsx', '.js', '.css', '.json'];

/**
 * `entry`: the stage module, absolute. What this package's own sources import goes by `@pipe/NAME`, as it must be found
 * from here and not from the user's project; a package that a subfolder has in another version, by `@at/NAME__VERSION`.
 */
export function bundleResolver(entry: string, pipeRoot: string, notes: ResolverNotes): Plugin {
  const realEntry = realpathSync(entry);
  const asEntry: OnResolveResult = {path: `module${extname(entry)}`, namespace: entryNamespace};
  const top = dirname(entry);

  const resolvePath = async (
    args: OnResolveArgs,
    build: PluginBuild,
  ): Promise<OnResolveResult | undefined> => {
    const exact = resolve(args.resolveDir, args.path);
    if (isFile(exact)) return realpathSync(exact) === realEntry ? asEntry : undefined;
    // Only a guess of an extension or of an index file can be overtaken by a new file.
    const {kind, resolveDir, importer} = args;
    const found = await build.resolve(args.path, {kind, resolveDir, importer, pluginData: isAskedByUs});
    if (found.errors.length > 0) return undefined;
    for (const guess of [exact, ...EXTENSIONS.map(ending => exact + ending), join(exact, 'package.json')]) {
      if (!isFile(guess)) notes.candidates.add(guess);
    }
    for (const guess of EXTENSIONS.map(ending => join(exact, `index${ending}`))) {
      if (!isFile(guess)) notes.candidates.add(guess);
    }
    return found.path === realEntry ? asEntry : undefined;
  };

  const resolvePackage = (path: string, {resolveDir, kind}: OnResolveArgs): OnResolveResult => {
    if (isBuiltin(path)) return {path, external: true};
    if (path === packageName || path.startsWith(`${packageName}/`)) return resolveOwn(path, pipeRoot);
    const {name, rest} = splitSpecifier(path);
    const isOwn =
      isAtOrBelow(resolveDir, pipeRoot) && !isAtOrBelow(resolveDir, join(pipeRoot, 'node_modules'));
    const found = findPackage(name, resolveDir);
    if (found === undefined && kind !== 'dynamic-import') return {errors: [{text: missing(name)}]};
    const flat = name.replace(/^@/, '').replace('/', '__');
    const isElsewhere = !isOwn && found !== undefined && findPackage(name, top)?.folder !== found.folder;
    const link = isOwn ? `@pipe/${flat}` : isElsewhere ? `@at/${flat}__${found.version}` : name;
    const known = notes.packages.get(link);
    notes.packages.set(link, known ?? found ?? {name, version: 'not installed', folder: null});
    return {path: link + rest, external: true};
  };

  const answer = async (args: OnResolveArgs, build: PluginBuild): Promise<OnResolveResult | undefined> => {
    if (args.pluginData === isAskedByUs) return undefined;
    if (args.kind === 'entry-point') return asEntry;
    if (/^(file|data):/.test(args.path)) return undefined;
    if (isPath(args.path)) return resolvePath(args, build);
    if (!args.path.startsWith('#')) return resolvePackage(args.path, args);
    const around = nearestPackage(args.resolveDir);
    if (around !== undefined) notes.manifests.add(manifestOf(around));
    const mapped = findImport(args.path, args.resolveDir);
    if (mapped === undefined) return undefined;
    if (!isPath(mapped.target)) return resolvePackage(mapped.target, args);
    const path = resolve(mapped.folder, mapped.target);
    return isFile(path) && realpathSync(path) === realEntry ? asEntry : undefined;
  };
  return {
    name: 'pipe-imports',
    setup: build => build.onResolve({filter: /.*/}, args => answer(args, build)),
  };
}

/** Marks questions of this plugin to esbuild, so that they do not come back to it. */
const isAskedByUs = Symbol('asked by the resolver itself');

/** The folder of the nearest package.json above, which is the same for a module wherever its package lies. */
export const packageRootOf = (file: string): string => nearestPackage(dirname(file)) ?? dirname(file);

function resolveOwn(path: string, pipeRoot: string): OnResolveResult {
  const entry = ownEntries[path];
  if (entry !== undefined) return {path: join(pipeRoot, entry)};
  const known = Object.keys(ownEntries).join(' or ');
  return {errors: [{text: `Expected ${known}, got ${path}`}]};
}

function splitSpecifier(specifier: string): {readonly name: string; readonly rest: string} {
  const parts = specifier.split('/');
  const name = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  return {name, rest: specifier.slice(name.length)};
}

const missing = (name: string): string =>
  `Expected the package "${name}" to be installed, but no node_modules above holds it; run: npm install ${name}`;

const isPath = (specifier: string): boolean => /^(\.{0,2}\/|\.{1,2}$|[A-Za-z]:[\\/])/.test(specifier);
const isAtOrBelow = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder + sep);
