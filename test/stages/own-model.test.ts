// `train` with a model that a module of the project makes.

import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {StageError} from '../../src/stage/define.ts';
import download from '../../stages/download.ts';
import preprocess from '../../stages/preprocess.ts';
import sharpness from '../../stages/sharpness.ts';
import train from '../../stages/train.ts';
import {runStage, temporaryFolder} from './rig.ts';

const raw = await runStage(download, {dataset: 'digits'});
const preprocessed = await runStage(
  preprocess,
  {train_images: 400, test_images: 150, validation: 0.25},
  {inputs: {raw: raw.asInput()}},
);
const data = preprocessed.asInput();
const params = {model: './models/mine.ts', batch_size: 32, lr: 0.05, epochs: 6, seed: 3};

/** The module, with a file beside it, as files that a stage declares. */
function declared(text: string): Readonly<Record<string, string>> {
  const folder = temporaryFolder();
  const [mine, sizes] = [join(folder, 'mine.ts'), join(folder, 'sizes.ts')];
  writeFileSync(mine, text);
  writeFileSync(sizes, 'export const filters: number = 8;\n');
  return {'models/mine.ts': mine, 'models/sizes.ts': sizes};
}

const network = `import * as tf from '@tensorflow/tfjs';
import type {ImageShape} from 'pipe-ml/learn';
import {filters} from './sizes.ts';

export default ({height, width, channels, classes}: ImageShape): tf.LayersModel =>
  tf.sequential({
    layers: [
      tf.layers.conv2d({filters, kernelSize: 3, activation: 'relu', inputShape: [height, width, channels]}),
      tf.layers.batchNormalization(),
      tf.layers.flatten(),
      tf.layers.dropout({rate: 0.1}),
      tf.layers.dense({units: classes, kernelRegularizer: tf.regularizers.l2({l2: 1e-3})}),
    ],
  });
`;

test('a model of one’s own trains by every rule, from its seed, to the same bytes each time', async () => {
  const files = declared(network);
  const first = await runStage(train, {...params, optimizer: 'sam'}, {inputs: {data}, files});
  assert.ok((first.metrics.test_accuracy ?? 0) > 0.7, String(first.metrics.test_accuracy));
  assert.equal(first.metrics.parameter_count, 9 * 8 + 8 + 2 * 8 + 6 * 6 * 8 * 10 + 10);
  assert.ok(first.log.some(line => line.startsWith('mine: ')));
  const bytes = (run: typeof first): Buffer => readFileSync(run.files.weights ?? '');
  const again = await runStage(train, {...params, optimizer: 'sam'}, {inputs: {data}, files});
  assert.deepEqual(bytes(again), bytes(first));
  const other = await runStage(train, {...params, seed: 4, epochs: 1}, {inputs: {data}, files});
  const plain = await runStage(train, {...params, epochs: 1}, {inputs: {data}, files});
  assert.notDeepEqual(bytes(other), bytes(plain));
  await assert.rejects(runStage(sharpness, {}, {inputs: {model: first.asInput(), data}}), {
    name: 'StageError',
    message: /expected weights of simple-nn or wide-resnet, got those of \.\/models\/mine\.ts/,
  });
});

test('the model of the README trains', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, example = ''] = /```ts\n(\/\/ models\/mine\.ts.*?)```/s.exec(readme) ?? [];
  const run = await runStage(train, {...params, epochs: 3}, {inputs: {data}, files: declared(example)});
  assert.ok((run.metrics.test_accuracy ?? 0) > 0.6, String(run.metrics.test_accuracy));
});

test('what a module lacks is said with its name', async () => {
  const dense = 'tf.layers.dense({units: 3, inputShape: [2]})';
  const refusals: readonly [string, RegExp][] = [
    ['export const model = 1;', /mine\.ts: expected a function as its default export, got undefined/],
    ['export default () => 7;', /mine\.ts: expected a model of tf\.layers/],
    ["import * as tf from '@tensorflow/tfjs'; export default () => (", /mine\.ts: .*[Uu]nexpected/],
    ["import fs from './missing.ts'; export default fs;", /mine\.ts: Could not resolve "\.\/missing\.ts"/],
    [
      `import * as tf from '@tensorflow/tfjs'; export default () => tf.sequential({layers: [${dense}]});`,
      /mine\.ts: expected a model of \[8, 8, 1\] to \[10\], got \[2\] to \[3\]/,
    ],
  ];
  for (const [text, message] of refusals)
    await assert.rejects(runStage(train, params, {inputs: {data}, files: declared(text)}), error => {
      assert.ok(error instanceof StageError, String(error));
      assert.match(error.message, message);
      return true;
    });
  assert.match(
    train.params.safeParse({...params, dropout: 0.1}).error?.issues[0]?.message ?? '',
    /expected 0 for \.\/models\/mine\.ts, whose own layers drop/,
  );
});
