// What a compiled model is trained on, and the splits of a data set as that.

import {readFile} from 'node:fs/promises';
import type {HostTensor, HostTensors} from '../../../src/engine/index.ts';
import {type Dataset, decodeDataset, type Split} from '../dataset-file.ts';

/**
 * Inputs and labels, one row per sample; of models with several, by the names of inputs and outputs. `uint8` inputs stay
 * bytes in memory and are numbers from 0 to 255 inside.
 */
export interface Samples {
  readonly x: HostTensor | HostTensors;
  readonly y: HostTensor | HostTensors;
}

/** Rows for each name, in the order of the names. @throws RangeError for other names than those. */
export function rowsByName(
  what: string,
  given: HostTensor | HostTensors,
  names: readonly string[],
): readonly HostTensor[] {
  if (isTensor(given)) {
    if (names.length === 1) return [given];
    throw new RangeError(`expected ${what} by name (${names.join(', ')}), got one tensor`);
  }
  const strangers = Object.keys(given).filter(name => !names.includes(name));
  if (strangers.length > 0)
    throw new RangeError(`expected ${what} named ${names.join(', ')}, got ${strangers.join(', ')}`);
  return names.map(name => {
    const tensor = given[name];
    if (tensor === undefined) throw new RangeError(`expected ${what} for ${name}, got none`);
    return tensor;
  });
}

const isTensor = (given: HostTensor | HostTensors): given is HostTensor =>
  ArrayBuffer.isView(given.data) && Array.isArray(given.shape);

/** Images and labels of one split. */
export interface ImageSamples {
  readonly x: HostTensor;
  readonly y: HostTensor;
}

export interface SampleSets {
  readonly train: ImageSamples;
  /** Undefined where the data set has none. */
  readonly validation: ImageSamples | undefined;
  readonly test: ImageSamples;
}

/** The data set of a stage's input, and what a network for it takes and gives. */
export interface ReadSamples extends SampleSets {
  readonly dataset: Dataset;
  /** Of one image: [height, width, channels]. */
  readonly shape: [height: number, width: number, channels: number];
  /** How many there are. */
  readonly classes: number;
}

/**
 * Reads what `preprocess` made, from the input of a stage: its file, or of several the one named `dataset`.
 * @throws RangeError for a file that is no data set.
 */
export async function readSamples(input: {
  readonly path: string;
  readonly files: Readonly<Record<string, string>>;
}): Promise<ReadSamples> {
  const path = input.files.dataset ?? input.path;
  const dataset = decodeDataset(await readFile(path), path);
  const {height, width, channels, classNames} = dataset;
  return {...samplesOf(dataset), dataset, shape: [height, width, channels], classes: classNames.length};
}

/** Images as bytes, [count, height, width, channels], and labels, int32 [count]. */
export function samplesOf(dataset: Dataset): SampleSets {
  const {height, width, channels} = dataset;
  const samples = ({count, images, labels}: Split): ImageSamples => ({
    x: {dtype: 'uint8', shape: [count, height, width, channels], data: images},
    y: {dtype: 'int32', shape: [count], data: labels},
  });
  return {
    train: samples(dataset.train),
    validation: dataset.validation.count > 0 ? samples(dataset.validation) : undefined,
    test: samples(dataset.test),
  };
}
