// TF.js's native package, where `npm run native` has built it: the same steps as the compiled programs'.

import assert from 'node:assert/strict';
import {createRequire} from 'node:module';
import {test} from 'node:test';
import {compile, type Definition, type HostTensors} from '../../src/engine/index.ts';
import {batchesOf} from '../../stages/learn/batches.ts';
import {feedOf} from '../../stages/learn/feed.ts';
import {defaultPerturbation} from '../../stages/learn/gradients/perturbation.ts';
import {sam} from '../../stages/learn/gradients/sam.ts';
import {wideResnet} from '../../stages/learn/models/wide-resnet.ts';
import {trainingDefinition} from '../../stages/learn/training-program.ts';
import {classes, smallModel, syntheticDataset, trainingOf} from '../learn/training-rig.ts';
import {assertClose} from './compare.ts';
import {residualNetwork} from './residual-network.ts';

const isThere = ((): boolean => {
  try {
    createRequire(import.meta.url).resolve('@tensorflow/tfjs-node');
    return true;
  } catch {
    return false;
  }
})();

const skip = isThere ? false : 'the native package is not built here: npm run native';

async function compare(definition: Definition, scanned: HostTensors, tolerance: number): Promise<void> {
  const results = [];
  for (const device of ['tfjs', 'cpu'] as const) {
    const program = await compile(definition, {device});
    if (device === 'tfjs') assert.match(program.device.name, /@tensorflow\/tfjs-node/);
    results.push({metrics: await program.run(scanned), state: await program.readState()});
    await program.dispose();
  }
  const [native, compiled] = results;
  assert.ok(native && compiled);
  assertClose(native.metrics, compiled.metrics, {relative: tolerance, absolute: tolerance});
  assertClose(native.state, compiled.state, {relative: tolerance, absolute: tolerance});
}

test('a residual network is the same compiled and on the native package', {skip}, async () => {
  const {definition, scanned} = residualNetwork(3);
  await compare(definition, scanned, 2e-3);
});

test("the studies' steps are the same compiled and on the native package", {skip}, async () => {
  const dataset = syntheticDataset({train: 32, validation: 0, test: 0}, {height: 8, width: 8, channels: 3});
  const shape = {...dataset, classes};
  const residuals = (['zero-pad', 'projection'] as const).map(shortcut =>
    wideResnet(shape, {depth: 10, width: 1, shortcut, dropout: 0, init: 'google'}),
  );
  for (const model of [smallModel(dataset, [24]), ...residuals])
    for (const training of [
      trainingOf(dataset, {model}),
      trainingOf(dataset, {model, rule: sam(model.parameters, {...defaultPerturbation, rho: 0.05})}),
    ]) {
      const [phase] = training.rule.phases;
      assert.ok(phase);
      const batches = batchesOf({count: 32, size: 16, dropLast: true, seed: 1}, 0);
      const feed = feedOf(training, phase, {epoch: 0, firstBatch: 0, firstStep: 0, batches});
      await compare(trainingDefinition(training, phase, 16), feed, 5e-3);
    }
});
