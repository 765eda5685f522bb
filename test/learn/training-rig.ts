// Small trainings for tests: a synthetic data set that can be learnt, and settings that tests change one by one.

import {compile as compileProgram} from '../../src/engine/index.ts';
import type {Definition, DeviceChoice, Program} from '../../src/engine/program.ts';
import {type AugmentationPolicy, noAugmentation} from '../../stages/learn/augmentation.ts';
import {type Dataset, measureNormalisation, type Split} from '../../stages/learn/dataset-file.ts';
import {plainGradient} from '../../stages/learn/gradients/rule.ts';
import type {LoopOptions} from '../../stages/learn/loop.ts';
import type {Model} from '../../stages/learn/models/model.ts';
import {simpleNn} from '../../stages/learn/models/simple-nn.ts';
import {noDecay} from '../../stages/learn/optimizers/optimizer.ts';
import {sgd} from '../../stages/learn/optimizers/sgd.ts';
import {stream} from '../../stages/learn/random.ts';
import type {Training} from '../../stages/learn/training-program.ts';

export const classes = 3;

/** Images of noise with one bright corner per class. */
export function syntheticDataset(
  counts: {readonly train: number; readonly validation: number; readonly test: number},
  size = {height: 6, width: 6, channels: 1},
): Dataset {
  const draws = stream(7, 'noise');
  const split = (count: number): Split => {
    const pixels = size.height * size.width * size.channels;
    const labels = Int32Array.from({length: count}, () => draws.below(classes));
    const images = Uint8Array.from({length: count * pixels}, () => draws.below(160));
    labels.forEach((label, i) => {
      const corner = label === 0 ? 0 : label === 1 ? size.width - 1 : (size.height - 1) * size.width;
      images.fill(255, i * pixels + corner * size.channels, i * pixels + (corner + 1) * size.channels);
    });
    return {count, images, labels};
  };
  const train = split(counts.train);
  return {
    ...size,
    name: 'synthetic',
    classNames: Array.from({length: classes}, (_, i) => `class ${i}`),
    normalisation: measureNormalisation(train.images, size.channels),
    provenance: {},
    train,
    validation: split(counts.validation),
    test: split(counts.test),
  };
}

export const smallModel = (dataset: Dataset, hidden: readonly number[] = [12], dropout = 0): Model =>
  simpleNn({...dataset, classes}, {hidden, dropout, init: 'he'});

export function trainingOf(dataset: Dataset, changes: Partial<Training> = {}): Training {
  return {
    model: smallModel(dataset),
    dataset,
    policy: noAugmentation as AugmentationPolicy,
    objective: {smoothing: {amount: 0, over: 'all'}, decay: 0, decays: () => false},
    rule: plainGradient,
    optimizer: sgd({momentum: 0.9, nesterov: false, decay: noDecay}),
    clip: undefined,
    freshMasks: false,
    learningRate: () => 0.05,
    seed: 0,
    ...changes,
  };
}

export const compileOn =
  (device: DeviceChoice) =>
  (definition: Definition): Promise<Program> =>
    compileProgram(definition, {device});

export function loopOf(training: Training, changes: Partial<LoopOptions> = {}): LoopOptions {
  return {
    training,
    epochs: 3,
    batches: {count: training.dataset.train.count, size: 16, dropLast: true, seed: training.seed},
    evaluationBatch: 10,
    evaluateEvery: 1,
    stepsPerCall: 100,
    compile: compileOn('cpu'),
    resumed: undefined,
    onEpoch: async () => {},
    onProgress: () => {},
    signal: new AbortController().signal,
    ...changes,
  };
}
