// The code of a Python stage: recalled while nothing that made it has changed, else read anew. Its digest covers what
// every module of the project says that the stage imports, and how the stage is entered.

import {existsSync, readFileSync} from 'node:fs';
import {dirname, join, relative, sep} from 'node:path';
import type {CodeFile} from '../action/stage-code.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {digestBytes, digestJson} from '../core/digest.ts';
import {byCodeUnit, canonicalJson, isJsonObject, type Json} from '../core/json.ts';
import {err, ok, type Result} from '../core/result.ts';
import {Analyser, analyserEnvironment} from './analyser.ts';
import {describeModule} from './describe-module.ts';
import {
  type BrokenFile,
  type DeclarationFact,
  type FileFacts,
  isBroken,
  READING,
  type SaidDeclaration,
} from './facts.ts';
import {deepestRoot, dottedName, type Walk, walkImports} from './import-walk.ts';
import {
  findPython,
  type Interpreter,
  identityOf,
  installationOf,
  keepInterpreter,
  type PythonChoice,
  recallInterpreter,
} from './interpreter.ts';
import {factsOf, type Questions} from './kept-facts.ts';
import {lostModules} from './lost-modules.ts';
import {digestListing, ModuleSearch} from './module-search.ts';
import {packagesOf} from './packages.ts';
import {placeInFile} from './python-place.ts';
import type {PythonCode, PythonEntry, PythonStore} from './python-store.ts';

export interface PythonOptions extends PythonChoice {
  /** Where pipe's own Python files are, absolute. */
  readonly folder: string;
  /** Further folders that hold modules, relative to the project: `python_path` of the configuration. */
  readonly path: readonly string[];
  readonly store: PythonStore;
  /** Told of what could not be followed when code is read anew. */
  readonly onNotice: (notice: string) => void;
}

type Failed<T> = Result<T, readonly Diagnostic[]>;

export class PythonDigester {
  readonly #options: PythonOptions;
  readonly #underWay = new Map<string, Promise<Failed<PythonCode>>>();
  #interpreter: Promise<Failed<Interpreter>> | undefined;
  #analyser: Analyser | undefined;

  constructor(options: PythonOptions) {
    this.#options = options;
  }

  /** `module`: absolute path of the stage's file. */
  digest(module: string): Promise<Failed<PythonCode>> {
    const started = this.#underWay.get(module);
    if (started !== undefined) return started;
    const digesting = this.#digest(module).finally(() => this.#underWay.delete(module));
    this.#underWay.set(module, digesting);
    return digesting;
  }

  /** The interpreter of this project, with what is known of it. */
  interpreter(): Promise<Failed<Interpreter>> {
    this.#interpreter ??= this.#findInterpreter();
    return this.#interpreter;
  }

