// What the author of a pipeline wrote: read, named and placed, with `${name}` resolved, nothing expanded yet.
// A spec with mistakes is still a spec, so that the planner can add those that it finds and all come at once.

import type {Diagnostic} from '../core/diagnostic.ts';
import type {JsonObject} from '../core/json.ts';
import type {Located, SourceFile, Span} from '../core/source.ts';
import type {MapNode, Node, ScalarNode} from './tree.ts';

export interface PipelineSpec {
  readonly file: SourceFile;
  readonly name: string;
  readonly about: string;
  /** Effective parameters: defaults, then the profile, then `--set`. */
  readonly params: JsonObject;
  /** Parameters without `--set`. */
  readonly plain: JsonObject;
  /** The defaults as written, for completion and for people. */
  readonly defaults: MapNode;
  /** Parameters that no stage refers to. */
  readonly unused: readonly Located<string>[];
  readonly profiles: readonly string[];
  /** The profile that was asked for; `null` for none. */
  readonly profile: string | null;
  readonly stages: ReadonlyMap<string, StageSpec>;
  /** Everything that is wrong so far; `planPipeline` gives these back together with its own. */
  readonly mistakes: readonly Diagnostic[];
}

export interface StageSpec {
  readonly name: Located<string>;
  readonly about: string;
  /** `null` where the file does not say it as it must. */
  readonly work: WorkSpec | null;
  readonly inputs: ReadonlyMap<string, InputSpec>;
  /** `with`, by parameter. */
  readonly values: ReadonlyMap<string, ValueSpec>;
  /** `with: {from: …}`: files whose JSON objects give parameters. */
  readonly choosers: readonly Located<Reference>[];
  readonly matrix: MatrixSpec;
  readonly files: readonly Located<string>[];
  /** `null` where nothing is said. */
  readonly outputs: readonly OutputSpec[] | null;
  readonly env: readonly EnvironmentSpec[];
  /** Stages that come first, and give it nothing. */
  readonly after: readonly Located<Reference>[];
  readonly resources: {
    readonly cpus: number;
    readonly memory: number;
    readonly gpu: number | 'optional';
    /** The executor that it goes to; `null` for that of the run. */
    readonly pool: Located<string> | null;
  };
  /** Where `gpu` says how many. */
  readonly gpuSpan: Span | null;
  readonly timeoutMs: number | null;
  readonly retries: {readonly times: number; readonly backoffMs: number};
  readonly checkpoint: boolean;
  /** `project`: works in the project's folder instead of an input root of its own. */
  readonly sandbox: 'closed' | 'project';
  readonly publish: Located<string> | null;
  /** Outputs whose bytes go when all that takes them is done; `null` where all stay. */
  readonly temporary: TemporarySpec | null;
  readonly isVolatile: boolean;
  /** Keeps the result that it has. */
  readonly isFrozen: boolean;
  readonly salt: string | null;
  /** True if something in it is wrong and reported: it takes part in no expansion. */
  readonly isBroken: boolean;
}

export interface TemporarySpec {
  readonly span: Span;
  readonly outputs: 'all' | readonly Located<string>[];
}

/** A variable of the environment; one that is written `NAME?` may be unset. */
export interface EnvironmentSpec extends Located<string> {
  readonly isOptional: boolean;
  /** Its value is written nowhere. */
  readonly isSecret: boolean;
}

export type WorkSpec =
  | {readonly kind: 'module'; readonly uses: Located<string>}
  | {readonly kind: 'shell'; readonly command: Located<string>; readonly code: readonly Located<string>[]};

export interface ValueSpec {
  readonly name: Located<string>;
  readonly node: Node;
}

/** `stage`, or `stage.output`. */
export interface Reference {
  readonly stage: string;
  readonly output: string | null;
}

export type InputSpec = {readonly name: Located<string>} & (
  | {readonly kind: 'one'; readonly from: Located<Reference>}
  /** `{each: stage}`, or a list whose items are single references or gathers. */
  | {readonly kind: 'each'; readonly items: readonly InputItem[]; readonly isList: boolean}
);

export interface InputItem {
  readonly kind: 'one' | 'each';
  readonly from: Located<Reference>;
}

export type MatrixSpec =
  | {readonly kind: 'none'}
  /** A union of products; one product is a list of one. */
  | {readonly kind: 'products'; readonly products: readonly ProductSpec[]}
  | {readonly kind: 'from'; readonly from: Located<Reference>};

export interface ProductSpec {
  readonly axes: readonly AxisSpec[];
  readonly exclude: readonly ExcludeSpec[];
}
export interface AxisSpec {
  readonly name: Located<string>;
  readonly values: readonly ScalarNode[];
}
/** A partial cell: every cell that agrees with it is left out. */
export type ExcludeSpec = readonly {readonly axis: Located<string>; readonly value: ScalarNode}[];

export interface OutputSpec {
  readonly name: string;
  readonly kind: 'file' | 'folder';
  readonly path: Located<string>;
}

/** Every stage that this one waits for, in written order, with the place where it says so. */
export function* referencesOf(stage: StageSpec): Generator<Located<Reference>> {
  if (stage.matrix.kind === 'from') yield stage.matrix.from;
  for (const input of stage.inputs.values()) {
    if (input.kind === 'one') yield input.from;
    else for (const item of input.items) yield item.from;
  }
  yield* stage.choosers;
  yield* stage.after;
}
