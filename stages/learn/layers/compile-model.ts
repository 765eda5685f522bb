// The front door for models of tf.layers: `compileModel(model, {loss, optimizer, …})` is to the engine what
// `model.compile` and `model.fit` are to TF.js. Whole epochs run in a few calls; the model's weights follow.

import type * as tf from '@tensorflow/tfjs';
import {
  compile,
  type Definition,
  type Device,
  type DeviceChoice,
  type HostTensor,
  type HostTensors,
  type Program,
} from '../../../src/engine/index.ts';
import {stepsPerEpoch} from '../batches.ts';
import {engineDevice, type GrantedDevice} from '../device.ts';
import {type GradientRule, plainGradient} from '../gradients/rule.ts';
import {segmentsOf} from '../loop.ts';
import type {ParameterSpec} from '../models/model.ts';
import type {Optimizer} from '../optimizers/optimizer.ts';
import {pick, prefixed, type Recipe} from '../training-program.ts';
import {TrainingPrograms} from '../training-programs.ts';
import {functionOf, type LayersFunction} from './layers-model.ts';
import {evaluationOf, type Judge, type Rows, stepDefinition} from './layers-program.ts';
import {judgementsOf, type Losses} from './losses.ts';
import {rowsByName, type Samples} from './samples.ts';
import {seeded} from './seeded.ts';

export interface ModelOptions {
  /** Of models with several outputs: one for all, or one for each by its name. */
  readonly loss: Losses;
  /** How much each output's loss counts, by the name of the output. Default 1. */
  readonly lossWeights?: Readonly<Record<string, number>>;
  /** `sgd(…)` or `adam(…)`. */
  readonly optimizer: Optimizer;
  /** The learning rate, or a function of the step (from 0): see `learningRate`. */
  readonly rate: number | ((step: number) => number);
  /** `parameters => sam(parameters, {...defaultPerturbation, rho: 0.05})` and its kin. Default: the plain gradient. */
  readonly rule?: (parameters: readonly ParameterSpec[]) => GradientRule;
  /** Of the order of the samples, of dropout, and of initial weights. Default 0. */
  readonly seed?: number;
  /** A stage's own `device`, or the name of one. Default `auto`. */
  readonly device?: DeviceChoice | GrantedDevice;
  readonly threads?: number;
}

export interface Scores {
  readonly loss: number;
  /** The share that is right; undefined for losses without answers, and of models with several outputs. */
  readonly accuracy: number | undefined;
}

export interface EpochResult extends Scores {
  /** From 1. */
  readonly epoch: number;
  readonly validation: Scores | undefined;
}

export interface FitOptions {
  readonly epochs: number;
  /** Default 32. The samples that do not fill a last batch are a smaller step. */
  readonly batchSize?: number;
  readonly validation?: Samples;
  /** Awaited after each epoch; the model has the weights of that epoch. `false` ends the training. */
  readonly onEpoch?: (result: EpochResult) => undefined | boolean | Promise<undefined | boolean>;
  readonly onProgress?: (progress: {
    readonly done: number;
    readonly total: number;
    readonly loss: number;
  }) => void;
  readonly signal?: AbortSignal;
  /** Steps per call: how often progress is told and the signal looked at. Default 50. */
  readonly stepsPerCall?: number;
}

export class CompiledModel {
  /** What was given or made; it has the weights of the last epoch. */
  readonly model: tf.LayersModel;
  readonly #model: LayersFunction;
  readonly #options: ModelOptions;
  readonly #judge: Judge;
  readonly #recipe: Recipe;
  #state: HostTensors | undefined;
  #device: Device | undefined;
  /** Steps taken so far: schedules and momentum go on from fit to fit. */
  #steps = 0;
  #epochs = 0;

