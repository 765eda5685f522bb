// Builds the action of an instance from the plan, the contents of its producers, and the state of code and files.
// Contents of artifacts are known by digest and never read here.

import {
  type Action,
  type ActionInput,
  type ActionResult,
  type ActionWork,
  type DeviceKind,
  digestOfVariable,
  type Fingerprint,
  type ProducerContent,
  type TrackedFiles,
} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import {byCodeUnit} from '../core/json.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {InputEdge, Instance, InstanceId, Producer} from '../plan/plan.ts';
import type {Cell, Origin, Study} from '../stage/define.ts';
import type {FileProblem} from '../store/store.ts';
import {describeStoreError} from '../store/store-error.ts';
import type {ChosenDevice, Destination, Surroundings} from './request.ts';
import {wishOf} from './resources.ts';
import type {ModuleCode, Stores} from './stores.ts';

type Failed<T> = Result<T, StageFailure>;

/** What is known of an instance that has a result. */
export interface Made {
  readonly instance: Instance;
  readonly fingerprint: Fingerprint;
  readonly result: ActionResult;
}

const NO_FILES: TrackedFiles = {};

export class ActionBuilder {
  readonly #stores: Stores;
  readonly #surroundings: Surroundings;
  readonly #device: ChosenDevice;
  readonly #study: Study;
  readonly #tracked = new Map<string, Failed<TrackedFiles>>();
  readonly #code = new Map<string, Promise<Failed<ModuleCode>>>();

  constructor(stores: Stores, surroundings: Surroundings, device: ChosenDevice, study: Study) {
    this.#stores = stores;
    this.#surroundings = surroundings;
    this.#device = device;
    this.#study = study;
  }

  /** `madeBy` answers for every producer. Fails for what the plan names and the disk does not have. */
  async build(instance: Instance, madeBy: (id: InstanceId) => Made): Promise<Failed<Action>> {
    const files = this.#track(instance.files);
    if (!files.ok) return files;
    const work = await this.#workOf(instance);
    if (!work.ok) return work;
    const inputs: Record<string, ActionInput> = {};
    const traces = instance.work.kind === 'module' && instance.work.traces;
    for (const [name, edge] of Object.entries(instance.inputs)) inputs[name] = inputOf(edge, madeBy, traces);
    const usesDevice = instance.work.kind === 'module' && instance.work.usesDevice;
    const destination = this.#surroundings.destinationOf(wishOf(instance));
    const action: Action = {
      format: 2,
      work: work.value,
      params: instance.params,
      inputs,
      files: files.value,
      outputs: instance.outputs,
      env: this.#environmentOf(instance),
      device: usesDevice ? this.#deviceOf(instance, destination) : null,
      platform: usesDevice ? destination.platform : null,
      sandbox: instance.sandbox,
      study: traces ? this.#study : null,
      salt: instance.salt,
    };
    return ok(action);
  }

  /** The device that an instance gets: what was asked for, where `auto` means the CPU for one that gets no GPU. */
  #deviceOf({resources: {gpu}}: Instance, {gpus, device}: Destination): DeviceKind {
    const {kind, isAsked} = this.#device;
    if (isAsked) return kind;
    const gets = gpu === 'optional' ? gpus : gpu;
    return gets > 0 ? (device ?? kind) : 'cpu';
  }

  /** Looks at files anew from now on: to be called when time has passed. */
  forgetFiles(): void {
    this.#tracked.clear();
  }

  async #workOf({work}: Instance): Promise<Failed<ActionWork>> {
    if (work.kind === 'shell') {
      const code = this.#track(work.code);
      if (!code.ok) return code;
      return ok({kind: 'shell', command: work.command, code: code.value});
    }
    // One bundle for all cells of a stage, and one state of the code for the whole run.
    let loading = this.#code.get(work.path);
    if (loading === undefined) {
      loading = this.#stores.code.codeOf(work.path);
      this.#code.set(work.path, loading);
    }
    const code = await loading;
    if (!code.ok) return code;
    return ok(code.value);
  }

  #track(patterns: readonly string[]): Failed<TrackedFiles> {
    if (patterns.length === 0) return ok(NO_FILES);
    const key = patterns.join('\0');
    let tracked = this.#tracked.get(key);
    if (tracked === undefined) {
      const found = this.#stores.files.digestFiles(this.#surroundings.project, patterns);
      tracked = found.ok ? found : err(fileMistake(found.error));
      this.#tracked.set(key, tracked);
    }
    return tracked;
  }

  #environmentOf(instance: Instance): Action['env'] {
    return Object.fromEntries(
      instance.env.map(({name, isSecret}) => {
        // A secret opens doors and changes no result: its value is no part of a key.
        if (isSecret) return [name, 'secret'];
        const value = this.#surroundings.env[name];
        return [name, value === undefined ? null : digestOfVariable(value)];
      }),
    );
  }
}

function inputOf(edge: InputEdge, madeBy: (id: InstanceId) => Made, traces: boolean): ActionInput {
  return edge.kind === 'one'
    ? {kind: 'one', content: {...contentOf(edge.from, madeBy, traces), cell: {}}}
    : {kind: 'each', contents: edge.from.map(from => contentOf(from, madeBy, traces))};
}

function contentOf(from: Producer, madeBy: (id: InstanceId) => Made, traces: boolean): ProducerContent {
  const {instance, fingerprint, result} = madeBy(from.id);
  const outputs: Record<string, ProducerContent['outputs'][string]> = {};
  for (const [name, {path}] of Object.entries(instance.outputs)) {
    const artifact = result.outputs[name];
    if (artifact === undefined || (from.output !== null && from.output !== name)) continue;
    outputs[name] = {path, artifact};
  }
  return {
    cell: inNameOrder(instance.cell),
    isWhole: from.output === null,
    outputs,
    metrics: from.output === null ? result.metrics : {},
    origin: traces ? {instance: instance.id, fingerprint, choosers: choosersOf(instance, madeBy)} : null,
  };
}

/** Those that are still to choose have made nothing, and then nothing below them is built. */
const choosersOf = ({choosers}: Instance, madeBy: (id: InstanceId) => Made): Origin['choosers'] =>
  choosers.map(({from}) => {
    const {instance, result} = madeBy(from.id);
    return {instance: instance.id, params: instance.params, metrics: result.metrics};
  });

/** As the key has it: what a stage sees may not depend on the order in which a matrix names its axes. */
const inNameOrder = (cell: Cell): Cell =>
  Object.fromEntries(Object.entries(cell).sort(([a], [b]) => byCodeUnit(a, b)));

function fileMistake(problems: readonly FileProblem[]): StageFailure {
  const sentences = problems.map(({pattern, error}) =>
    error.reason === 'no-match' ? `expected files at ${pattern}, found none` : describeStoreError(error),
  );
  return {reason: 'mistake', message: sentences.join('; '), hint: 'see `files` and `code` of the stage'};
}
