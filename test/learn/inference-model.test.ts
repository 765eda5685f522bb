import assert from 'node:assert/strict';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import * as ort from 'onnxruntime-node';
import {compile, EngineError, exportInference} from '../../src/engine/index.ts';
import {normalise} from '../../stages/learn/augmentation-graph.ts';
import {inferenceModel} from '../../stages/learn/inference-model.ts';
import {type Model, tensorNamed} from '../../stages/learn/models/model.ts';
import {simpleNn} from '../../stages/learn/models/simple-nn.ts';
import {wideResnet} from '../../stages/learn/models/wide-resnet.ts';
import {initialState, pick} from '../../stages/learn/training-program.ts';
import {classes, syntheticDataset, trainingOf} from './training-rig.ts';

const dataset = syntheticDataset({train: 8, validation: 0, test: 0}, {height: 8, width: 8, channels: 3});
const shape = {...dataset, classes};

const models: readonly Model[] = [
  simpleNn(shape, {hidden: [16, 8], dropout: 0.2, init: 'he'}),
  wideResnet(shape, {depth: 10, width: 2, shortcut: 'projection', dropout: 0, init: 'zagoruyko'}),
  wideResnet(shape, {depth: 10, width: 2, shortcut: 'zero-pad', dropout: 0, init: 'google'}),
];

test('an exported model gives the logits of the trained one, for any batch size, loaded from a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pipe-inference-'));
  try {
    for (const model of models) {
      const state = initialState(trainingOf(dataset, {model}));
      const path = join(folder, 'model.onnx');
      await writeFile(path, inferenceModel(model, dataset, state));
      const session = await ort.InferenceSession.create(path);
      for (const count of [1, 2, 5]) {
        const sample = [count, dataset.height, dataset.width, dataset.channels];
        const pixels = dataset.train.images.slice(
          0,
          sample.reduce((a, b) => a * b),
        );
        const program = await compile(
          {
            name: 'logits',
            state,
            resident: {pixels: {dtype: 'uint8', shape: sample, data: pixels}},
            step: given => {
              const images = normalise(tensorNamed(given.resident, 'pixels'), dataset.normalisation);
              const [weights, statistics] = [pick(given.state, 'weights'), pick(given.state, 'statistics')];
              const {logits} = model.forward(weights, statistics, images as tf.Tensor4D, {
                phase: 'evaluation',
              });
              return {state: given.state, metrics: {logits}};
            },
          },
          {device: 'tfjs'},
        );
        const {logits: wanted} = await program.run({}, 1);
        await program.dispose();
        const {logits} = await session.run({images: new ort.Tensor('uint8', pixels, sample)});
        assert.ok(wanted && logits);
        assert.deepEqual(logits.dims, [count, classes]);
        const got = logits.data as Float32Array;
        wanted.data.forEach((value, i) => {
          assert.ok(Math.abs((got[i] ?? Number.NaN) - value) < 1e-4, `${model.name}: ${got[i]} for ${value}`);
        });
      }
    }
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
});

test('a forward pass that depends on its batch size is refused', () => {
  const x = {dtype: 'float32', shape: [2]} as const;
  const one = {dtype: 'float32', shape: [], data: Float32Array.of(1)} as const;
  const refused = (forward: (x: tf.Tensor) => tf.Tensor, message: RegExp): void =>
    assert.throws(
      () =>
        exportInference({
          name: 'odd',
          weights: {one},
          inputs: {x},
          forward: (_weights, inputs) => ({y: forward(tensorNamed(inputs, 'x'))}),
        }),
      (error: Error) => error instanceof EngineError && message.test(error.message),
    );
  refused(x => tf.mul(x, x.shape[0] ?? 0), /depends on its batch size/);
  refused(x => tf.sum(x), /expected the batch as the first axis of y/);
});
