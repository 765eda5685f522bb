// Declarations of stage modules: read once per state of the code in a process of their own, and kept, so that a plan,
// a completion or `pipe schema` starts no process while the code is known.

import type {StageCode} from '../action/stage-code.ts';
import type {Diagnostic} from '../core/diagnostic.ts';
import {type Digest, digestJson} from '../core/digest.ts';
import {isJsonObject, type Json, type JsonObject, parseJson} from '../core/json.ts';
import {assertNever, err, ok, type Result} from '../core/result.ts';
import type {CheckedParameters, LoadFailure} from '../exec/declaration-protocol.ts';
import {DeclarationReader} from '../exec/declaration-reader.ts';
import type {Checked} from '../plan/catalogue.ts';
import {describeFailure} from '../report/failure.ts';
import {
  type DeclarationData,
  declarationFormat,
  isDeclarationData,
  reviveDeclaration,
  type StageDeclaration,
} from '../stage/declaration.ts';
import type {Code} from './code.ts';
import type {Workspace} from './workspace.ts';

/** Why there is no declaration. */
export type DeclarationProblem =
  /** The sources cannot be bundled. */
  | {readonly kind: 'sources'; readonly mistakes: readonly Diagnostic[]}
  | {readonly kind: 'load'; readonly failure: LoadFailure}
  | {readonly kind: 'store'; readonly message: string};

export interface ReadDeclaration {
  readonly declaration: StageDeclaration;
  readonly check: ((given: JsonObject) => Checked | undefined) | undefined;
}

export class Declarations {
  readonly #code: Code;
  readonly #reader: DeclarationReader;
  /** Questions about parameters that wait for `settle`. */
  readonly #pending = new Map<Digest, Question>();

  constructor({code, project, env}: Workspace) {
    this.#code = code;
    this.#reader = new DeclarationReader({cwd: project, env});
  }

  /** `module`: absolute path. */
  async read(module: string): Promise<Result<ReadDeclaration, DeclarationProblem>> {
    const code = await this.#code.digest(module);
    if (!code.ok) return err({kind: 'sources', mistakes: code.error});
    const key = this.#keyOf(code.value, null);
    const kept = parseJson(this.#code.shelf.noted(key) ?? '');
    const known = isDeclarationData(kept) ? this.#revive(kept, code.value, module) : undefined;
    if (known !== undefined) return ok(known);
    const entry = await this.#code.entryOfModule(code.value, module);
    if (!entry.ok) return err({kind: 'store', message: describeFailure(entry.error)});
    const data = await this.#reader.declare(entry.value);
    if (!data.ok) return err({kind: 'load', failure: data.error});
    const read = this.#revive(data.value, code.value, module);
    if (read === undefined) throw new Error(`Internal error: the declaration of ${module} cannot be used`);
    this.#code.shelf.note(key, JSON.stringify(data.value));
    return ok(read);
  }

  /** Asks the modules what is still open. True if anything was: what was planned meanwhile is to be planned again. */
  async settle(): Promise<boolean> {
    const questions = [...this.#pending];
    this.#pending.clear();
    for (const [key, {code, module, given}] of questions) {
      const entry = await this.#code.entryOfModule(code, module);
      const answer = entry.ok ? await this.#reader.check(entry.value, [given]) : undefined;
      const [checked] = answer?.ok === true ? answer.value : [undefined];
      this.#code.shelf.note(key, JSON.stringify(checked ?? broken(answer)));
    }
    return questions.length > 0;
  }

  #revive(data: DeclarationData, code: StageCode, module: string): ReadDeclaration | undefined {
    const declaration = reviveDeclaration(data);
    if (declaration === undefined) return undefined;
    return {declaration, check: data.isExact ? undefined : given => this.#check(code, module, given)};
  }

  #check(code: StageCode, module: string, given: JsonObject): Checked | undefined {
    const key = this.#keyOf(code, given);
    const kept = parseJson(this.#code.shelf.noted(key) ?? '');
    if (isJsonObject(kept)) return kept as unknown as Checked;
    this.#pending.set(key, {code, module, given});
    return undefined;
  }

  #keyOf({code, packages}: StageCode, given: Json): Digest {
    return digestJson('declaration', [declarationFormat, code, packages, given]);
  }
}

interface Question {
  readonly code: StageCode;
  readonly module: string;
  readonly given: JsonObject;
}

/** A module that loaded a moment ago and fails now: the parameters cannot be said to be right. */
function broken(answer: Result<readonly CheckedParameters[], LoadFailure> | undefined): CheckedParameters {
  const why = answer === undefined || answer.ok ? 'gives no answer' : describeLoadFailure(answer.error);
  return {ok: false, issues: [{code: 'custom', path: [], message: `the stage module ${why}`}]};
}

/** A clause that follows the module's name. */
export function describeLoadFailure(failure: LoadFailure): string {
  switch (failure.reason) {
    case 'threw':
      return `fails while it is loaded: ${failure.message}`;
    case 'unfit':
      return `lacks a declaration: expected ${failure.problem}`;
    case 'unsettled':
      return 'never ends loading: a top-level await waits for something that cannot happen any more';
    case 'timed-out':
      return `is still loading after ${failure.afterMs / 1000} s, and was stopped`;
    case 'exited':
      return failure.signal === null
        ? `ends its process while it is loaded (exit code ${failure.code})`
        : `ends its process while it is loaded (${failure.signal})`;
    default:
      return assertNever(failure);
  }
}
