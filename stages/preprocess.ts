// Raw files to one data set file: read, checked, split by seed, with normalisation constants beside the pixels.
// Constants are measured on the training split alone, after validation images have left it.

import {writeFile} from 'node:fs/promises';
import {defineStage, StageError, z} from '../src/stage/define.ts';
import {formatOf, readFormat} from './data/formats.ts';
import {countClasses, type LabelledImages, pick, type RawDataset} from './data/labelled.ts';
import {isPublishedName, publishedNormalisation} from './data/normalisation.ts';
import {readRaw} from './data/raw.ts';
import {chooseSubset, splitOff} from './data/split.ts';
import {
  datasetFileName,
  encodeDataset,
  measureNormalisation,
  type Normalisation,
} from './learn/dataset-file.ts';

const constants = z.strictObject({
  mean: z.array(z.number()).min(1),
  std: z.array(z.number().positive()).min(1),
});

const params = z.object({
  validation: z
    .number()
    .min(0)
    .default(0)
    .describe('size of the validation split: below 1 a share of the training images, else a count'),
  validation_at_most: z
    .number()
    .positive()
    .max(1)
    .default(1)
    .describe('upper bound of the validation split, as a share of the training images'),
  choice: z
    .enum(['random', 'stratified', 'last'])
    .default('random')
    .describe('how validation images are chosen'),
  split_seed: z.number().int().min(0).default(0),
  test: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.2)
    .describe('share of the test split, stratified, for a data set that has none of its own'),
  train_per_class: z
    .number()
    .int()
    .positive()
    .default(30)
    .describe('training images per class of Caltech101; the rest is the test split'),
  image_size: z.number().int().positive().default(64).describe('side of the square that photographs become'),
  train_images: z
    .number()
    .int()
    .positive()
    .nullable()
    .default(null)
    .describe('keep so many training images, validation included; null for all'),
  test_images: z
    .number()
    .int()
    .positive()
    .nullable()
    .default(null)
    .describe('keep so many test images; null for all'),
  subset: z.enum(['first', 'random', 'balanced']).default('balanced').describe('which images are kept'),
  normalisation: z
    .union([
      z.enum(['train', 'published', 'none', 'mnist', 'fashion-mnist', 'cifar10', 'cifar100']),
      constants,
    ])
    .default('train')
    .describe('constants measured on the training split, published ones, or those given'),
  format: z
    .enum(['idx', 'cifar10', 'cifar100', 'digits', 'image-folders'])
    .optional()
    .describe('of a data set that is not in the list of `download`'),
});

type Params = z.output<typeof params>;

export default defineStage({
  about:
    'Makes one data set file of raw files: training, validation and test split, and normalisation constants.',
  params,
  inputs: {raw: 'one'},
  outputs: {dataset: {kind: 'file', name: datasetFileName}},
  async run({params, inputs, outputs, signal, log, progress, metric}) {
    const folder = inputs.raw.files.data ?? inputs.raw.path;
    const source = await readRaw(folder);
    const format = formatOf(source.dataset, params.format);
    const raw = await readFormat(folder, source.dataset, format, {
      size: params.image_size,
      perClass: params.train_per_class,
      seed: params.split_seed,
      signal,
      onProgress: (done, total) => progress({done, total, unit: 'images'}),
    });
    const splits = divide(raw, params, log);
    const {name, value} = normalisationOf(params.normalisation, source.dataset, splits.train, raw.channels);
    const isSubset = source.is_subset || params.train_images !== null || params.test_images !== null;
    const counts = {
      train: splits.train.count,
      validation: splits.validation.count,
      test: splits.test.count,
    };
    const bytes = encodeDataset({
      name: source.dataset,
      classNames: raw.classNames,
      height: raw.height,
      width: raw.width,
      channels: raw.channels,
      normalisation: value,
      provenance: {
        dataset: source.dataset,
        is_subset: isSubset,
        raw_sha256: source.sha256,
        ...(source.attribution === undefined ? {} : {attribution: source.attribution}),
        counts,
        normalisation: name,
        split: {seed: params.split_seed, choice: params.choice, has_own_test: raw.test !== null},
      },
      ...splits,
    });
    await writeFile(outputs.dataset, bytes);
    for (const [split, count] of Object.entries(counts)) metric(`${split}_images`, count);
    const perClass = countClasses(splits.train.labels, raw.classNames.length);
    log(`${source.dataset}: ${raw.height}×${raw.width}×${raw.channels}, ${raw.classNames.length} classes`);
    log(`images: ${counts.train} training, ${counts.validation} validation, ${counts.test} test`);
    log(`training images per class: ${Math.min(...perClass)} to ${Math.max(...perClass)}`);
  },
  holds: {
    raw: 'the folder that download made',
    dataset:
      'safetensors: {train,validation,test}_images as uint8 [count, height, width, channels] and _labels as int32 [count]; ' +
      'metadata: name, class_names, normalisation {mean, std} per channel, provenance',
  },
});

