// The stage `sharpness` on weights that the stage `train` wrote.

import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {decodeSafetensors, encodeSafetensors} from '../../src/engine/safetensors.ts';
import {StageError, type StageInput} from '../../src/stage/define.ts';
import {encodeDataset} from '../../stages/learn/dataset-file.ts';
import sharpness from '../../stages/sharpness.ts';
import train from '../../stages/train.ts';
import {syntheticDataset} from '../learn/training-rig.ts';
import {runStage, type StageRun, temporaryFolder} from './rig.ts';

const counts = {train: 60, validation: 0, test: 12};

function dataInput(side: number): StageInput {
  const folder = temporaryFolder();
  const file = join(folder, 'dataset.safetensors');
  writeFileSync(file, encodeDataset(syntheticDataset(counts, {height: side, width: side, channels: 1})));
  return {path: folder, files: {dataset: file}, metrics: {}, cell: {}};
}

const data = dataInput(6);
const trained = (): Promise<StageRun> =>
  runStage(train, {hidden: [8], epochs: 3, batch_size: 20, seed: 1}, {inputs: {data}});

const small = {
  samples: 40,
  batch_size: 16,
  eigenvalues: 3,
  lanczos_steps: 30,
  power_iterations: 300,
  tolerance: 1e-4,
  m: [1, 8, 100],
  line_points: 5,
  grid_points: 3,
};

const read = (run: StageRun, name: string): string => readFileSync(run.files[name] ?? '', 'utf8');
const rows = (csv: string): readonly (readonly string[])[] =>
  csv
    .trim()
    .split('\n')
    .slice(1)
    .map(line => line.split(','));

test('a trained model is measured, twice to the same bytes', async () => {
  const model = (await trained()).asInput();
  const first = await runStage(sharpness, small, {inputs: {model, data}});
  const again = await runStage(sharpness, small, {inputs: {model, data}});
  for (const name of Object.keys(first.files)) assert.equal(read(again, name), read(first, name), name);

  const json = JSON.parse(read(first, 'sharpness'));
  assert.equal(json.samples, 40);
  const {metrics} = first;
  const [top = 0, powerTop = 0] = [metrics.hessian_max, metrics.hessian_max_power];
  assert.ok(Math.abs(top - powerTop) < 0.01 * top, `${top} and ${powerTop}`);
  assert.ok((metrics.m_sharpness_1 ?? 0) > (metrics.m_sharpness_8 ?? 0));
  assert.equal(metrics.m_sharpness_100, undefined);
  assert.ok(first.log.some(line => line.startsWith('m 100 is left out')));
  assert.equal(rows(read(first, 'eigenvalues')).length, 3 + 3 + 1);

  // The middle of both slices is the trained model.
  const line = rows(read(first, 'line'));
  assert.deepEqual(
    line.map(([x]) => Number(x)),
    [-1, -0.5, 0, 0.5, 1],
  );
  const grid = rows(read(first, 'landscape'));
  assert.equal(grid.length, 9);
  assert.equal(Number(line[2]?.[2]), metrics.subset_loss);
  assert.equal(Number(grid[4]?.[2]), metrics.subset_loss);
  // The grid's middle row lies on the line.
  assert.equal(grid[3]?.[2], line[0]?.[2]);
});

test('another batch changes nothing but rounding', async () => {
  const model = (await trained()).asInput();
  const one = await runStage(sharpness, {...small, batch_size: 7}, {inputs: {model, data}});
  const other = await runStage(sharpness, {...small, batch_size: 40}, {inputs: {model, data}});
  const [a = 0, b = 0] = [one.metrics.hessian_max, other.metrics.hessian_max];
  assert.ok(Math.abs(a - b) < 1e-3 * b, `${a} and ${b}`);
});

test('data of another shape are said to be so', async () => {
  const run = await trained();
  await assert.rejects(
    runStage(sharpness, small, {inputs: {model: run.asInput(), data: dataInput(5)}}),
    (error: unknown) =>
      error instanceof StageError &&
      /expected the data that simple-nn-36-8-3 was trained on/.test(error.message),
  );
});

test('a diverged training is a result: no numbers, and the metric says so', async () => {
  const run = await trained();
  const file = run.files.weights ?? '';
  const {tensors, metadata} = decodeSafetensors(readFileSync(file), file);
  const bias = tensors['dense1.bias'];
  assert.ok(bias?.dtype === 'float32');
  const broken = {...tensors, 'dense1.bias': {...bias, data: bias.data.map(() => Number.NaN)}};
  writeFileSync(file, encodeSafetensors({tensors: broken, metadata}));
  const measured = await runStage(sharpness, small, {inputs: {model: run.asInput(), data}});
  assert.deepEqual(measured.metrics, {diverged: 1});
  assert.equal(read(measured, 'line'), 'x,y,loss,accuracy\n');
  assert.equal(JSON.parse(read(measured, 'sharpness')).sam_sharpness, null);
});
