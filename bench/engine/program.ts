// The training steps that are measured: SGD with momentum and coupled weight decay, and SAM over it, in plain TF.js.

import * as tf from '@tensorflow/tfjs-core';
import type {Definition, HostTensor, HostTensors} from '../../src/engine/program.ts';
import {initialStatistics, initialWeights, type Model} from '../../stages/learn/models/model.ts';

export type Rule = 'sgd' | 'sam';
export const isRule = (text: string | undefined): text is Rule => text === 'sgd' || text === 'sam';

/** Both sides of a comparison use these. */
export const hyper = {learningRate: 0.05, momentum: 0.9, weightDecay: 5e-4, rho: 0.05} as const;

export interface Workload {
  readonly model: Model;
  /** [height, width, channels] of the images. */
  readonly image: readonly [number, number, number];
  readonly classes: number;
  readonly batch: number;
  /** Images that stay in the session, from which each step takes a batch. */
  readonly samples: number;
}

const filled = (shape: readonly number[], of: (i: number) => number): HostTensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from({length: shape.reduce((a, b) => a * b, 1)}, (_, i) => of(i)),
});

/** Numbers in [0, 1) without a pattern that matters here. */
const spread = (i: number): number => (i * 0.6180339887498949) % 1;

type Named = Readonly<Record<string, tf.Tensor>>;

const prefixed = (prefix: string, tensors: HostTensors): HostTensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, t]) => [`${prefix}.${name}`, t]));

const part = (prefix: string, tensors: Named): Named =>
  Object.fromEntries(
    Object.entries(tensors)
      .filter(([name]) => name.startsWith(`${prefix}.`))
      .map(([name, t]) => [name.slice(prefix.length + 1), t]),
  );

/** A step that takes the batch at the scanned `indices`. */
export function definition(rule: Rule, {model, image, classes, batch, samples}: Workload): Definition {
  const weights = initialWeights(model, 1);
  const slots = Object.fromEntries(
    Object.entries(weights).map(([name, t]) => [name, filled(t.shape, () => 0)]),
  );
  const names = Object.keys(weights);
  return {
    name: `${rule}-${model.name}`,
    state: {
      ...prefixed('weight', weights),
      ...prefixed('slot', slots),
      ...prefixed('statistic', initialStatistics(model)),
    },
    resident: {
      images: filled([samples, ...image], spread),
      labels: {
        dtype: 'int32',
        shape: [samples],
        data: Int32Array.from({length: samples}, (_, i) => (i * 7) % classes),
      },
    },
    scanned: {indices: {shape: [batch], dtype: 'int32'}},
    step: ({state, resident, scanned}) => {
      const {images, labels} = resident;
      const {indices} = scanned;
      if (images === undefined || labels === undefined || indices === undefined)
        throw new RangeError('inputs');
      const x = tf.gather(images, indices as tf.Tensor1D) as tf.Tensor4D;
      const y = tf.oneHot(tf.gather(labels, indices as tf.Tensor1D), classes);
      const running = part('statistic', state);
      let statistics: Named = {};
      const loss = (...list: tf.Tensor[]): tf.Scalar => {
        const named = Object.fromEntries(names.map((name, i) => [name, list[i] ?? tf.scalar(0)]));
        const pass = model.forward(named, running, x, {phase: 'training', masks: {}});
        statistics = pass.statistics;
        return tf.losses.softmaxCrossEntropy(y, pass.logits);
      };
      const current = Object.values(part('weight', state));
      const first = tf.valueAndGrads(loss)(current);
      const kept = statistics;
      const gradients = rule === 'sgd' ? first.grads : ascended(loss, current, first.grads);
      const velocity = Object.values(part('slot', state)).map((v, i) => {
        const [gradient, weight] = [gradients[i], current[i]];
        if (gradient === undefined || weight === undefined) throw new RangeError('gradients');
        return tf.add(tf.mul(v, hyper.momentum), tf.add(gradient, tf.mul(weight, hyper.weightDecay)));
      });
      const entries: [string, tf.Tensor][] = names.flatMap((name, i): [string, tf.Tensor][] => {
        const [v, weight] = [velocity[i], current[i]];
        if (v === undefined || weight === undefined) throw new RangeError('state');
        return [
          [`weight.${name}`, tf.sub(weight, tf.mul(v, hyper.learningRate))],
          [`slot.${name}`, v],
        ];
      });
      const next = Object.entries(kept).map(([name, t]): [string, tf.Tensor] => [`statistic.${name}`, t]);
      return {state: Object.fromEntries([...entries, ...next]), metrics: {loss: first.value}};
    },
  };
}

/** SAM's second gradient, at weights moved by rho along the first. */
function ascended(
  loss: (...list: tf.Tensor[]) => tf.Scalar,
  weights: readonly tf.Tensor[],
  gradients: readonly tf.Tensor[],
): readonly tf.Tensor[] {
  const norm = tf.sqrt(tf.addN(gradients.map(g => tf.sum(tf.square(g)))));
  const factor = tf.div(hyper.rho, tf.add(norm, 1e-12));
  const moved = weights.map((w, i) => tf.add(w, tf.mul(gradients[i] ?? tf.scalar(0), factor)));
  return tf.valueAndGrads(loss)(moved).grads;
}

/** The indices of `steps` batches. */
export const indices = (steps: number, batch: number, samples: number): HostTensors => ({
  indices: {
    dtype: 'int32',
    shape: [steps, batch],
    data: Int32Array.from({length: steps * batch}, (_, i) => (i * 31) % samples),
  },
});