function divide(
  raw: RawDataset,
  params: Params,
  log: (line: string) => void,
): {train: LabelledImages; validation: LabelledImages; test: LabelledImages} {
  const {split_seed: seed} = params;
  let [all, test] = [raw.train, raw.test];
  if (test === null) {
    const {kept, taken} = splitOff(
      all.labels,
      Math.round(all.count * params.test),
      'stratified',
      seed,
      'test',
    );
    [all, test] = [pick(all, kept), pick(all, taken)];
  }
  all = limit(all, params.train_images, params, 'train_images');
  test = limit(test, params.test_images, params, 'test_images');
  const wanted = params.validation < 1 ? Math.round(all.count * params.validation) : params.validation;
  if (!Number.isInteger(wanted)) {
    throw new StageError(`validation: expected a share below 1 or a whole count, got ${params.validation}`);
  }
  const most = Math.floor(all.count * params.validation_at_most);
  const count = Math.min(wanted, most);
  if (count < wanted) {
    log(
      `validation: ${count} images rather than ${wanted}: at most ${params.validation_at_most} of ${all.count}`,
    );
  }
  if (count >= all.count) {
    throw new StageError(
      `validation: expected fewer than the ${all.count} training images, got ${count}`,
      'Give a share, such as 0.1, or bound it: `validation_at_most: 0.2`.',
    );
  }
  const {kept, taken} = splitOff(all.labels, count, params.choice, seed, 'validation');
  return {train: pick(all, kept), validation: pick(all, taken), test};
}

function limit(all: LabelledImages, count: number | null, params: Params, name: string): LabelledImages {
  if (count === null) return all;
  if (count > all.count) {
    throw new StageError(`${name}: expected at most the ${all.count} images that there are, got ${count}`);
  }
  return pick(all, chooseSubset(all.labels, count, params.subset, params.split_seed));
}

/** The constants, and what to call them in the record. */
function normalisationOf(
  choice: Params['normalisation'],
  dataset: string,
  train: LabelledImages,
  channels: number,
): {readonly name: string; readonly value: Normalisation} {
  if (typeof choice === 'object') return {name: 'given', value: fit(choice, channels)};
  if (choice === 'train') return {name: 'train', value: measureNormalisation(train.images, channels)};
  if (choice === 'none') {
    const ones = new Array<number>(channels).fill(1);
    return {name: 'none', value: {mean: ones.map(() => 0), std: ones}};
  }
  const name = choice === 'published' ? dataset : choice;
  if (!isPublishedName(name)) {
    throw new StageError(
      `normalisation: there are no published constants for ${dataset}`,
      `Use \`normalisation: train\`, or those of ${Object.keys(publishedNormalisation).join(', ')}.`,
    );
  }
  return {name: `published for ${name}`, value: fit(publishedNormalisation[name], channels)};
}

function fit(value: Normalisation, channels: number): Normalisation {
  if (value.mean.length === channels && value.std.length === channels) return value;
  throw new StageError(
    `normalisation: expected a mean and a std for each of ${channels} channels, got ${value.mean.length} and ${value.std.length}`,
  );
}
