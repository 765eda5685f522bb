// What a stage module is: a declaration (parameters, inputs, outputs) and the function that does the work.
// This is all that stage modules may import from `src`, beside the engine. A declaration must load quickly:
// heavy packages are imported inside `run`.

import type {z} from 'zod';
import type {Json, JsonObject} from '../core/json.ts';
import type {Metrics} from '../core/metric.ts';

export {z} from 'zod';

/** How many producers an input takes: exactly one, none or one, or every instance of a gather (or a list). */
export type InputArity = 'one' | 'optional' | 'each';

/** What an output is. With `name`, the file or folder is called so; without, it is called as the output. */
export type OutputKind = 'file' | 'folder';
export type OutputDeclaration = OutputKind | {readonly kind: OutputKind; readonly name: string};

export type Scalar = string | number | boolean | null;
/** One choice per axis. */
export type Cell = Readonly<Record<string, Scalar>>;

/** Which result an input is: the instance that made it, and the fingerprint of its action. */
export interface Origin {
  readonly instance: string;
  readonly fingerprint: string;
  /** What chose parameters of it, in the order of `with: {from: …}`. */
  readonly choosers: readonly {
    readonly instance: string;
    /** Its own parameters: of `select`, the metric that chose. */
    readonly params: JsonObject;
    /** One that is not finite by its name. */
    readonly metrics: Metrics;
  }[];
}

/** In what a run differs from its pipeline as it is written. */
export interface Study {
  readonly profile: string | null;
  /** Parameters of the pipeline that `--set` gave another value than the pipeline and the profile say. */
  readonly changed: readonly {readonly name: string; readonly plain: Json; readonly value: Json}[];
}

/** The files of one producer, as a stage sees them. They are read-only. */
export interface StageInput {
  /** A folder that holds the producer's outputs by their names; or the artifact itself for `in: {x: stage.output}`. */
  readonly path: string;
  /** Path of each output by its declared name. For `stage.output`, that one alone. */
  readonly files: Readonly<Record<string, string>>;
  /** Perhaps not finite. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The producer's cell: which choice of each axis made it. */
  readonly cell: Cell;
  /** For a stage that `traces`, and for no other. */
  readonly origin?: Origin;
}

type InputOf<A extends InputArity> = A extends 'one'
  ? StageInput
  : A extends 'optional'
    ? StageInput | undefined
    : readonly StageInput[];

/** A progress report. `done` of `total` in `unit`; `detail` is shown as it is: `loss 0.213, accuracy 94.1 %`. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly unit: string;
  readonly detail?: string;
}

/** Everything that a stage may use. No flags, environment or clock: what can change a result is in here. */
export interface StageContext<
  Params,
  Inputs extends Readonly<Record<string, InputArity>>,
  Outputs extends Readonly<Record<string, OutputDeclaration>>,
> {
  readonly params: Params;
  readonly inputs: {readonly [K in keyof Inputs]: InputOf<Inputs[K]>};
  /** Where to write each output. Parent folders exist; a folder output exists already and is empty. */
  readonly outputs: {readonly [K in keyof Outputs]: string};
  /** Files and folders of the project that the pipeline lists under `files`, as absolute paths by their written path. */
  readonly files: Readonly<Record<string, string>>;
  /** Records a metric; the last value of a name counts. One that is not finite is recorded as such. */
  readonly metric: (name: string, value: number) => void;
  readonly progress: (progress: Progress) => void;
  /** A line for the log of this instance. */
  readonly log: (line: string) => void;
  /**
   * A folder that survives a kill and is handed back to the next try of the same action; not part of the key,
   * dropped on success. `undefined` unless the pipeline says `checkpoint: true`, or there is a shorter result to go on
   * from.
   */
  readonly checkpoint: string | undefined;
  /**
   * The device granted: `choice` is what the key says, `gpus` are ids of the machine. `computed` says what the work was
   * really done on: it stands in the provenance, and one that is not the granted one fails the stage.
   */
  readonly device: {
    readonly choice: string;
    readonly gpus: readonly number[];
    readonly computed: (device: string) => void;
  };
  /** What of the machine can change bits, in words; `null` for a stage that is not `usesDevice`. It is in the key. */
  readonly platform: string | null;
  /** CPU slots granted: how many threads the stage may use. */
  readonly cpus: number;
  /** Where `download` looks before the network (`--mirror`); never part of the key: contents are checked by digest. */
  readonly mirror: string | undefined;
  /** For a stage that `traces`, and for no other. */
  readonly study?: Study;
  readonly signal: AbortSignal;
}

/**
 * How a result goes on from a shorter one: where the parameter has a smaller value and all else is equal, the result is
 * what this one passed through, and its output `from` holds what a checkpoint would hold then. The stage finds it in its
 * checkpoint folder, and must end in the bytes that it would have given without it.
 */
export interface Continues {
  /** A parameter that is a whole number, such as `epochs`. */
  readonly parameter: string;
  /** An output that is a folder; an empty one is nothing to go on from. */
  readonly from: string;
  /** Only where these parameters have these values: `{schedule: 'constant'}`. */
  readonly when?: Readonly<Record<string, Scalar>>;
}

export interface StageDefinition<
  Schema extends z.ZodObject = z.ZodObject,
  Inputs extends Readonly<Record<string, InputArity>> = Readonly<Record<string, InputArity>>,
  Outputs extends Readonly<Record<string, OutputDeclaration>> = Readonly<Record<string, OutputDeclaration>>,
> {
  /** One sentence for `pipe schema` and for people. */
  readonly about: string;
  readonly params: Schema;
  readonly inputs: Inputs;
  readonly outputs: Outputs;
  /** What an input or output holds, by its name: format, columns, keys. For `pipe stages` and the manual. */
  readonly holds?: {readonly [K in keyof Inputs | keyof Outputs]?: string};
  /** True where the device can change bits, so that the device is part of the key. Default false. */
  readonly usesDevice?: boolean;
  /**
   * True for a stage that says where its numbers come from, as tables do: it is told the origin of each input and in
   * what the run differs from its pipeline. Both are then part of its key, so that it also runs where a producer ran to
   * equal bytes. Default false.
   */
  readonly traces?: boolean;
  /** For a stage whose longer results go on from shorter ones that are in the cache. */
  readonly continues?: Continues;
  /**
   * Parameters whose values may be files of the project: one that begins with `./` is declared as if it stood under
   * `files`, so that its bytes are in the key, and a file that is not there is a mistake of the plan.
   */
  readonly fileParams?: readonly string[];
  /** True for a stage that keeps a folder from one try to the next without the pipeline saying so. Default false. */
  readonly checkpoint?: boolean;
  run(context: StageContext<z.output<Schema>, Inputs, Outputs>): Promise<void> | void;
}

/**
 * Declares a stage module; the module's default export. Returns its argument: the types do the work.
 *
 * A mistake of the user that only the data can show (a corrupt file, labels out of range) is reported with
 * `throw new StageError(message, hint)`; any other exception counts as a bug and keeps its stack trace.
 */
export const defineStage = <
  Schema extends z.ZodObject,
  const Inputs extends Readonly<Record<string, InputArity>>,
  const Outputs extends Readonly<Record<string, OutputDeclaration>>,
>(
  definition: StageDefinition<Schema, Inputs, Outputs>,
): StageDefinition<Schema, Inputs, Outputs> => definition;

/** A failure that its user can mend: shown as a message with a hint, without a stack trace. */
export class StageError extends Error {
  override readonly name = 'StageError';
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
