// The loss surface of a trained model over a fixed set of samples: its value, its gradient, and its Hessian times a
// vector, all exact up to float32. The loss is mean cross-entropy without label smoothing, weight decay, dropout or
// augmentation; batch norm uses the running statistics as training left them.

import * as tf from '@tensorflow/tfjs-core';
import type {Definition, HostTensors, Program} from '../../src/engine/program.ts';
import {noAugmentation} from '../learn/augmentation.ts';
import {gatherBatch} from '../learn/augmentation-graph.ts';
import type {Dataset, Split} from '../learn/dataset-file.ts';
import {evaluationDefinition, predict} from '../learn/evaluation-program.ts';
import {crossEntropy} from '../learn/loss.ts';
import {type NamedTensors, tensorNamed} from '../learn/models/model.ts';
import {addScaled, dotNamed, normOf, scaleNamed, zipNamed} from '../learn/named-tensors.ts';
import {differentiate} from '../learn/objective.ts';
import {pick, prefixed} from '../learn/training-program.ts';
import type {TrainedModel} from './trained-model.ts';
import {flatten, unflatten} from './vectors.ts';

export interface SurfaceOptions {
  readonly trained: TrainedModel;
  readonly dataset: Dataset;
  /** The samples that the loss is the mean of. */
  readonly samples: Split;
  /** How many samples the engine sees at once. */
  readonly batch: number;
  readonly compile: (definition: Definition) => Promise<Program>;
  readonly signal: AbortSignal;
}

export interface LossAndAccuracy {
  readonly loss: number;
  readonly accuracy: number;
}

export class Surface {
  readonly #options: SurfaceOptions;
  /** The trained weights as one vector. */
  readonly centre: Float32Array;
  readonly #programs = new Map<string, Promise<Program>>();

  constructor(options: SurfaceOptions) {
    this.#options = options;
    this.centre = flatten(options.trained.weights, this.parameters);
  }

  get parameters(): SurfaceOptions['trained']['model']['parameters'] {
    return this.#options.trained.model.parameters;
  }

