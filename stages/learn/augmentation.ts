// Augmentation: a policy, the draws that it needs for each sample, and what a drawn sample looks like on the host.
// Training applies the same draws inside its compiled program (augmentation-graph.ts): pixels stay in the session,
// only a few integers per sample are sent, and there is nothing that training could wait for.
// Draws depend on seed, epoch and sample alone (`google` cutout: on seed, epoch and batch).

import {z} from '../../src/stage/define.ts';
import {stream} from './random.ts';

export const augmentationPolicy = z.strictObject({
  /** Probability of a horizontal flip. 0.5 for natural images; digits must not be flipped. */
  flip: z.number().min(0).max(1).default(0),
  /** Random crop at the image's own size out of the padded image; pixels are padded before normalisation. */
  crop: z
    .strictObject({
      /** Pixels on each side. 4 is usual. */
      padding: z.int().min(0).default(4),
      /** `zero` (davda54/sam, ASAM, Cutout) or `reflect` (google-research/sam, Wide ResNets). */
      mode: z.enum(['zero', 'reflect']).default('zero'),
    })
    .nullable()
    .default(null),
  /** One square is blanked. All three published variants do so after normalisation, which means the mean colour. */
  cutout: z
    .strictObject({
      /** Side in pixels: 16 for CIFAR-10, 8 for CIFAR-100, 20 for SVHN. */
      length: z.int().min(1),
      /**
       * `devries`: centre uniform in the image, clipped at the border (arXiv 1708.04552). `google`: one such square
       * for the whole batch (google-research/sam). `davda54`: top left corner uniform in -length/2 ..
       * size - length/2 - 1 (davda54/sam, F-SAM).
       */
      variant: z.enum(['devries', 'google', 'davda54']).default('devries'),
      /** How often. The sources have 1, 1 and 0.5. */
      probability: z.number().min(0).max(1).default(1),
      /** `before`: on the pixels, so that the square is black. */
      when: z.enum(['after', 'before']).default('after'),
    })
    .nullable()
    .default(null),
});

export type AugmentationPolicy = z.output<typeof augmentationPolicy>;

export const noAugmentation: AugmentationPolicy = {flip: 0, crop: null, cutout: null};

export const isNoAugmentation = ({flip, crop, cutout}: AugmentationPolicy): boolean =>
  flip === 0 && crop === null && cutout === null;

/** Integers per sample: crop row and column (0..2·padding), flip (0 or 1), blank rows and columns [from, to). */
export const drawLength = 7;

interface Size {
  readonly height: number;
  readonly width: number;
}

/**
 * Draws for one batch.
 * @param samples the samples' numbers in the split.
 * @param batch the batch's number in its epoch.
 * @param out int32 [samples.length × drawLength], written.
 */
export function drawAugmentation(
  policy: AugmentationPolicy,
  size: Size,
  seed: number,
  epoch: number,
  batch: number,
  samples: Int32Array,
  out: Int32Array,
): void {
  const shared =
    policy.cutout?.variant === 'google' ? drawSquare(policy, size, seed, epoch, batch) : undefined;
  for (let i = 0; i < samples.length; i++) {
    const sample = samples[i] ?? 0;
    const [top, left] = drawCrop(policy, seed, epoch, sample);
    const flip = policy.flip > 0 && stream(seed, 'flip', epoch, sample).uniform() < policy.flip ? 1 : 0;
    const square = shared ?? drawSquare(policy, size, seed, epoch, sample);
    out.set([top, left, flip, ...square], i * drawLength);
  }
}

function drawCrop({crop}: AugmentationPolicy, seed: number, epoch: number, sample: number): [number, number] {
  if (crop === null || crop.padding === 0) return [crop?.padding ?? 0, crop?.padding ?? 0];
  const draws = stream(seed, 'crop', epoch, sample);
  return [draws.below(2 * crop.padding + 1), draws.below(2 * crop.padding + 1)];
}

/** Rows and columns to blank: [top, bottom, left, right), an empty square where none is blanked. */
function drawSquare(
  {cutout}: AugmentationPolicy,
  {height, width}: Size,
  seed: number,
  epoch: number,
  unit: number,
): readonly [number, number, number, number] {
  if (cutout === null) return [0, 0, 0, 0];
  const draws = stream(seed, 'cutout', epoch, unit);
  const half = Math.floor(cutout.length / 2);
  const range = (size: number): [number, number] => {
    const centre = draws.below(size);
    const [from, to] =
      cutout.variant === 'davda54'
        ? [centre - half, centre - half + cutout.length]
        : [centre - half, centre + half];
    return [Math.max(0, from), Math.min(size, to)];
  };
  const square: [number, number, number, number] = [...range(height), ...range(width)];
  return cutout.probability < 1 && draws.uniform() >= cutout.probability ? [0, 0, 0, 0] : square;
}

/** One sample as the host sees it: its pixels, and which of them (height × width, 1 or 0) are blanked. */
export interface AugmentedSample {
  readonly pixels: Uint8Array;
  readonly blank: Uint8Array;
}

/**
 * Applies one sample's draws to its pixels [height, width, channels]: for pictures of what training sees, and the
 * oracle of the compiled form. Crop first, then flip, then cutout.
 * @param draw `drawLength` integers.
 */
export function augmentSample(
  policy: AugmentationPolicy,
  {height, width, channels}: Size & {readonly channels: number},
  pixels: Uint8Array,
  draw: Int32Array,
): AugmentedSample {
  const [top = 0, left = 0, flip = 0, blankTop = 0, blankBottom = 0, blankLeft = 0, blankRight = 0] = draw;
  const padding = policy.crop?.padding ?? 0;
  const out = new Uint8Array(pixels.length);
  const blank = new Uint8Array(height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const place = y * width + x;
      if (y >= blankTop && y < blankBottom && x >= blankLeft && x < blankRight) blank[place] = 1;
      if (blank[place] === 1 && policy.cutout?.when === 'before') continue;
      let row = y + top - padding;
      let column = (flip === 1 ? width - 1 - x : x) + left - padding;
      if (policy.crop?.mode === 'reflect') {
        row = reflect(row, height);
        column = reflect(column, width);
      }
      if (row < 0 || row >= height || column < 0 || column >= width) continue;
      const from = (row * width + column) * channels;
      out.set(pixels.subarray(from, from + channels), place * channels);
    }
  }
  return {pixels: out, blank};
}

/** Mirrors an index at the first and last pixel, without repeating them: -1 is 1, size is size - 2. */
const reflect = (index: number, size: number): number => {
  const positive = Math.abs(index);
  return size - 1 - Math.abs(size - 1 - positive);
};
