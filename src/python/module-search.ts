// Where Python finds a module: the rules of its own import system, over folders of the project, names of the standard
// library and folders of installed packages. It reads folders and no files, and remembers what it has looked at.

import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import {type Digest, digestBytes} from '../core/digest.ts';
import {byCodeUnit} from '../core/json.ts';
import {hasCode} from '../host/system-error.ts';

/** What a dotted name leads to. */
export type Found =
  /** `file`: what is run on import; `null` for a folder without `__init__`. `places`: where its submodules are. */
  | {readonly where: 'project'; readonly file: string | null; readonly places: readonly string[]}
  | {readonly where: 'installed'; readonly site: string}
  | {readonly where: 'standard'}
  | {readonly where: 'nowhere'};

export interface SearchPath {
  /** Absolute folders of the project, searched first. */
  readonly front: readonly string[];
  readonly stdlib: ReadonlySet<string>;
  readonly sites: readonly string[];
  /** Absolute folders of the project, searched after installed packages. */
  readonly back: readonly string[];
  readonly mapped: Readonly<Record<string, string>>;
}

const EXTENSION = /^([A-Za-z_]\w*)(?:\.(?:cpython|abi3|cp\d|pypy)[^.]*)?\.(?:so|pyd)$/;
const NAME = /^[^\W\d]\w*$/u;

/** What a folder holds that can be imported. */
interface Listing {
  readonly modules: ReadonlyMap<string, string>;
  readonly folders: ReadonlySet<string>;
}

export class ModuleSearch {
  readonly #path: SearchPath;
  readonly #listings = new Map<string, Listing>();
  readonly #tops = new Map<string, Found>();

  constructor(path: SearchPath) {
    this.#path = path;
  }

  /** The module that a top-level name means. */
  top(name: string): Found {
    const known = this.#tops.get(name);
    if (known !== undefined) return known;
    const found = this.#findTop(name);
    this.#tops.set(name, found);
    return found;
  }

  /** A module inside a package. */
  inside(places: readonly string[], name: string): Found {
    return this.#findIn(places, name) ?? {where: 'nowhere'};
  }

  /** All modules directly in these folders. */
  namesIn(places: readonly string[]): string[] {
    const names = new Set<string>();
    for (const place of places) {
      const {modules, folders} = this.#list(place);
      for (const name of [...modules.keys(), ...folders]) if (name !== '__init__') names.add(name);
    }
    return [...names].sort(byCodeUnit);
  }

  /** Folders of the project that were looked at, with a digest of what could be imported from them. */
  get looked(): ReadonlyMap<string, Digest> {
    const looked = new Map<string, Digest>();
    for (const folder of this.#listings.keys()) {
      if (!this.#path.sites.includes(folder)) looked.set(folder, digestListing(folder));
    }
    return looked;
  }

  #findTop(name: string): Found {
    const {front, stdlib, sites, back, mapped} = this.#path;
    const portions: string[] = [];
    for (const folder of front) {
      const found = this.#look(folder, name, portions);
      if (found !== undefined) return found;
    }
    if (stdlib.has(name)) return {where: 'standard'};
    let namespaceSite: string | undefined;
    for (const site of sites) {
      const {modules, folders} = this.#list(site);
      if (modules.has(name)) return {where: 'installed', site};
      if (!folders.has(name)) continue;
      if (this.#list(join(site, name), false).modules.has('__init__')) return {where: 'installed', site};
      namespaceSite ??= site;
    }
    for (const folder of back) {
      const found = this.#look(folder, name, portions);
      if (found !== undefined) return found;
    }
    if (portions.length > 0) return {where: 'project', file: null, places: portions};
    if (namespaceSite !== undefined) return {where: 'installed', site: namespaceSite};
    const target = mapped[name];
    if (target === undefined) return {where: 'nowhere'};
    if (target.endsWith('.py')) return {where: 'project', file: target, places: []};
    return this.#packageAt(target) ?? {where: 'project', file: null, places: [target]};
  }

  #findIn(places: readonly string[], name: string): Found | undefined {
    const portions: string[] = [];
    for (const place of places) {
      const found = this.#look(place, name, portions);
      if (found !== undefined) return found;
    }
    return portions.length > 0 ? {where: 'project', file: null, places: portions} : undefined;
  }

  /** A package or module of this folder; a folder without `__init__` is noted, since a module elsewhere wins over it. */
  #look(folder: string, name: string, portions: string[]): Found | undefined {
    const {modules, folders} = this.#list(folder);
    if (folders.has(name)) {
      const found = this.#packageAt(join(folder, name));
      if (found !== undefined) return found;
    }
    const file = modules.get(name);
    if (file !== undefined) return {where: 'project', file: join(folder, file), places: []};
    if (folders.has(name)) portions.push(join(folder, name));
    return undefined;
  }

  #packageAt(folder: string): Found | undefined {
    const init = this.#list(folder).modules.get('__init__');
    return init === undefined ? undefined : {where: 'project', file: join(folder, init), places: [folder]};
  }

  #list(folder: string, isKept = true): Listing {
    const known = this.#listings.get(folder);
    if (known !== undefined) return known;
    const modules = new Map<string, string>();
    const folders = new Set<string>();
    for (const entry of readNames(folder)) {
      if (entry.endsWith('/')) folders.add(entry.slice(0, -1));
      else {
        const name = entry.endsWith('.py') ? entry.slice(0, -3) : (EXTENSION.exec(entry)?.[1] ?? '');
        // Of both, Python takes the extension module.
        if (name !== '' && (!modules.has(name) || !entry.endsWith('.py'))) modules.set(name, entry);
      }
    }
    const listing = {modules, folders};
    if (isKept) this.#listings.set(folder, listing);
    return listing;
  }
}

/** Changes when something that can be imported comes or goes. */
export const digestListing = (folder: string): Digest => digestBytes(readNames(folder).join('\n'));

/** Names that matter to imports, sorted; folders end in `/`. Empty for what is not there. */
function readNames(folder: string): string[] {
  try {
    return readdirSync(folder, {withFileTypes: true})
      .flatMap(entry => {
        const {name} = entry;
        if (name.endsWith('.py') || EXTENSION.test(name)) return entry.isDirectory() ? [] : [name];
        const isFolder = entry.isDirectory() || entry.isSymbolicLink();
        return isFolder && NAME.test(name) && name !== '__pycache__' ? [`${name}/`] : [];
      })
      .sort(byCodeUnit);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}
