// The code digest of a stage module: the digest of its bundle. While no source and no package has changed, the answer
// of last time is given without loading esbuild; a new comment bundles anew and gives the same digest.

import {dirname, join, relative, sep} from 'node:path';
import type {Diagnostic} from '../core/diagnostic.ts';
import {digestBytes, digestJson} from '../core/digest.ts';
import {byCodeUnit} from '../core/json.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {Bundle} from './bundle.ts';
import type {CodePackage, CodeStore, StageCode} from './stage-code.ts';

export class CodeDigester {
  readonly #project: string;
  readonly #pipeRoot: string;
  readonly #store: CodeStore;
  readonly #underWay = new Map<string, Promise<Result<StageCode, readonly Diagnostic[]>>>();

  /** `project` and `pipeRoot` (the folder of this package) are absolute. */
  constructor(project: string, pipeRoot: string, store: CodeStore) {
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

  /** The answer of last time, if nothing that made it has changed. Synchronous: a stat per source. */
  recall(module: string): StageCode | undefined {
    const code = this.#store.recall(this.#shown(module));
    if (code === undefined) return undefined;
    for (const [path, file] of Object.entries(code.files)) {
      if (this.#store.digestFile(join(this.#project, path)) !== file.digest) return undefined;
    }
    for (const [link, {name, folder, digest}] of Object.entries(code.links)) {
      if (folder !== null && this.#store.digestFile(join(folder, 'package.json')) !== digest)
        return undefined;
      // One that was not installed may be by now.
      const from = link.startsWith('@pipe/') ? this.#pipeRoot : dirname(module);
      if (folder === null && this.#finds(name, from)) return undefined;
    }
    return this.#store.hasArtifact(code.bundle) && this.#store.hasArtifact(code.maps) ? code : undefined;
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
    const links = this.#linksOf(bundled.value);
    const code: StageCode = {
      module: this.#shown(module),
      code: digestJson('bundle', Object.fromEntries(chunks.map(({name, text}) => [name, digestBytes(text)]))),
      packages: versionsOf(links),
      bundle: bundle.value,
      maps: maps.value,
      links,
      files,
      notices,
    };
    this.#store.keep(code);
    return ok(code);
  }

  #linksOf({packages}: Bundle): Record<string, CodePackage> {
    const sorted = [...packages].sort((a, b) => byCodeUnit(a[0], b[0]));
    return Object.fromEntries(
      sorted.map(([link, found]) => {
        const manifest = found.folder === null ? null : join(found.folder, 'package.json');
        return [
          link,
          {...found, digest: manifest === null ? null : (this.#store.digestFile(manifest) ?? null)},
        ];
      }),
    );
  }

  #finds(name: string, from: string): boolean {
    for (let folder = from; ; folder = dirname(folder)) {
      if (this.#store.digestFile(join(folder, 'node_modules', name, 'package.json')) !== undefined)
        return true;
      if (folder === dirname(folder)) return false;
    }
  }

  #shown(module: string): string {
    return relative(this.#project, module).split(sep).join('/');
  }
}

/** By the package's own name; by its name in the bundle where two versions of it are in use. */
function versionsOf(links: Readonly<Record<string, CodePackage>>): Record<string, string> {
  const versions = new Map<string, string>();
  for (const [link, {name, version}] of Object.entries(links)) {
    const other = versions.get(name);
    versions.set(other === undefined || other === version ? name : link, version);
  }
  return Object.fromEntries([...versions].sort((a, b) => byCodeUnit(a[0], b[0])));
}
