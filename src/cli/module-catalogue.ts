// Declarations of stage modules: found, bundled as they will run, imported. What is wrong with a module is a
// diagnostic at the `uses` that names it.

import {pathToFileURL} from 'node:url';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {Span} from '../core/source.ts';
import {type Catalogue, type LoadedStage, unknownStageModule} from '../plan/catalogue.ts';
import type {StageDefinition} from '../stage/define.ts';
import type {Code} from './code.ts';
import {isPython} from './python.ts';
import {findStageModule, type StageFolders, stageModuleNames} from './stage-modules.ts';

export class ModuleCatalogue implements Catalogue {
  readonly #folders: StageFolders;
  readonly #code: Code;
  /** Absolute path by what `uses` says: everything that was found. */
  readonly found = new Map<string, string>();

  constructor(folders: StageFolders, code: Code) {
    this.#folders = folders;
    this.#code = code;
  }

  async load(uses: string, span: Span): Promise<Result<LoadedStage, Diagnostic>> {
    const path = findStageModule(uses, this.#folders);
    if (path === undefined) return err(this.#missing(uses, span));
    this.found.set(uses, path);
    if (isPython(path)) return this.#loadPython(uses, path, span);
    const code = await this.#code.digest(path);
    if (!code.ok) return err(brokenModule(uses, span, code.error));
    const entry = await this.#code.entryOfModule(code.value, path);
    if (!entry.ok) return err(mistake('broken-module', `${uses} cannot be loaded`, span));
    let module: unknown;
    try {
      module = await import(pathToFileURL(entry.value).href);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const hint = 'a declaration must load without side effects; import heavy packages inside run()';
      return err(mistake('broken-module', `${uses} fails while it is loaded: ${message}`, span, {hint}));
    }
    const exported: unknown =
      typeof module === 'object' && module !== null ? Reflect.get(module, 'default') : undefined;
    const problem = problemOf(exported);
    if (problem === undefined && isDefinition(exported)) return ok({uses, path, declaration: exported});
    const hint = 'a stage module ends in `export default defineStage({about, params, inputs, outputs, run})`';
    return err(mistake('no-declaration', `${uses}: expected ${problem}`, span, {hint}));
  }

  async #loadPython(uses: string, path: string, span: Span): Promise<Result<LoadedStage, Diagnostic>> {
    const code = await this.#code.python.digest(path);
    if (!code.ok) return err(unreadablePython(uses, span, code.error));
    const {declarationOf} = await import('../python/declaration.ts');
    try {
      return ok({uses, path, declaration: declarationOf(code.value.declaration)});
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return err(
        mistake('bad-module', `${uses} declares parameters that cannot be checked: ${message}`, span),
      );
    }
  }

  async names(): Promise<readonly string[]> {
    return stageModuleNames(this.#folders);
  }

  #missing(uses: string, span: Span): Diagnostic {
    if (!uses.includes('/')) return unknownStageModule(uses, stageModuleNames(this.#folders), span);
    return mistake('unknown-module', `expected a stage module, but there is no file ${uses}`, span, {
      hint: 'paths are relative to the project',
    });
  }
}

/** Mistakes in the sources of a module, as notes to the place that uses it. */
function brokenModule(uses: string, span: Span, mistakes: readonly Diagnostic[]): Diagnostic {
  const notes = mistakes.flatMap(({message, span: place}) =>
    place === undefined ? [] : [{message, span: place}],
  );
  const [first] = mistakes;
  const said = notes.length > 0 || first === undefined ? '' : `: ${first.message}`;
  return mistake('broken-module', `${uses} cannot be bundled${said}`, span, {notes, hint: first?.hint});
}

/** What is wrong with a Python stage: in the file itself where there is a place, else where the pipeline names it. */
function unreadablePython(uses: string, span: Span, mistakes: readonly Diagnostic[]): Diagnostic {
  const [first] = mistakes;
  if (first === undefined) throw new Error('Internal error: a stage without mistakes');
  if (first.span === undefined) return {...first, span};
  const notes = [{message: first.message, span: first.span}];
  return mistake('broken-module', `${uses} cannot be read`, span, {notes, hint: first.hint});
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** What a default export lacks to be a stage definition; `undefined` if it is one. */
function problemOf(value: unknown): string | undefined {
  if (value === undefined) return 'a default export, got none';
  if (!isObject(value)) return `a stage definition as its default export, got ${typeof value}`;
  const params: unknown = Reflect.get(value, 'params');
  if (!isObject(params) || Reflect.get(params, 'type') !== 'object') return '`params` to be z.object({…})';
  if (typeof Reflect.get(value, 'run') !== 'function') return '`run` to be a function';
  return (
    problemIn(value, 'inputs', isArity, "'one', 'optional' or 'each'") ??
    problemIn(value, 'outputs', isOutput, "'file', 'folder' or {kind, name}")
  );
}

function problemIn(
  value: object,
  part: string,
  isRight: (declared: unknown) => boolean,
  expected: string,
): string | undefined {
  const declared: unknown = Reflect.get(value, part);
  if (!isObject(declared)) return `\`${part}\` to be an object; {} for none`;
  const wrong = Object.entries(declared).find(([, each]) => !isRight(each));
  if (wrong === undefined) return undefined;
  return `${expected} for \`${part}.${wrong[0]}\`, got ${JSON.stringify(wrong[1])}`;
}

const isArity = (value: unknown): boolean => value === 'one' || value === 'optional' || value === 'each';
const isKind = (value: unknown): boolean => value === 'file' || value === 'folder';
const isOutput = (value: unknown): boolean =>
  isKind(value) ||
  (isObject(value) && isKind(Reflect.get(value, 'kind')) && typeof Reflect.get(value, 'name') === 'string');

const isDefinition = (value: unknown): value is StageDefinition => problemOf(value) === undefined;