  /** Loss and accuracy at any weights. Not finite where the model overflows. */
  async measure(weights: Float32Array): Promise<LossAndAccuracy> {
    const {trained, dataset, samples, batch, signal} = this.#options;
    const program = await this.#programFor('measure', () =>
      evaluationDefinition(trained.model, {...dataset, normalisation: trained.normalisation}, samples, batch),
    );
    const state = {
      ...prefixed('weights', unflatten(weights, this.parameters)),
      ...prefixed('statistics', trained.statistics),
    };
    const {classes, losses} = await predict(program, state, samples.count, batch, 64, signal);
    let loss = 0;
    let correct = 0;
    for (let i = 0; i < samples.count; i++) {
      loss += losses[i] ?? 0;
      if (classes[i] === samples.labels[i]) correct++;
    }
    return {loss: loss / samples.count, accuracy: correct / samples.count};
  }

  /** The gradient at the trained weights. */
  async gradient(): Promise<Float32Array> {
    const program = await this.#programFor('gradient', () => this.#definition('gradient'));
    return this.#accumulate(program, {});
  }

  /** The Hessian at the trained weights times `v`. */
  async product(v: Float32Array): Promise<Float32Array> {
    const program = await this.#programFor('product', () => this.#definition('product'));
    return this.#accumulate(program, prefixed('direction', unflatten(v, this.parameters)));
  }

  /**
   * m-sharpness (Foret et al. 2021, §4.1): the mean over disjoint groups of `m` samples of L(w + ρ·g/‖g‖) - L(w), each
   * with its own gradient g, to first order as SAM climbs. Samples that do not fill a group are left out.
   */
  async groupRise(m: number, rho: number): Promise<number> {
    const {samples, signal} = this.#options;
    const steps = Math.floor(samples.count / m);
    const program = await this.#programFor(`rise-${m}-${rho}`, () => this.#riseDefinition(m, rho));
    signal.throwIfAborted();
    await program.writeState(this.#here());
    const indices = Int32Array.from({length: steps * m}, (_, i) => i);
    const {rise} = await program.run({indices: {dtype: 'int32', shape: [steps, m], data: indices}});
    if (rise?.dtype !== 'float32') throw new Error('expected a rise per group');
    return rise.data.reduce((sum, value) => sum + value, 0) / steps;
  }

  async dispose(): Promise<void> {
    for (const program of this.#programs.values()) await (await program).dispose();
    this.#programs.clear();
  }

  async #accumulate(program: Program, more: HostTensors): Promise<Float32Array> {
    const {samples, batch, signal} = this.#options;
    signal.throwIfAborted();
    const zeros = new Float32Array(this.centre.length);
    await program.writeState({
      ...this.#here(),
      ...more,
      ...prefixed('sum', unflatten(zeros, this.parameters)),
    });
    const steps = Math.ceil(samples.count / batch);
    // The last batch is filled up with samples that do not count.
    const indices = Int32Array.from({length: steps * batch}, (_, i) => Math.min(i, samples.count - 1));
    const shares = Float32Array.from(indices, (_, i) => (i < samples.count ? 1 / samples.count : 0));
    await program.run({
      indices: {dtype: 'int32', shape: [steps, batch], data: indices},
      shares: {dtype: 'float32', shape: [steps, batch], data: shares},
    });
    return flatten(pick(await program.readState(), 'sum'), this.parameters);
  }

  #here(): HostTensors {
    const {weights, statistics} = this.#options.trained;
    return {...prefixed('weights', weights), ...prefixed('statistics', statistics)};
  }

  #programFor(name: string, definition: () => Definition): Promise<Program> {
    const known = this.#programs.get(name);
    if (known) return known;
    const program = this.#options.compile(definition());
    this.#programs.set(name, program);
    return program;
  }

  /** Loss per sample of a batch as a function of the weights. */
  #lossesOf(
    state: NamedTensors,
    resident: NamedTensors,
    indices: tf.Tensor1D,
  ): (weights: NamedTensors) => tf.Tensor1D {
    const {trained, dataset} = this.#options;
    const pixels = tensorNamed(resident, 'images');
    const images = gatherBatch(noAugmentation, dataset, trained.normalisation, pixels, indices, undefined);
    const labels = tf.gather(tensorNamed(resident, 'labels'), indices) as tf.Tensor1D;
    const statistics = pick(state, 'statistics');
    return weights => {
      const {logits} = trained.model.forward(weights, statistics, images, {phase: 'evaluation'});
      return crossEntropy(logits, labels, {amount: 0, over: 'all'});
    };
  }

  get #resident(): HostTensors {
    const {dataset, samples} = this.#options;
    const {count, images, labels} = samples;
    const shape = [count, dataset.height, dataset.width, dataset.channels];
    return {
      images: {dtype: 'uint8', shape, data: images},
      labels: {dtype: 'int32', shape: [count], data: labels},
    };
  }

  /** Adds up, over batches, the gradient or the Hessian times `direction`, of the losses weighted by `shares`. */
  #definition(kind: 'gradient' | 'product'): Definition {
    const {trained, batch} = this.#options;
    const zeros = unflatten(new Float32Array(this.centre.length), this.parameters);
    return {
      name: `${kind}-${trained.model.name}-${batch}`,
      state: {
        ...this.#here(),
        ...(kind === 'product' ? prefixed('direction', zeros) : {}),
        ...prefixed('sum', zeros),
      },
      resident: this.#resident,
      scanned: {indices: {shape: [batch], dtype: 'int32'}, shares: {shape: [batch], dtype: 'float32'}},
      step: ({state, resident, scanned}) => {
        const losses = this.#lossesOf(state, resident, tensorNamed(scanned, 'indices') as tf.Tensor1D);
        const shares = tensorNamed(scanned, 'shares');
        const gradient = (weights: NamedTensors): NamedTensors =>
          differentiate(weights, at => ({value: tf.sum(tf.mul(losses(at), shares)) as tf.Scalar, aside: {}}))
            .gradients;
        const weights = pick(state, 'weights');
        const direction = pick(state, 'direction');
        const added =
          kind === 'gradient'
            ? gradient(weights)
            : differentiate(weights, at => ({value: dotNamed(gradient(at), direction), aside: {}})).gradients;
        const sum = zipNamed(pick(state, 'sum'), added, (a, b) => tf.add(a, b));
        return {state: {...state, ...prefixed('sum', sum)}, metrics: {}};
      },
    };
  }

  #riseDefinition(m: number, rho: number): Definition {
    return {
      name: `rise-${this.#options.trained.model.name}-${m}`,
      state: this.#here(),
      resident: this.#resident,
      scanned: {indices: {shape: [m], dtype: 'int32'}},
      step: ({state, resident, scanned}) => {
        const losses = this.#lossesOf(state, resident, tensorNamed(scanned, 'indices') as tf.Tensor1D);
        const loss = (weights: NamedTensors): tf.Scalar => tf.mean(losses(weights)) as tf.Scalar;
        const weights = pick(state, 'weights');
        const {value, gradients} = differentiate(weights, at => ({value: loss(at), aside: {}}));
        const step = scaleNamed(gradients, tf.div(rho, tf.add(normOf(gradients), 1e-12)));
        const up = loss(addScaled(weights, step, 1));
        return {state, metrics: {rise: tf.sub(up, value)}};
      },
    };
  }
}
