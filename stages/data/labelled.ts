// Images with labels as they come out of a raw format, before anything is split or chosen.

/** `images` is row-major [count, height, width, channels] of uint8; `labels` is [count]. */
export interface LabelledImages {
  readonly count: number;
  readonly images: Uint8Array;
  readonly labels: Int32Array;
}

export interface RawDataset {
  readonly classNames: readonly string[];
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly train: LabelledImages;
  /** `null` where the data set has no test split of its own. */
  readonly test: LabelledImages | null;
}

/** The images at `indices`, in that order. */
export function pick(all: LabelledImages, indices: Int32Array): LabelledImages {
  const pixels = all.count === 0 ? 0 : all.images.length / all.count;
  const images = new Uint8Array(indices.length * pixels);
  const labels = new Int32Array(indices.length);
  indices.forEach((index, at) => {
    images.set(all.images.subarray(index * pixels, (index + 1) * pixels), at * pixels);
    labels[at] = all.labels[index] ?? 0;
  });
  return {count: indices.length, images, labels};
}

/** How often each class occurs. */
export function countClasses(labels: Int32Array, classes: number): readonly number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}
