import assert from 'node:assert/strict';
import {test} from 'node:test';
import {compile} from '../../src/engine/index.ts';
import type {HostTensors} from '../../src/engine/program.ts';
import type {AugmentationPolicy} from '../../stages/learn/augmentation.ts';
import {batchesOf} from '../../stages/learn/batches.ts';
import {feedOf} from '../../stages/learn/feed.ts';
import {esam} from '../../stages/learn/gradients/esam.ts';
import {friendlySam} from '../../stages/learn/gradients/friendly-sam.ts';
import {gsam} from '../../stages/learn/gradients/gsam.ts';
import {lookSam} from '../../stages/learn/gradients/look-sam.ts';
import {mSam} from '../../stages/learn/gradients/m-sam.ts';
import {defaultPerturbation} from '../../stages/learn/gradients/perturbation.ts';
import {sam} from '../../stages/learn/gradients/sam.ts';
import {wideResnet} from '../../stages/learn/models/wide-resnet.ts';
import {adam} from '../../stages/learn/optimizers/adam.ts';
import {sgd} from '../../stages/learn/optimizers/sgd.ts';
import {type Training, trainingDefinition} from '../../stages/learn/training-program.ts';
import {runEagerly} from './eager-rig.ts';
import {classes, smallModel, syntheticDataset, trainingOf} from './training-rig.ts';

const dataset = syntheticDataset({train: 48, validation: 0, test: 0});
const model = smallModel(dataset);
const options = {...defaultPerturbation, rho: 0.1};

/** Runs the same steps of one phase compiled and eagerly; returns the largest gap of losses and of the state. */
async function compare(
  training: Training,
  steps: number,
  batch: number,
  phaseNumber = 0,
  start?: HostTensors,
) {
  const phase = training.rule.phases[phaseNumber] ?? assert.fail();
  const definition = trainingDefinition(training, phase, batch);
  const plan = {count: training.dataset.train.count, size: batch, dropLast: true, seed: training.seed};
  const batches = Array.from({length: steps}, (_, epoch) => batchesOf(plan, epoch)[0] ?? assert.fail());
  const feed = feedOf(training, phase, {epoch: 0, firstBatch: 0, firstStep: 0, batches});
  const program = await compile(definition, {device: 'cpu'});
  if (start) await program.writeState(start);
  const losses = Array.from((await program.run(feed)).loss?.data ?? []);
  const state = await program.readState();
  await program.dispose();
  const eager = await runEagerly(definition, feed, start);
  const eagerLosses = eager.metrics.map(({loss}) => loss?.data[0] ?? Number.NaN);
  const gap = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
    Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] ?? Number.NaN))), 0);
  return {
    losses,
    lossGap: gap(losses, eagerLosses),
    stateGap: Math.max(
      ...Object.entries(state).map(([name, {data}]) => gap(data, eager.state[name]?.data ?? [])),
    ),
    state,
  };
}

const policy: AugmentationPolicy = {
  flip: 0.5,
  crop: {padding: 2, mode: 'zero'},
  cutout: {length: 3, variant: 'devries', probability: 1, when: 'after'},
};

test('50 steps of a network are the same compiled and eager: SGD, SAM, and with everything switched on', async () => {
  const decay = {mode: 'coupled' as const, rate: 5e-4, decays: () => true};
  const trainings: Record<string, Training> = {
    sgd: trainingOf(dataset, {model}),
    sam: trainingOf(dataset, {model, rule: sam(model.parameters, options)}),
    everything: trainingOf(dataset, {
      model: smallModel(dataset, [12, 8], 0.3),
      policy,
      objective: {smoothing: {amount: 0.1, over: 'others'}, decay: 1e-3, decays: kind => kind === 'weight'},
      rule: sam(smallModel(dataset, [12, 8], 0.3).parameters, {...options, adaptive: 'asam'}),
      optimizer: sgd({momentum: 0.9, nesterov: true, decay}),
      clip: 1,
      freshMasks: true,
      learningRate: step => 0.05 / (1 + step / 20),
    }),
  };
  for (const [name, training] of Object.entries(trainings)) {
    const {losses, lossGap, stateGap} = await compare(training, 50, 16);
    assert.ok(lossGap < 1e-4 && stateGap < 1e-4, `${name}: ${lossGap}, ${stateGap}`);
    assert.ok((losses.at(-1) ?? 9) < (losses[0] ?? 0), `${name} learns: ${losses[0]} → ${losses.at(-1)}`);
  }
});