  constructor(model: tf.LayersModel, options: ModelOptions) {
    this.model = model;
    this.#model = functionOf(model);
    this.#options = options;
    const names = this.#model.outputs.map(({name}) => name);
    const {rate, lossWeights = {}} = options;
    this.#judge = {
      judgements: judgementsOf(options.loss, names),
      weights: names.map(name => lossWeights[name] ?? 1),
    };
    this.#recipe = {
      model: this.#model,
      rule: options.rule?.(this.#model.parameters) ?? plainGradient,
      optimizer: options.optimizer,
      clip: undefined,
      freshMasks: false,
      learningRate: typeof rate === 'function' ? rate : () => rate,
      seed: options.seed ?? 0,
    };
  }

  /** Where it ran; undefined before the first call. */
  get device(): Device | undefined {
    return this.#device;
  }

  async #compile(definition: Definition): Promise<Program> {
    const {device = 'auto', threads = 1} = this.#options;
    const choice = typeof device === 'string' ? device : engineDevice(device);
    const program = await compile(definition, {device: choice, threads});
    this.#device = program.device;
    return program;
  }

  /**
   * Trains, and gives the weights to the model. Called again, it goes on.
   * @throws RangeError for samples that do not fit the model; the signal's reason when it is aborted.
   */
  async fit(samples: Samples, options: FitOptions): Promise<readonly EpochResult[]> {
    const {epochs, batchSize = 32, signal = new AbortController().signal} = options;
    const rows = rowsOf(samples, this.#model);
    const {count} = rows;
    const batches = {count, size: Math.min(batchSize, count), dropLast: false, seed: this.#recipe.seed};
    const perEpoch = stepsPerEpoch(batches);
    const programs = new TrainingPrograms(
      this.#recipe,
      definition => this.#compile(definition),
      (phase, batch) => stepDefinition(this.#recipe, this.#model, this.#judge, rows, phase, batch),
    );
    if (this.#state !== undefined) programs.writeState(this.#state);
    const results: EpochResult[] = [];
    try {
      for (let i = 0; i < epochs; i++) {
        const epoch = this.#epochs;
        let [loss, correct] = [0, 0];
        const segments = segmentsOf(
          {training: this.#recipe, batches, stepsPerCall: options.stepsPerCall ?? 50},
          epoch,
          this.#steps,
        );
        for (const {phase, segment} of segments) {
          signal.throwIfAborted();
          const rulePhase = this.#recipe.rule.phases[phase];
          if (rulePhase === undefined) throw new RangeError(`no phase ${phase}`);
          const metrics = await programs.run(rulePhase, segment);
          segment.batches.forEach((batch, step) => {
            loss += (metrics.losses[step] ?? Number.NaN) * batch.length;
            correct += metrics.correct[step] ?? Number.NaN;
          });
          const done = i * perEpoch + segment.firstBatch + segment.batches.length;
          options.onProgress?.({done, total: epochs * perEpoch, loss: metrics.losses.at(-1) ?? Number.NaN});
        }
        this.#steps += perEpoch;
        this.#epochs += 1;
        await this.#adopt(await programs.readState());
        const validation = options.validation && (await this.evaluate(options.validation));
        const accuracy = this.#hasAnswers ? correct / count : undefined;
        const result = {epoch: this.#epochs, loss: loss / count, accuracy, validation};
        results.push(result);
        if ((await options.onEpoch?.(result)) === false) break;
      }
      return results;
    } finally {
      await programs.dispose();
    }
  }

  async #adopt(state: HostTensors): Promise<void> {
    this.#state = state;
    this.#model.writeBack({...pick(state, 'weights'), ...pick(state, 'statistics')});
  }

  /** Mean loss and accuracy without dropout, with running statistics. */
  async evaluate(samples: Samples, batchSize = 256): Promise<Scores> {
    const rows = rowsOf(samples, this.#model);
    const {count} = rows;
    const {losses, correct} = await this.#evaluate(rows, batchSize);
    return {
      loss: losses.reduce((sum, x) => sum + x, 0) / count,
      accuracy: this.#hasAnswers ? correct / count : undefined,
    };
  }

  /** What the model says of each row, [rows, …output]: its only output. */
  async predict(x: Samples['x'], batchSize = 256): Promise<HostTensor> {
    const [output, ...others] = Object.values(await this.predictAll(x, batchSize));
    if (output === undefined || others.length > 0)
      throw new RangeError('expected a model with one output; predictAll gives all by their names');
    return output;
  }

  /** What the model says of each row, [rows, …output], by the names of its outputs. */
  async predictAll(x: Samples['x'], batchSize = 256): Promise<HostTensors> {
    const inputs = inputsOf(x, this.#model);
    const {outputs} = await this.#evaluate({x: inputs, y: []}, batchSize);
    return Object.fromEntries(
      this.#model.outputs.map(({name, shape}, i) => [
        name,
        {
          dtype: 'float32',
          shape: [inputs[0]?.shape[0] ?? 0, ...shape],
          data: outputs[i] ?? new Float32Array(),
        },
      ]),
    );
  }

  get #hasAnswers(): boolean {
    const [first, ...others] = this.#judge.judgements;
    return first?.right !== undefined && others.length === 0;
  }

  #evaluate(rows: Rows, batchSize: number) {
    const state = this.#state && {
      ...prefixed('weights', pick(this.#state, 'weights')),
      ...prefixed('statistics', pick(this.#state, 'statistics')),
    };
    return evaluationOf(this.#model, this.#judge, rows, batchSize, state, d => this.#compile(d));
  }
}

/**
 * A model of tf.layers, `tf.sequential` or functional, ready to be trained: its dropout is drawn from the seed (and its
 * initial weights, where it is given as a function that makes it), its batch norms' running statistics are carried, its
 * recurrent layers are unrolled.
 * @throws RangeError for layers that cannot be compiled.
 */
export const compileModel = (
  model: tf.LayersModel | (() => tf.LayersModel),
  options: ModelOptions,
): CompiledModel =>
  new CompiledModel(typeof model === 'function' ? seeded(options.seed ?? 0, model) : model, options);

function inputsOf(x: Samples['x'], {inputs}: LayersFunction): readonly HostTensor[] {
  const names = inputs.map(({name}) => name);
  const rows = rowsByName('x', x, names);
  rows.forEach((tensor, i) => {
    const wanted = inputs[i]?.shape ?? [];
    const [, ...shape] = tensor.shape;
    const what = names.length === 1 ? 'x' : `x of ${names[i]}`;
    if (shape.join() !== wanted.join())
      throw new RangeError(`expected ${what} of the shape [samples, ${wanted}], got [${tensor.shape}]`);
    if (tensor.shape[0] !== rows[0]?.shape[0])
      throw new RangeError(`expected as many rows of ${what} as of ${names[0]}, got ${tensor.shape[0]}`);
  });
  return rows;
}

function rowsOf({x, y}: Samples, model: LayersFunction): Rows & {readonly count: number} {
  const inputs = inputsOf(x, model);
  const count = inputs[0]?.shape[0] ?? 0;
  const labels = rowsByName(
    'y',
    y,
    model.outputs.map(({name}) => name),
  );
  for (const {shape} of labels)
    if (shape[0] !== count)
      throw new RangeError(`expected as many labels as samples, got ${shape[0]} and ${count}`);
  if (count === 0) throw new RangeError('expected at least one sample, got none');
  return {x: inputs, y: labels, count};
}
