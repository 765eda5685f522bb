// The data set as it travels between stages: one safetensors file with images and labels of three splits,
// and what is needed to interpret them. `preprocess` writes it; `augment` and `train` read it.
// Pixels stay uint8; normalisation constants travel beside them and are applied when pixels are used.

import {decodeSafetensors, encodeSafetensors} from '../../src/engine/safetensors.ts';
import {StageError} from '../../src/stage/define.ts';

export const datasetFileName = 'dataset.safetensors';

/** One split. `images` is row-major [count, height, width, channels], `labels` [count] in 0..classes-1. */
export interface Split {
  readonly count: number;
  readonly images: Uint8Array;
  readonly labels: Int32Array;
}

/** Per channel, on pixels scaled to [0, 1]: x ↦ (x/255 - mean) / std. */
export interface Normalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export interface Dataset {
  readonly name: string;
  readonly classNames: readonly string[];
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly normalisation: Normalisation;
  /** Where the data come from and how they were split; for people and for the record. JSON values only. */
  readonly provenance: Readonly<Record<string, unknown>>;
  readonly train: Split;
  /** May be empty. */
  readonly validation: Split;
  readonly test: Split;
}

const format = 'pipe-dataset-1';
const splits = ['train', 'validation', 'test'] as const;

/**
 * The file's bytes: the same data set always gives the same bytes.
 * @throws when a split's sizes or labels do not fit the data set's shape and classes.
 */
export function encodeDataset(dataset: Dataset): Uint8Array {
  check(dataset, 'data set');
  const {height, width, channels} = dataset;
  return encodeSafetensors({
    tensors: Object.fromEntries(
      splits.flatMap(name => {
        const {count, images, labels} = dataset[name];
        return [
          [`${name}_images`, {dtype: 'uint8', shape: [count, height, width, channels], data: images}],
          [`${name}_labels`, {dtype: 'int32', shape: [count], data: labels}],
        ];
      }),
    ),
    metadata: {
      format,
      name: dataset.name,
      class_names: JSON.stringify(dataset.classNames),
      normalisation: JSON.stringify(dataset.normalisation),
      provenance: JSON.stringify(dataset.provenance),
    },
  });
}

/**
 * Reads what `encodeDataset` wrote. The arrays are views of `bytes`: do not write to either.
 * @param place the file's name, for messages.
 * @throws when the file is not a data set, with what was expected.
 */
export function decodeDataset(bytes: Uint8Array, place: string): Dataset {
  const {tensors, metadata} = decodeSafetensors(bytes, place);
  if (metadata.format !== format) {
    throw new StageError(
      `${place}: expected a data set (format ${format}), got ${metadata.format ?? 'no format'}; give the output of the stage preprocess`,
    );
  }
  const read = (name: (typeof splits)[number]): Split & {shape: readonly number[]} => {
    const images = tensors[`${name}_images`];
    const labels = tensors[`${name}_labels`];
    if (images?.dtype !== 'uint8' || images.shape.length !== 4) {
      throw new StageError(`${place}: expected ${name}_images as uint8 [count, height, width, channels]`);
    }
    if (labels?.dtype !== 'int32' || labels.shape.length !== 1) {
      throw new StageError(`${place}: expected ${name}_labels as int32 [count]`);
    }
    return {count: labels.data.length, images: images.data, labels: labels.data, shape: images.shape};
  };
  const train = read('train');
  const [, height = 0, width = 0, channels = 0] = train.shape;
  const normalisation: unknown = JSON.parse(metadata.normalisation ?? 'null');
  const classNames: unknown = JSON.parse(metadata.class_names ?? 'null');
  const provenance: unknown = JSON.parse(metadata.provenance ?? 'null');
  if (!isNormalisation(normalisation))
    throw new StageError(`${place}: expected metadata.normalisation as {mean, std}`);
  if (!isStrings(classNames))
    throw new StageError(`${place}: expected metadata.class_names as a list of strings`);
  if (!isRecord(provenance)) throw new StageError(`${place}: expected metadata.provenance as an object`);
  const split = ({count, images, labels}: Split): Split => ({count, images, labels});
  const dataset: Dataset = {
    name: metadata.name ?? '',
    classNames,
    height,
    width,
    channels,
    normalisation,
    provenance,
    train: split(train),
    validation: split(read('validation')),
    test: split(read('test')),
  };
  check(dataset, place);
  return dataset;
}

/**
 * Mean and population standard deviation of each channel over all pixels, on the scale [0, 1].
 * Exact up to the last rounding, since the sums are of integers. A constant channel gets std 1, so that it maps to 0.
 */
export function measureNormalisation(images: Uint8Array, channels: number): Normalisation {
  if (images.length === 0)
    throw new StageError('cannot measure the normalisation of no images; expected at least one');
  const histograms = Array.from({length: channels}, () => new Float64Array(256));
  let channel = 0;
  for (const pixel of images) {
    const histogram = histograms[channel];
    if (histogram) histogram[pixel] = (histogram[pixel] ?? 0) + 1;
    channel = channel + 1 === channels ? 0 : channel + 1;
  }
  const pixels = images.length / channels;
  const mean = histograms.map(h => h.reduce((sum, n, value) => sum + n * value, 0) / pixels);
  const std = histograms.map((h, c) =>
    Math.sqrt(h.reduce((sum, n, value) => sum + n * (value - (mean[c] ?? 0)) ** 2, 0) / pixels),
  );
  return {mean: mean.map(m => m / 255), std: std.map(s => (s === 0 ? 1 : s / 255))};
}

function check(dataset: Dataset, place: string): void {
  const {height, width, channels, classNames, normalisation} = dataset;
  const pixels = height * width * channels;
  if (!(pixels > 0))
    throw new StageError(
      `${place}: expected images of at least one pixel, got ${height}×${width}×${channels}`,
    );
  if (normalisation.mean.length !== channels || normalisation.std.length !== channels) {
    throw new StageError(`${place}: expected one mean and std for each of ${channels} channels`);
  }
  if (!normalisation.std.every(value => value > 0))
    throw new StageError(`${place}: expected every std above 0`);
  for (const name of splits) {
    const {count, images, labels} = dataset[name];
    if (labels.length !== count || images.length !== count * pixels) {
      throw new StageError(
        `${place}: expected ${count} labels and ${count * pixels} pixels in ${name}, got ${labels.length} and ${images.length}`,
      );
    }
    const wrong = labels.find(label => label < 0 || label >= classNames.length);
    if (wrong !== undefined) {
      throw new StageError(
        `${place}: expected labels of ${name} in 0..${classNames.length - 1}, got ${wrong}`,
      );
    }
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every(item => typeof item === 'string');
const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every(item => typeof item === 'number' && Number.isFinite(item));
const isNormalisation = (value: unknown): value is Normalisation =>
  isRecord(value) && isNumbers(value.mean) && isNumbers(value.std);
