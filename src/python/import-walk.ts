// From a stage's module to every module of the project that it imports: at the top of a file, inside functions, relative,
// through packages and by constant names. Modules are never run.

import {dirname, relative} from 'node:path';
import type {Digest} from '../core/digest.ts';
import {err, ok, type Result} from '../core/result.ts';
import {type BrokenFile, type FileFacts, type ImportFact, isBroken} from './facts.ts';
import type {Found, ModuleSearch} from './module-search.ts';

export interface WalkedFile {
  readonly facts: FileFacts;
  /** The file through which it came in, absolute; `null` for the stage's own. */
  readonly importedBy: string | null;
}

export interface Walk {
  /** By absolute path, the stage's own first. */
  readonly files: ReadonlyMap<string, WalkedFile>;
  /** Extension modules of the project: known by their bytes alone. */
  readonly binaries: ReadonlyMap<string, {readonly digest: Digest; readonly importedBy: string}>;
  /** Top-level names of installed packages. */
  readonly installed: ReadonlySet<string>;
  /** Names that lead nowhere here; such an import may be optional. */
  readonly missing: ReadonlySet<string>;
}

export interface WalkSources {
  /** What each file says, in order. */
  readonly factsOf: (paths: readonly string[]) => Promise<ReadonlyArray<FileFacts | BrokenFile>>;
  readonly digestFile: (path: string) => Digest | undefined;
}

export interface Start {
  /** Absolute. */
  readonly file: string;
  /** Its dotted name, for relative imports; `null` where its path is no name. */
  readonly name: string | null;
  /** Modules that are imported under computed names; `plugins.*` for all below a package. */
  readonly extra: readonly string[];
}

export interface Broken {
  readonly path: string;
  readonly broken: BrokenFile;
}

interface Pending {
  readonly file: string;
  readonly importedBy: string | null;
  /** The package that its relative imports start from; `null` where it has none. */
  readonly package: readonly string[] | null;
}

/** Modules that pipe itself brings. */
const OWN = new Set(['pipe_stage']);

export async function walkImports(
  search: ModuleSearch,
  start: Start,
  sources: WalkSources,
): Promise<Result<Walk, Broken>> {
  const files = new Map<string, WalkedFile>();
  const binaries = new Map<string, {digest: Digest; importedBy: string}>();
  const installed = new Set<string>();
  const missing = new Set<string>();
  const seen = new Set([start.file]);
  let pending: Pending[] = [
    {file: start.file, importedBy: null, package: start.name?.split('.').slice(0, -1) ?? null},
  ];

  /** Everything that importing `dotted` runs; the answer is what it leads to. */
  const follow = (dotted: readonly string[], by: string): Found => {
    const [top = '', ...rest] = dotted;
    if (OWN.has(top)) return {where: 'standard'};
    let found = search.top(top);
    if (found.where === 'installed') installed.add(top);
    if (found.where === 'nowhere') missing.add(top);
    const names = [top];
    take(found, names, by);
    for (const name of rest) {
      if (found.where !== 'project') return found;
      found = search.inside(found.places, name);
      names.push(name);
      take(found, names, by);
    }
    return found;
  };

  const take = (found: Found, names: readonly string[], by: string): void => {
    if (found.where !== 'project' || found.file === null || seen.has(found.file)) return;
    seen.add(found.file);
    if (!found.file.endsWith('.py')) {
      const digest = sources.digestFile(found.file);
      if (digest !== undefined) binaries.set(found.file, {digest, importedBy: by});
      return;
    }
    const isPackage = found.places.length > 0;
    pending.push({file: found.file, importedBy: by, package: isPackage ? [...names] : names.slice(0, -1)});
  };

  /** Every module below a package. */
  const followAll = (dotted: readonly string[], by: string): void => {
    const found = follow(dotted, by);
    if (found.where !== 'project') return;
    for (const name of search.namesIn(found.places)) {
      const inner = follow([...dotted, name], by);
      if (inner.where === 'project' && inner.places.length > 0) followAll([...dotted, name], by);
    }
  };

  /** Star imports wait for the file that they name: its `__all__` may list modules. */
  const stars: Array<{readonly dotted: readonly string[]; readonly by: string}> = [];

  const followFact = ([module, names, level]: ImportFact, {file, package: own}: Pending): void => {
    const base = level === 0 ? [] : startOf(own, level);
    if (base === undefined) return;
    const dotted = [...base, ...(module === '' ? [] : module.split('.'))];
    if (dotted.length === 0) return;
    const found = follow(dotted, file);
    if (found.where !== 'project' || names === null) return;
    for (const name of names) {
      if (name === '*') stars.push({dotted, by: file});
      // A module of that name, if there is one; else it is something that the package defines.
      else if (search.inside(found.places, name).where === 'project') follow([...dotted, name], file);
    }
  };

  // The packages around the stage are run before it.
  if (start.name !== null) follow(start.name.split('.'), start.file);
  for (const name of start.extra) {
    const dotted = name.replace(/\.\*$/, '').split('.');
    if (name.endsWith('.*')) followAll(dotted, start.file);
    else follow(dotted, start.file);
  }
  while (pending.length > 0) {
    const wave = pending;
    pending = [];
    const facts = await sources.factsOf(wave.map(({file}) => file));
    for (const [index, each] of wave.entries()) {
      const said = facts[index];
      if (said === undefined) continue;
      if (isBroken(said)) return err({path: each.file, broken: said});
      files.set(each.file, {facts: said, importedBy: each.importedBy});
    }
    for (const each of wave) {
      for (const fact of files.get(each.file)?.facts.imports ?? []) followFact(fact, each);
    }
    for (const star of stars.splice(0)) {
      const {dotted, by} = star;
      const found = follow(dotted, by);
      if (found.where !== 'project' || found.file === null) continue;
      const exported = files.get(found.file)?.facts.exported;
      if (exported === undefined) stars.push(star);
      for (const name of exported ?? []) {
        if (search.inside(found.places, name).where === 'project') follow([...dotted, name], by);
      }
    }
  }
  return ok({files, binaries, installed, missing});
}

/** Where a relative import starts; `undefined` beyond the top. */
function startOf(own: readonly string[] | null, level: number): readonly string[] | undefined {
  if (own === null) return undefined;
  const depth = own.length - (level - 1);
  return depth <= 0 ? undefined : own.slice(0, depth);
}

/** The dotted name of a file below a root; `null` where a part of its path is no name. */
export function dottedName(root: string, file: string): string | null {
  const parts = relative(root, file).replace(/\.py$/, '').split(/[\\/]/);
  if (parts.at(-1) === '__init__') parts.pop();
  return parts.length > 0 && parts.every(part => /^[^\W\d]\w*$/u.test(part)) ? parts.join('.') : null;
}

/** The deepest of these folders that holds the file. */
export const deepestRoot = (roots: readonly string[], file: string): string | undefined =>
  roots
    .filter(root => file.startsWith(`${root}/`))
    .sort((a, b) => b.length - a.length)
    .at(0);

export const folderOf = (file: string): string => dirname(file);
