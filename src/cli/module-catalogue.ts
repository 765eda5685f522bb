// Declarations of stage modules for the planner: found, read, or what is wrong with them as a diagnostic at the `uses`
// that names them.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {assertNever, err, ok, type Result} from '../core/result.ts';
import type {Span} from '../core/source.ts';
import type {LoadFailure} from '../exec/declaration-protocol.ts';
import {type Catalogue, type LoadedStage, unknownStageModule} from '../plan/catalogue.ts';
import type {Code} from './code.ts';
import {type DeclarationProblem, type Declarations, describeLoadFailure} from './declarations.ts';
import {isPython} from './python.ts';
import {findStageModule, type StageFolders, stageModuleNames} from './stage-modules.ts';

/** In what language a stage module is written: decides who reads its declaration. */
type ModuleKind = 'typescript' | 'python';

const kindOf = (path: string): ModuleKind => (isPython(path) ? 'python' : 'typescript');

export class ModuleCatalogue implements Catalogue {
  readonly #folders: StageFolders;
  readonly #code: Code;
  readonly #declarations: Declarations;
  /** Absolute path by what `uses` says: everything that was found. */
  readonly found = new Map<string, string>();

  constructor(folders: StageFolders, code: Code, declarations: Declarations) {
    this.#folders = folders;
    this.#code = code;
    this.#declarations = declarations;
  }

  async load(uses: string, span: Span): Promise<Result<LoadedStage, Diagnostic>> {
    const path = findStageModule(uses, this.#folders);
    if (path === undefined) return err(this.#missing(uses, span));
    this.found.set(uses, path);
    const kind = kindOf(path);
    switch (kind) {
      case 'typescript': {
        const read = await this.#declarations.read(path);
        if (!read.ok) return err(problemAt(uses, span, read.error));
        const {declaration, check} = read.value;
        return ok({uses, path, declaration, ...(check !== undefined && {check})});
      }
      case 'python':
        return this.#loadPython(uses, path, span);
      default:
        return assertNever(kind);
    }
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

function problemAt(uses: string, span: Span, problem: DeclarationProblem): Diagnostic {
  switch (problem.kind) {
    case 'sources':
      return brokenModule(uses, span, problem.mistakes);
    case 'load':
      return loadMistake(uses, span, problem.failure);
    case 'store':
      return mistake('broken-module', `${uses} cannot be loaded: ${problem.message}`, span);
    default:
      return assertNever(problem);
  }
}

function loadMistake(uses: string, span: Span, failure: LoadFailure): Diagnostic {
  if (failure.reason === 'unfit') {
    const hint = 'a stage module ends in `export default defineStage({about, params, inputs, outputs, run})`';
    return mistake('no-declaration', `${uses}: expected ${failure.problem}`, span, {hint});
  }
  const hint = 'a declaration must load without side effects; import heavy packages inside run()';
  return mistake('broken-module', `${uses} ${describeLoadFailure(failure)}`, span, {hint});
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
