// The code digest of a stage module: the digest of its bundle. While no source and no package has changed, the answer
// of last time is given without loading esbuild; a new comment bundles anew and gives the same digest.

import {dirname, relative, resolve, sep} from 'node:path';
import type {Diagnostic} from '../core/diagnostic.ts';
import {type Digest, digestBytes, digestJson} from '../core/digest.ts';
import {byCodeUnit} from '../core/json.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {Bundle} from './bundle.ts';
import {findPackage, type PackageTree, readPackageTree} from './installed-packages.ts';
import type {CodePackage, CodeStore, StageCode} from './stage-code.ts';
import {areUnchanged, digestListing, type Witnesses} from './witnesses.ts';

export class CodeDigester {
  readonly #project: string;
  readonly #pipeRoot: string;
  readonly #store: CodeStore;
  readonly #underWay = new Map<string, Promise<Result<StageCode, readonly Diagnostic[]>>>();

  readonly #onNotices: (notices: readonly string[]) => void;

  /**
   * `project` and `pipeRoot` (the folder of this package) are absolute. `onNotices` hears what could not be followed,
   * whenever a module is bundled: once for each state of its sources.
   */
  constructor(
    project: string,
    pipeRoot: string,
    store: CodeStore,
    onNotices: (notices: readonly string[]) => void,
  ) {
    this.#onNotices = onNotices;
    this.#project = project;
    this.#pipeRoot = pipeRoot;
    this.#store = store;
  }

  /** `module`: absolute path. Mistakes in the sources are diagnostics with a place. */
  async digest(module: string): Promise<Result<StageCode, readonly Diagnostic[]>> {
    const known = this.recall(module);
    if (known !== undefined) return ok(known);
    const started = this.#underWay.get(module);
    if (started !== undefined) return started;
    const bundling = this.#bundle(module).finally(() => this.#underWay.delete(module));
    this.#underWay.set(module, bundling);
    return bundling;
  }

  /** The answer of last time, if nothing that made it has changed. Synchronous: a stat per source and manifest. */
  recall(module: string): StageCode | undefined {
    const code = this.#store.recall(this.#shown(module));
    if (code === undefined) return undefined;
    const digestFile = (path: string): Digest | undefined => this.#store.digestFile(path);
    for (const [path, file] of Object.entries(code.files)) {
      if (digestFile(resolve(this.#project, path)) !== file.digest) return undefined;
    }
    if (!areUnchanged(code.witnesses, this.#project, digestFile)) return undefined;
    for (const [link, {name, folder}] of Object.entries(code.links)) {
      // One that was not installed may be by now.
      const from = link.startsWith('@pipe/') ? this.#pipeRoot : dirname(module);
      if (folder === null && findPackage(name, from) !== undefined) return undefined;
    }
    return this.#store.hasArtifact(code.bundle) && this.#store.hasArtifact(code.maps) ? code : undefined;
  }

  /** Bundles anew what the store has lost; `undefined` where that gives other code than before. */
  async restore(module: string, code: StageCode): Promise<StageCode | undefined> {
    const bundled = await this.#bundle(module);
    return bundled.ok && bundled.value.code === code.code ? bundled.value : undefined;
  }

  async #bundle(module: string): Promise<Result<StageCode, readonly Diagnostic[]>> {
    const {bundleModule} = await import('./bundle.ts');
    const bundled = await bundleModule(module, this.#project, this.#pipeRoot);
    if (!bundled.ok) return bundled;
    const {chunks, files, notices} = bundled.value;
    const bundle = this.#store.putFolder(new Map(chunks.map(({name, text}) => [name, Buffer.from(text)])));
    if (!bundle.ok) return err([bundle.error]);
    const maps = this.#store.putFolder(
      new Map(chunks.map(({name, map}) => [`${name}.map`, Buffer.from(map)])),
    );
    if (!maps.ok) return err([maps.error]);
    const links = linksOf(bundled.value);
    const tree = this.#packageTree(bundled.value);
    const code: StageCode = {
      module: this.#shown(module),
      code: digestJson('bundle', Object.fromEntries(chunks.map(({name, text}) => [name, digestBytes(text)]))),
      packages: versionsOf(links, tree),
      bundle: bundle.value,
      maps: maps.value,
      links,
      files,
      witnesses: this.#witnessesOf(bundled.value, tree),
      notices,
    };
    this.#store.keep(code);
    if (notices.length > 0) this.#onNotices(notices);
    return ok(code);
  }

  #packageTree({packages}: Bundle): PackageTree {
    const roots = [...packages.values()].flatMap(({folder}) => (folder === null ? [] : [folder]));
    return readPackageTree(roots, this.#project, path => this.#store.digestFile(path));
  }

  #witnessesOf({candidates, manifests, patterns}: Bundle, tree: PackageTree): Witnesses {
    const paths = [...candidates, ...manifests, ...tree.witnesses];
    return {
      files: Object.fromEntries(
        paths.map(path => [this.#shown(path), this.#store.digestFile(path) ?? null]).sort(byName),
      ),
      listings: Object.fromEntries(patterns.map(pattern => [pattern, digestListing(pattern, this.#project)])),
      folders: Object.fromEntries([...tree.linked].map(([folder, digest]) => [this.#shown(folder), digest])),
    };
  }

  #shown(path: string): string {
    return relative(this.#project, path).split(sep).join('/');
  }
}

const byName = (a: readonly unknown[], b: readonly unknown[]): number =>
  byCodeUnit(String(a[0]), String(b[0]));

const linksOf = ({packages}: Bundle): Record<string, CodePackage> =>
  Object.fromEntries([...packages].sort(byName));

/** By the package's own name; several versions of one are all said. */
function versionsOf(
  links: Readonly<Record<string, CodePackage>>,
  {versions}: PackageTree,
): Record<string, string> {
  const said = new Map([...versions].map(([name, all]) => [name, [...all].sort(byCodeUnit).join(', ')]));
  for (const {name, version, folder} of Object.values(links)) {
    if (folder === null) said.set(name, said.get(name) ?? version);
  }
  return Object.fromEntries([...said].sort(byName));
}
