// Builds the action of an instance from the plan, the contents of its producers, and the state of code and files.
// Contents of artifacts are known by digest and never read here.

import type {Action, ActionInput, ActionResult, ActionWork, ProducerContent} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import type {Digest} from '../core/digest.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {InputEdge, Instance, InstanceId, Producer} from '../plan/plan.ts';
import type {FileProblem} from '../store/store.ts';
import {describeStoreError} from '../store/store-error.ts';
import type {Surroundings} from './request.ts';
import type {ModuleCode, Stores} from './stores.ts';

type Digests = Readonly<Record<string, Digest>>;
type Failed<T> = Result<T, StageFailure>;

/** What is known of an instance that has a result. */
export interface Made {
  readonly instance: Instance;
  readonly result: ActionResult;
}

export interface BuiltAction {
  readonly action: Action;
  /** For a module: the code to run. */
  readonly code: ModuleCode | null;
}

const NO_DIGESTS: Digests = {};

export class ActionBuilder {
  readonly #stores: Stores;
  readonly #surroundings: Surroundings;
  readonly #device: string;
  readonly #digests = new Map<string, Failed<Digests>>();
  readonly #code = new Map<string, Promise<Failed<ModuleCode>>>();

  constructor(stores: Stores, surroundings: Surroundings, device: string) {
    this.#stores = stores;
    this.#surroundings = surroundings;
    this.#device = device;
  }

  /** `madeBy` answers for every producer. Fails for what the plan names and the disk does not have. */
  async build(instance: Instance, madeBy: (id: InstanceId) => Made): Promise<Failed<BuiltAction>> {
    const files = this.#digestsOf(instance.files);
    if (!files.ok) return files;
    const work = await this.#workOf(instance);
    if (!work.ok) return work;
    const inputs: Record<string, ActionInput> = {};
    for (const [name, edge] of Object.entries(instance.inputs)) inputs[name] = inputOf(edge, madeBy);
    const action: Action = {
      format: 1,
      work: work.value.work,
      params: instance.params,
      inputs,
      files: files.value,
      outputs: instance.outputs,
      env: this.#environmentOf(instance),
      device: instance.work.kind === 'module' && instance.work.usesDevice ? this.deviceOf(instance) : null,
      salt: instance.salt,
    };
    return ok({action, code: work.value.code});
  }

  /** The device that an instance gets: what was asked for, where `auto` means the CPU for one that gets no GPU. */
  deviceOf(instance: Instance): string {
    if (this.#device !== 'auto') return this.#device;
    const {gpu} = instance.resources;
    const gets = gpu === 'optional' ? this.#surroundings.machine.gpus.length : gpu;
    return gets > 0 ? 'auto' : 'cpu';
  }

  /** The first declared file that is no longer what the action says, or `undefined`. */
  findChange(instance: Instance, action: Action): string | undefined {
    this.forgetFiles();
    const now = this.#digestsOf(instance.files);
    const changed = now.ok ? firstDifference(action.files, now.value) : Object.keys(action.files)[0];
    if (changed !== undefined) return changed;
    if (instance.work.kind !== 'shell' || action.work.kind !== 'shell') return undefined;
    const code = this.#digestsOf(instance.work.code);
    return code.ok ? firstDifference(action.work.code, code.value) : instance.work.code[0];
  }

  /** Looks at files anew from now on: to be called when time has passed. */
  forgetFiles(): void {
    this.#digests.clear();
  }

  async #workOf({
    work,
  }: Instance): Promise<Failed<{readonly work: ActionWork; readonly code: ModuleCode | null}>> {
    if (work.kind === 'shell') {
      const code = this.#digestsOf(work.code);
      if (!code.ok) return code;
      return ok({work: {kind: 'shell', command: work.command, code: code.value}, code: null});
    }
    // One bundle for all cells of a stage, and one state of the code for the whole run.
    let loading = this.#code.get(work.path);
    if (loading === undefined) {
      loading = this.#stores.code.codeOf(work.path);
      this.#code.set(work.path, loading);
    }
    const code = await loading;
    if (!code.ok) return code;
    return ok({
      work: {kind: 'module', code: code.value.code, packages: code.value.packages},
      code: code.value,
    });
  }

  #digestsOf(patterns: readonly string[]): Failed<Digests> {
    if (patterns.length === 0) return ok(NO_DIGESTS);
    const key = patterns.join('\0');
    let digests = this.#digests.get(key);
    if (digests === undefined) {
      const found = this.#stores.files.digestFiles(this.#surroundings.project, patterns);
      digests = found.ok ? found : err(fileMistake(found.error));
      this.#digests.set(key, digests);
    }
    return digests;
  }

  #environmentOf(instance: Instance): Record<string, string | null> {
    const env: Record<string, string | null> = {};
    for (const name of instance.env) env[name] = this.#surroundings.env[name] ?? null;
    return env;
  }
}

function inputOf(edge: InputEdge, madeBy: (id: InstanceId) => Made): ActionInput {
  return edge.kind === 'one'
    ? {kind: 'one', content: contentOf(edge.from, madeBy(edge.from.id), false)}
    : {kind: 'each', contents: edge.from.map(from => contentOf(from, madeBy(from.id), true))};
}

function contentOf(from: Producer, {instance, result}: Made, isGathered: boolean): ProducerContent {
  const outputs: Record<string, ProducerContent['outputs'][string]> = {};
  for (const [name, {path}] of Object.entries(instance.outputs)) {
    const artifact = result.outputs[name];
    if (artifact === undefined || (from.output !== null && from.output !== name)) continue;
    outputs[name] = {path, artifact};
  }
  return {
    cell: isGathered ? instance.cell : {},
    outputs,
    metrics: from.output === null ? result.metrics : {},
  };
}

function fileMistake(problems: readonly FileProblem[]): StageFailure {
  const sentences = problems.map(({pattern, error}) =>
    error.reason === 'no-match' ? `expected files at ${pattern}, found none` : describeStoreError(error),
  );
  return {reason: 'mistake', message: sentences.join('; '), hint: 'see `files` and `code` of the stage'};
}

function firstDifference(before: Digests, after: Digests): string | undefined {
  for (const path of Object.keys(before)) if (before[path] !== after[path]) return path;
  return Object.keys(after).find(path => before[path] === undefined);
}
