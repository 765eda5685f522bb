// The fixed subset of a split that the loss surface is the mean over.

import type {Dataset, Split} from '../learn/dataset-file.ts';
import {permutation, stream} from '../learn/random.ts';

/** `count` samples chosen by the seed, or all of the split where it has no more. */
export function chooseSamples(
  dataset: Dataset,
  split: 'train' | 'validation' | 'test',
  count: number,
  seed: number,
): Split {
  const all = dataset[split];
  const size = dataset.height * dataset.width * dataset.channels;
  const chosen = permutation(stream(seed, 'subset'), all.count).subarray(0, Math.min(count, all.count));
  const images = new Uint8Array(chosen.length * size);
  chosen.forEach((sample, i) => {
    images.set(all.images.subarray(sample * size, (sample + 1) * size), i * size);
  });
  return {count: chosen.length, images, labels: chosen.map(sample => all.labels[sample] ?? 0)};
}
