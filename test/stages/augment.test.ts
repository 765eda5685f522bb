// The stage `augment`: a policy that `train` reads, and a sheet that shows the pixels that training sees.

import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {decode} from 'fast-png';
import type {StageInput} from '../../src/stage/define.ts';
import augment from '../../stages/augment.ts';
import {
  augmentationPolicy,
  augmentSample,
  drawAugmentation,
  drawLength,
} from '../../stages/learn/augmentation.ts';
import {encodeDataset} from '../../stages/learn/dataset-file.ts';
import {syntheticDataset} from '../learn/training-rig.ts';
import {runStage, temporaryFolder} from './rig.ts';

const dataset = syntheticDataset({train: 12, validation: 2, test: 2}, {height: 30, width: 30, channels: 3});

function dataInput(): StageInput {
  const folder = temporaryFolder();
  const file = join(folder, 'dataset.safetensors');
  writeFileSync(file, encodeDataset(dataset));
  return {path: folder, files: {dataset: file}, metrics: {}, cell: {}};
}

const given = {flip: 0.5, crop: {padding: 3, mode: 'reflect'}, cutout: {length: 10, when: 'before'}};
const policy = augmentationPolicy.parse(given);

test('the policy file has the policy with its defaults, whatever the sheet shows', async () => {
  const inputs = {data: dataInput()};
  const one = await runStage(augment, {augmentation: given, samples: 2, epochs: 1}, {inputs});
  const other = await runStage(augment, {augmentation: given, samples: 3, epochs: 2, seed: 5}, {inputs});
  const text = readFileSync(one.files.policy ?? '', 'utf8');
  assert.deepEqual(augmentationPolicy.parse(JSON.parse(text).policy), policy);
  assert.equal(readFileSync(other.files.policy ?? '', 'utf8'), text);
});

test('the sheet shows the original and the draws of the training with that seed, pixel for pixel', async () => {
  const params = {augmentation: given, samples: 3, epochs: 4, seed: 9};
  const inputs = {data: dataInput()};
  const first = await runStage(augment, params, {inputs});
  const again = await runStage(augment, params, {inputs});
  const bytes = readFileSync(first.files.sheet ?? '');
  assert.deepEqual(readFileSync(again.files.sheet ?? ''), bytes);
  const sheet = decode(bytes);
  const pixel = (x: number, y: number): readonly number[] =>
    Array.from(
      sheet.data.subarray((y * sheet.width + x) * sheet.channels, (y * sheet.width + x) * sheet.channels + 3),
      Number,
    );
  // Tiles are framed in grey, #999, which no other line of the sheet has: find the columns' left edges in the first row.
  const middle = 2 * (26 + 45);
  const isFrame = (x: number): boolean => pixel(x, middle).every(value => value === 0x99);
  const edges = Array.from({length: sheet.width - 1}, (_, x) => x).filter(x => isFrame(x) && !isFrame(x - 1));
  // Each tile has a left and a right edge, 2 × 90 pixels apart.
  const lefts = edges.filter(x => edges.includes(x + 182));
  assert.equal(lefts.length, 5);
  const sample = dataset.train.labels.indexOf(0);
  const original = dataset.train.images.subarray(sample * 2700, (sample + 1) * 2700);
  lefts.forEach((left, column) => {
    const draw = new Int32Array(drawLength);
    drawAugmentation(policy, dataset, 9, column - 1, 0, Int32Array.of(sample), draw);
    const expected = column === 0 ? original : augmentSample(policy, dataset, original, draw).pixels;
    for (let y = 0; y < 30; y++) {
      for (let x = 0; x < 30; x++) {
        const shown = pixel(left + 2 + 6 * x + 3, 2 * 26 + 6 * y + 3);
        assert.deepEqual(shown, Array.from(expected.subarray((y * 30 + x) * 3, (y * 30 + x) * 3 + 3)));
      }
    }
  });
});

test('a reflecting crop that is larger than the image is the user’s mistake', async () => {
  await assert.rejects(
    runStage(augment, {augmentation: {crop: {padding: 30, mode: 'reflect'}}}, {inputs: {data: dataInput()}}),
    /expected a reflecting padding below 30, got 30/,
  );
});
