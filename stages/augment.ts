// The augmentation of a training as an artifact: the policy that `train` takes as its input `augmentation`, and a
// contact sheet that shows what the policy makes of the data set at hand.

import {readFile, writeFile} from 'node:fs/promises';
import {defineStage, StageError, z} from '../src/stage/define.ts';
import {augmentationPolicy} from './learn/augmentation.ts';

export default defineStage({
  about:
    'Fixes an augmentation policy, and shows it: a sheet of originals and of what training sees of them.',
  params: z.object({
    augmentation: z
      .union([z.enum(['none', 'basic', 'cutout']), augmentationPolicy])
      .default('basic')
      .describe('basic: flip and crop with 4 zeros; cutout: basic and a square of 16; or a policy'),
    samples: z.int().min(1).max(50).default(8).describe('rows of the sheet'),
    epochs: z.int().min(1).max(20).default(7).describe('columns of the sheet, beside the originals'),
    seed: z.int().min(0).default(0).describe('of the training whose draws are shown'),
    batch_size: z.int().positive().default(128).describe('where a batch shares its cutout'),
  }),
  inputs: {data: 'one'},
  outputs: {
    policy: {kind: 'file', name: 'policy.json'},
    sheet: {kind: 'file', name: 'sheet.png'},
  },
  holds: {
    data: 'a data set file of preprocess',
    policy: 'JSON: every constant of the augmentation, as train takes it',
    sheet: 'PNG: originals in the first column, then one column per epoch',
  },
  async run({params, inputs, outputs, log}) {
    const {policyOf} = await import('./learn/assembly.ts');
    const {decodeDataset} = await import('./learn/dataset-file.ts');
    const {contactSheet} = await import('./plots/contact-sheet.ts');
    const {toPng} = await import('./plots/raster.ts');
    const path = inputs.data.files.dataset ?? inputs.data.path;
    const dataset = decodeDataset(await readFile(path), path);
    const policy = policyOf(params.augmentation);
    const smallest = Math.min(dataset.height, dataset.width);
    if (policy.crop?.mode === 'reflect' && policy.crop.padding >= smallest) {
      throw new StageError(
        `crop: expected a reflecting padding below ${smallest}, got ${policy.crop.padding}`,
        `The images are ${dataset.height}×${dataset.width}.`,
      );
    }
    if (dataset.channels !== 1 && dataset.channels !== 3) {
      throw new StageError(`expected images of 1 or 3 channels, got ${dataset.channels}`);
    }
    // The policy alone, so that a training that takes it does not depend on what the sheet shows.
    await writeFile(outputs.policy, `${JSON.stringify({format: 'pipe-augmentation-1', policy}, null, 2)}\n`);
    const {samples, epochs, seed, batch_size: batchSize} = params;
    const sheet = contactSheet(dataset, policy, {samples, epochs, seed, batchSize});
    await writeFile(outputs.sheet, await toPng(sheet, 2));
    log(`${JSON.stringify(policy)}`);
  },
});