test('each variant over SGD and Adam is the same compiled and eager', async () => {
  const rules = {
    msam: mSam(model.parameters, {...options, m: 4}),
    gsam: gsam(model.parameters, {...options, alpha: 0.4}),
    esam: esam(model.parameters, {...options, beta: 0.5, gamma: 0.5, seed: 0}),
    fsam: friendlySam(model.parameters, {...options, sigma: 1, lambda: 0.9}),
    looksam: lookSam(model.parameters, {...options, k: 3, alpha: 0.7}),
  };
  const optimizers = {
    sgd: sgd({momentum: 0.9, nesterov: false, decay: {mode: 'coupled', rate: 5e-4, decays: () => true}}),
    adam: adam({
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      decay: {mode: 'decoupled', rate: 0.01, decays: () => true},
    }),
  };
  for (const [name, rule] of Object.entries(rules)) {
    for (const [base, optimizer] of Object.entries(optimizers)) {
      const training = trainingOf(dataset, {model, rule, optimizer, learningRate: () => 0.01});
      const first = await compare(training, 8, 16);
      // A division by the root of a tiny second moment magnifies rounding in Adam's first steps.
      const tolerance = base === 'adam' ? 1e-3 : 1e-4;
      assert.ok(
        first.lossGap < tolerance && first.stateGap < tolerance,
        `${name} over ${base}: ${first.lossGap}, ${first.stateGap}`,
      );
      if (rule.phases.length > 1) {
        const reuse = await compare(training, 4, 16, 1, first.state);
        assert.ok(
          reuse.lossGap < tolerance && reuse.stateGap < tolerance,
          `${name} reuse: ${reuse.stateGap}`,
        );
      }
    }
  }
});

// The JavaScript backend takes most of the time of these, so the images are small; not smaller, since a batch norm over
// a handful of values magnifies rounding.
test('50 steps of a Wide ResNet are the same compiled and eager, SGD and SAM', async () => {
  const small = syntheticDataset({train: 16, validation: 0, test: 0}, {height: 6, width: 6, channels: 3});
  const shape = {depth: 10, width: 1, shortcut: 'projection', dropout: 0, init: 'google'} as const;
  const wrn = wideResnet({...small, classes}, shape);
  for (const rule of [undefined, sam(wrn.parameters, options)]) {
    const training = trainingOf(small, {model: wrn, learningRate: () => 0.02, ...(rule ? {rule} : {})});
    const {lossGap, stateGap} = await compare(training, 50, 4);
    assert.ok(lossGap < 1e-4 && stateGap < 1e-3, `${training.rule.name}: ${lossGap}, ${stateGap}`);
  }
});

test('a Wide ResNet with zero-padded shortcuts is the same compiled and eager, SGD and SAM', async () => {
  const small = syntheticDataset({train: 16, validation: 0, test: 0}, {height: 8, width: 8, channels: 3});
  const shape = {depth: 10, width: 1, shortcut: 'zero-pad', dropout: 0, init: 'google'} as const;
  const wrn = wideResnet({...small, classes}, shape);
  for (const rule of [undefined, sam(wrn.parameters, options)]) {
    const training = trainingOf(small, {model: wrn, learningRate: () => 0.02, ...(rule ? {rule} : {})});
    const {lossGap, stateGap} = await compare(training, 2, 4);
    assert.ok(lossGap < 1e-4 && stateGap < 1e-4, `${training.rule.name}: ${lossGap}, ${stateGap}`);
  }
});
