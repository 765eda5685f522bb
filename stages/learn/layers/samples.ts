// What a compiled model is trained on, and the splits of a data set as that.

import type {HostTensor} from '../../../src/engine/index.ts';
import type {Dataset, Split} from '../dataset-file.ts';

/** Inputs and labels, one row per sample. `uint8` inputs stay bytes in memory and are numbers from 0 to 255 inside. */
export interface Samples {
  readonly x: HostTensor;
  readonly y: HostTensor;
}

export interface SampleSets {
  readonly train: Samples;
  /** Undefined where the data set has none. */
  readonly validation: Samples | undefined;
  readonly test: Samples;
}

/** Images as bytes, [count, height, width, channels], and labels, int32 [count]. */
export function samplesOf(dataset: Dataset): SampleSets {
  const {height, width, channels} = dataset;
  const samples = ({count, images, labels}: Split): Samples => ({
    x: {dtype: 'uint8', shape: [count, height, width, channels], data: images},
    y: {dtype: 'int32', shape: [count], data: labels},
  });
  return {
    train: samples(dataset.train),
    validation: dataset.validation.count > 0 ? samples(dataset.validation) : undefined,
    test: samples(dataset.test),
  };
}