  /** What the imports of a stage that was read elsewhere stand for with this project's interpreter. */
  async packagesHere(
    imports: Pick<PythonCode, 'installed' | 'missing'>,
  ): Promise<Failed<{readonly executable: string; readonly packages: PythonCode['packages']}>> {
    const found = await this.interpreter();
    if (!found.ok) return found;
    const {packages} = await packagesOf(imports, found.value, this.#questions(found.value));
    return ok({executable: found.value.executable, packages});
  }

  async #findInterpreter(): Promise<Failed<Interpreter>> {
    const {store, project, folder, env} = this.#options;
    const program = findPython(this.#options);
    if (!program.ok) return err([program.error]);
    const identity = identityOf(program.value, this.#options);
    const known = recallInterpreter(store, identity);
    if (known !== undefined) return ok(known);
    const analyser = new Analyser(program.value, folder, analyserEnvironment(env));
    let said: Json;
    try {
      said = await analyser.ask({ask: 'environment', project});
    } catch (error) {
      const hint = 'Python 3.9 or newer is needed; `python:` in pipe.config.yaml names another';
      return err([
        mistake('no-python', error instanceof Error ? error.message : String(error), undefined, {hint}),
      ]);
    }
    this.#analyser = analyser;
    const interpreter = said as unknown as Interpreter;
    keepInterpreter(store, identity, interpreter);
    store.save();
    return ok(interpreter);
  }

  async #digest(module: string): Promise<Failed<PythonCode>> {
    const found = await this.interpreter();
    if (!found.ok) return found;
    const interpreter = found.value;
    const key = canonicalJson([
      READING,
      this.#shown(module),
      installationOf(interpreter),
      [...this.#options.path],
    ]);
    const known = this.#recall(key);
    if (known !== undefined) return ok(known);
    const code = await this.#read(module, interpreter);
    if (!code.ok) return code;
    for (const notice of code.value.notices) this.#options.onNotice(notice);
    this.#options.store.keep('stage', key, code.value as unknown as Json);
    this.#options.store.keepManifest(code.value.code, code.value.files);
    this.#options.store.save();
    return code;
  }

  /** The answer of last time, if nothing that made it has changed: a stat per file and a listing per folder. */
  #recall(key: string): PythonCode | undefined {
    const {store, project} = this.#options;
    const kept = store.recall('stage', key);
    if (!isJsonObject(kept) || !isJsonObject(kept.files) || !isJsonObject(kept.folders)) return undefined;
    const code = kept as unknown as PythonCode;
    // Kept by an earlier version.
    if (!Array.isArray(kept.installed)) return undefined;
    for (const [path, file] of Object.entries(code.files)) {
      if (store.digestFile(join(project, path)) !== file.digest) return undefined;
    }
    for (const [path, digest] of Object.entries(code.folders)) {
      if (digestListing(join(project, path)) !== digest) return undefined;
    }
    return store.hasArtifact(code.sources) ? code : undefined;
  }

  async #read(module: string, interpreter: Interpreter): Promise<Failed<PythonCode>> {
    const [own] = await factsOf([module], interpreter.version, this.#questions(interpreter));
    if (own === undefined) throw new Error('Internal error: no facts of a stage');
    if (isBroken(own)) return err([this.#broken(module, own)]);
    const declared = this.#declarationOf(module, own);
    if (!declared.ok) return declared;
    const roots = this.#roots(interpreter);
    const root = deepestRoot(roots, module);
    const name = root === undefined ? null : dottedName(root, module);
    const back = [dirname(module)].filter(folder => !roots.includes(folder));
    const search = new ModuleSearch({
      front: roots,
      stdlib: new Set(interpreter.stdlib),
      sites: interpreter.sites,
      back,
      mapped: interpreter.mapped,
    });
    const extra = declared.value.imports;
    const walked = await walkImports(
      search,
      {file: module, name, extra},
      {
        factsOf: paths => factsOf(paths, interpreter.version, this.#questions(interpreter)),
        digestFile: path => this.#options.store.digestFile(path),
      },
    );
    if (!walked.ok) return err([this.#broken(walked.error.path, walked.error.broken)]);
    const entry: PythonEntry = {
      name,
      file: this.#shown(module),
      function: declared.value.function,
      front: roots.map(folder => this.#shown(folder)),
      back: back.map(folder => this.#shown(folder)),
    };
    const declaration = await this.#complete(module, declared.value, entry, interpreter);
    if (!declaration.ok) return declaration;
    return this.#assemble(module, interpreter, entry, declaration.value, walked.value, search);
  }

  async #assemble(
    module: string,
    interpreter: Interpreter,
    entry: PythonEntry,
    declaration: SaidDeclaration,
    walk: Walk,
    search: ModuleSearch,
  ): Promise<Failed<PythonCode>> {
    const {store, project} = this.#options;
    const files: Record<string, CodeFile> = {};
    const bytes = new Map<string, Uint8Array>();
    for (const [path, {facts, importedBy}] of walk.files) {
      const text = readFileSync(path);
      if (digestBytes(text) !== facts.digest) return this.#read(module, interpreter);
      bytes.set(this.#shown(path), text);
      files[this.#shown(path)] = {
        digest: facts.digest,
        meaning: facts.meaning,
        importedBy: importedBy === null ? null : this.#shown(importedBy),
        isBundled: true,
      };
    }
    for (const [path, {digest, importedBy}] of walk.binaries) {
      bytes.set(this.#shown(path), readFileSync(path));
      files[this.#shown(path)] = {
        digest,
        meaning: digest,
        importedBy: this.#shown(importedBy),
        isBundled: true,
      };
    }
    const {lock} = declaration;
    if (lock !== null) {
      const digest = store.digestFile(join(project, lock));
      if (digest === undefined) {
        return err([
          mistake('missing-file', `expected the lock file ${lock} that ${entry.file} names, found none`),
        ]);
      }
      files[lock] = {digest, meaning: digest, importedBy: entry.file, isBundled: true};
    }
    const sources = store.putFolder(bytes);
    if (!sources.ok) return err([sources.error]);
    const meanings = Object.fromEntries(Object.entries(files).map(([path, {meaning}]) => [path, meaning]));
    const {packages, notices} = await packagesOf(walk, interpreter, this.#questions(interpreter));
    return ok({
      module: entry.file,
      code: digestJson('python', {entry: entry as unknown as Json, meanings}),
      packages,
      interpreter: interpreter.executable,
      entry,
      sources: sources.value,
      files,
      folders: Object.fromEntries([...search.looked].map(([path, digest]) => [this.#shown(path), digest])),
      declaration,
      notices: [
        ...notices,
        ...lostModules(project, entry.file, walk.missing),
        ...computedNotices(walk, declaration, path => this.#shown(path)),
      ],
      installed: [...walk.installed].sort(byCodeUnit),
      missing: [...walk.missing].sort(byCodeUnit),
    });
  }

  /** Folders of the project that hold modules: the project, its `src`, what is configured, what is installed editable. */
  #roots({roots}: Interpreter): string[] {
    const {project, path} = this.#options;
    const src = join(project, 'src');
    const isLayout =
      existsSync(src) &&
      ['pyproject.toml', 'setup.py', 'setup.cfg'].some(name => existsSync(join(project, name)));
    const configured = path.map(folder => join(project, folder));
    return [...new Set([...configured, project, ...(isLayout ? [src] : []), ...roots])];
  }

  #declarationOf(module: string, facts: FileFacts): Failed<Exclude<DeclarationFact, {kind: 'mistake'}>> {
    const said = facts.declaration;
    const shown = this.#shown(module);
    if (said === undefined || said === null) {
      const hint = 'write `from pipe_stage import stage`, and `@stage` above the function that does the work';
      return err([
        mistake('no-declaration', `expected a function with @stage in ${shown}, found none`, undefined, {
          hint,
        }),
      ]);
    }
    if (said.kind !== 'mistake') return ok(said);
    const span = placeInFile(module, shown, said);
    return err([mistake('bad-declaration', said.message, span, {hint: said.hint ?? undefined})]);
  }

  /** Imports the module where its text alone does not say what it declares. */
  async #complete(
    module: string,
    declared: Exclude<DeclarationFact, {kind: 'mistake'}>,
    entry: PythonEntry,
    interpreter: Interpreter,
  ): Promise<Failed<SaidDeclaration>> {
    if (declared.kind === 'static') return ok(declared);
    const {folder, project, env} = this.#options;
    const described = await describeModule(
      {executable: interpreter.executable, folder, project, env: analyserEnvironment(env)},
      {...entry, function: declared.function},
    );
    if (described.ok) return described;
    const {message, hint, stack} = described.error;
    const more = stack === '' ? '' : `\n${stack}`;
    return err([
      mistake(
        'bad-declaration',
        `${this.#shown(module)} has to be imported for its declaration: ${message}${more}`,
        undefined,
        {hint},
      ),
    ]);
  }

  #questions(interpreter: Interpreter): Questions {
    return {store: this.#options.store, ask: question => this.#ask(interpreter, question)};
  }

  #ask(interpreter: Interpreter, question: Json): Promise<Json> {
    const {folder, env} = this.#options;
    this.#analyser ??= new Analyser(interpreter.executable, folder, analyserEnvironment(env));
    return this.#analyser.ask(question);
  }

  #broken(path: string, {error}: BrokenFile): Diagnostic {
    const {message, line, column} = error;
    const shown = this.#shown(path);
    const span = placeInFile(path, shown, {line, column, endLine: line, endColumn: column + 1});
    return mistake('stage-syntax', span === undefined ? `${shown}: ${message}` : message, span);
  }

  #shown(path: string): string {
    return relative(this.#options.project, path).split(sep).join('/');
  }
}

/** Said once, with the way to declare them, unless the stage declares such imports. */
function computedNotices(walk: Walk, {imports}: SaidDeclaration, shown: (path: string) => string): string[] {
  if (imports.length > 0) return [];
  return [...walk.files].flatMap(([path, {facts}]) =>
    facts.computed.map(
      ([line, by]) =>
        `${shown(path)}:${line} imports by a computed name (${by}), which cannot be followed: ` +
        'list such modules in @stage(imports=["plugins.*"])',
    ),
  );
}
