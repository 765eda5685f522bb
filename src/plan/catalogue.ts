// Stage declarations by what `uses` says. The port is here; what bundles and imports modules is put in by the CLI,
// and tests put in definitions from memory.

import type {z} from 'zod';
import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Json, JsonObject} from '../core/json.ts';
import type {Result} from '../core/result.ts';
import type {Span} from '../core/source.ts';
import type {PipelineSpec} from '../spec/spec.ts';
import type {StageDeclaration} from '../stage/declaration.ts';

/** What a stage module says of parameters, where its schema does not say all. */
export type Checked =
  /** `strangers`: paths of values that JSON cannot hold. */
  | {readonly ok: true; readonly value: Json; readonly strangers: readonly string[]}
  | {readonly ok: false; readonly issues: readonly z.core.$ZodIssue[]};

export interface LoadedStage {
  /** As the pipeline says it. */
  readonly uses: string;
  /** Absolute path of the module. */
  readonly path: string;
  readonly declaration: StageDeclaration;
  /**
   * For a module whose schema does not say all: asks the module itself. `undefined` while the answer is not known;
   * the plan is then made by the schema alone, and again when it is.
   */
  readonly check?: (given: JsonObject) => Checked | undefined;
}

export interface Catalogue {
  /** The declaration of a stage module, or what is wrong with it, placed at `span` (see `unknownStageModule`). */
  load(uses: string, span: Span): Promise<Result<LoadedStage, Diagnostic>>;
  /** Names that `uses` may say without a path, for completion, schema and did-you-mean. */
  names(): Promise<readonly string[]>;
}

/** What `loadStages` found: the declarations, and one mistake for each `uses` that has none. */
export interface StageModules {
  readonly byUses: ReadonlyMap<string, LoadedStage>;
  readonly mistakes: readonly Diagnostic[];
}

/** Loads each stage module of a pipeline once; the first use of a missing one is where it is reported. */
export async function loadStages(spec: PipelineSpec, catalogue: Catalogue): Promise<StageModules> {
  const places = new Map<string, Span>();
  for (const {work} of spec.stages.values()) {
    if (work?.kind === 'module' && !places.has(work.uses.value)) places.set(work.uses.value, work.uses.span);
  }
  const byUses = new Map<string, LoadedStage>();
  const mistakes: Diagnostic[] = [];
  const loading = [...places].map(async ([uses, span]) => [uses, await catalogue.load(uses, span)] as const);
  for (const [uses, loaded] of await Promise.all(loading)) {
    if (loaded.ok) byUses.set(uses, loaded.value);
    else mistakes.push(loaded.error);
  }
  return {byUses, mistakes};
}

/** The mistake for a `uses` that names no stage module. */
export function unknownStageModule(uses: string, known: readonly string[], span: Span): Diagnostic {
  const near = closest(uses, known);
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : known.length > 0
        ? `known are ${known.join(', ')}; a path such as ./stages/mine.ts works as well`
        : 'give the path of a module, such as ./stages/mine.ts';
  return mistake('unknown-module', `expected a stage module, got '${uses}'`, span, {hint});
}
