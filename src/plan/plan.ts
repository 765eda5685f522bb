// What will be run: every instance with its effective parameters, its producers and its limits.
// A plan is a value. It holds no spans, no templates and no pending defaults, and it can be written as JSON.

import type {JsonObject} from '../core/json.ts';
import type {Cell, Continues, OutputKind, Study} from '../stage/define.ts';

/** `train[optimizer=sam,seed=1]`; for people and as a key within one plan, never parsed. */
export type InstanceId = string & {readonly __instance: never};

/** Axes in the order in which they entered: inherited ones first, then the stage's own. */
export function instanceId(stage: string, cell: Cell): InstanceId {
  const axes = Object.entries(cell).map(([axis, value]) => `${axis}=${String(value)}`);
  return (axes.length === 0 ? stage : `${stage}[${axes.join(',')}]`) as InstanceId;
}

/** Where an input comes from: an instance, or one of its outputs. */
export interface Producer {
  readonly id: InstanceId;
  /** The output asked for by `stage.output`; `null` for all outputs and metrics together. */
  readonly output: string | null;
}

export type InputEdge =
  | {readonly kind: 'one'; readonly from: Producer}
  /** A gather or a list, in the producers' order. */
  | {readonly kind: 'each'; readonly from: readonly Producer[]};

export interface Variable {
  readonly name: string;
  /** It may be unset. */
  readonly isOptional: boolean;
  /** Its value is no part of the key, and is written nowhere; else a digest of it is in the key. */
  readonly isSecret: boolean;
}

/** A file whose JSON object gives parameters: `with: {from: …}`. */
export interface Chooser {
  readonly from: Producer;
  /** Names of the parameters that it gives; `null` until the file is there. */
  readonly gives: readonly string[] | null;
}

export interface OutputPlan {
  readonly kind: OutputKind;
  /** Relative to the instance's output folder; `.` is that folder itself. */
  readonly path: string;
}

export type Work =
  | {
      readonly kind: 'module';
      /** As the pipeline says it: `train`, `./stages/mine.ts`. */
      readonly uses: string;
      /** Absolute path of the module. */
      readonly path: string;
      readonly usesDevice: boolean;
      readonly traces: boolean;
      /** `null` for a stage whose results do not go on from one another. */
      readonly continues: Continues | null;
    }
  | {
      readonly kind: 'shell';
      readonly command: string;
      /** Globs, relative to the project, of the files that the command depends on. */
      readonly code: readonly string[];
    };

export interface Resources {
  /** Slots out of `--jobs`; the threads that the stage may use. */
  readonly cpus: number;
  /** Bytes, 0 where nothing is said. */
  readonly memory: number;
  readonly gpu: number | 'optional';
  /** The executor that it goes to, by its name in the settings; `null` for that of the run. */
  readonly pool: string | null;
}

export interface Instance {
  readonly id: InstanceId;
  readonly stage: string;
  readonly cell: Cell;
  readonly work: Work;
  /**
   * Effective parameters: checked, with defaults filled in. These are what is hashed. While a chooser has not given
   * its own (`isOpen`), those that are written.
   */
  readonly params: JsonObject;
  /** What gives parameters. It is waited for as inputs are, and is no part of the action: its values are. */
  readonly choosers: readonly Chooser[];
  readonly inputs: Readonly<Record<string, InputEdge>>;
  /** Files, folders and globs of the project that the stage reads, relative to the project. */
  readonly files: readonly string[];
  readonly outputs: Readonly<Record<string, OutputPlan>>;
  /** Environment variables that the stage may see. */
  readonly env: readonly Variable[];
  /** What comes first, and gives it nothing. */
  readonly after: readonly InstanceId[];
  readonly resources: Resources;
  readonly timeoutMs: number | null;
  readonly retries: {readonly times: number; readonly backoffMs: number};
  readonly checkpoint: boolean;
  /** `project`: it works in the project's folder, and so may read what it does not declare. */
  readonly sandbox: 'closed' | 'project';
  /** Where copies of the outputs go, relative to the project. */
  readonly publish: string | null;
  /** Outputs whose bytes go when all that takes them is done. */
  readonly temporary: readonly string[];
  /** Never served from the cache. */
  readonly isVolatile: boolean;
  /** Served from what it gave last, whatever has changed since. */
  readonly isFrozen: boolean;
  /** Changes the key and nothing else. */
  readonly salt: string | null;
}

/** Whether parameters of an instance are still to be chosen: it cannot run, and has no key yet. */
export const isOpen = ({choosers}: Pick<Instance, 'choosers'>): boolean =>
  choosers.some(({gives}) => gives === null);

/** A stage whose matrix is in a file that another instance makes; planned anew when that file is there. */
export interface PendingMatrix {
  readonly stage: string;
  readonly from: Producer;
  /** Stages that wait for this expansion, this one included, in plan order. */
  readonly holdsBack: readonly string[];
}

export interface Plan {
  readonly pipeline: string;
  readonly about: string;
  /** The pipeline file, relative to the project. */
  readonly file: string;
  readonly profile: string | null;
  /** Effective pipeline parameters, after profile and `--set`. */
  readonly params: JsonObject;
  readonly study: Study;
  /** In topological order; among equals, in written order. */
  readonly instances: readonly Instance[];
  readonly pending: readonly PendingMatrix[];
}
