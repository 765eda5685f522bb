// A contact sheet of what training sees: a row per sample; columns are the original and the draws of the first
// epochs, made by the same function that is the oracle of the compiled augmentation.

import {encode} from 'fast-png';
import {type AugmentationPolicy, augmentSample, drawAugmentation, drawLength} from '../learn/augmentation.ts';
import {batchesOf, stepsPerEpoch} from '../learn/batches.ts';
import type {Dataset} from '../learn/dataset-file.ts';
import {fontFamily, textWidth} from './font.ts';

export interface ContactSheetOptions {
  /** Rows. */
  readonly samples: number;
  /** Columns beside the original. */
  readonly epochs: number;
  /** The seed and batch size of the training whose draws are shown. */
  readonly seed: number;
  readonly batchSize: number;
}

/** Gap between tiles, heights of heading and caption, in pixels. */
const gap = 6;
const heading = 26;
const caption = 24;
const fontSize = 13;

/** The sheet as SVG, its tiles PNGs within: pixels are squares, not smoothed. */
export function contactSheet(
  dataset: Dataset,
  policy: AugmentationPolicy,
  options: ContactSheetOptions,
): string {
  const samples = spreadOverClasses(dataset, options.samples);
  const draws = drawsOf(dataset, policy, options, samples);
  const names = samples.map(sample => dataset.classNames[dataset.train.labels[sample] ?? -1] ?? '');
  const left = 12 + Math.ceil(Math.max(...names.map(name => textWidth(name, fontSize, 400))));
  // Whole multiples, so that each pixel of an image is a square.
  const tile = dataset.width * Math.max(1, Math.round(90 / dataset.width));
  const tileHeight = (tile * dataset.height) / dataset.width;
  const words = `${dataset.name}, seed ${options.seed}: ${policyText(policy)}`;
  const width = Math.max(
    left + (options.epochs + 1) * (tile + gap) + 12,
    left + Math.ceil(textWidth(words, fontSize, 400)) + 18,
  );
  const height = heading + samples.length * (tileHeight + gap) + caption;
  // The original stands apart from the draws.
  const x = (column: number): number => left + gap + column * (tile + gap) + (column > 0 ? 6 : 0);
  const y = (row: number): number => heading + row * (tileHeight + gap);
  const text = (at: number, base: number, anchor: string, content: string): string =>
    `<text x="${at}" y="${base}" text-anchor="${anchor}" fill="#222">${escapeXml(content)}</text>`;
  const parts = Array.from({length: options.epochs + 1}, (_, column) =>
    text(x(column) + tile / 2, heading - 8, 'middle', column === 0 ? 'original' : `epoch ${column}`),
  );
  samples.forEach((sample, row) => {
    parts.push(text(left - 2, y(row) + tileHeight / 2 + 5, 'end', names[row] ?? ''));
    const tiles = [
      pictureOf(dataset, policy, sample, undefined),
      ...(draws[row] ?? []).map(draw => pictureOf(dataset, policy, sample, draw)),
    ];
    tiles.forEach((png, column) => {
      const href = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
      parts.push(
        `<image x="${x(column)}" y="${y(row)}" width="${tile}" height="${tileHeight}" image-rendering="optimizeSpeed" href="${href}"/>`,
        `<rect x="${x(column) - 0.5}" y="${y(row) - 0.5}" width="${tile + 1}" height="${tileHeight + 1}" fill="none" stroke="#999"/>`,
      );
    });
  });
  parts.push(text(x(0), height - 8, 'start', words));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${fontFamily}" font-size="${fontSize}">\n<rect width="100%" height="100%" fill="#fff"/>\n${parts.join('\n')}\n</svg>\n`;
}

/** The policy in words, for the caption. */
function policyText({crop, flip, cutout}: AugmentationPolicy): string {
  const parts = [
    crop === null ? [] : `crop after padding ${crop.padding} (${crop.mode})`,
    flip === 0 ? [] : `flip with probability ${flip}`,
    cutout === null
      ? []
      : `cutout ${cutout.length} (${cutout.variant}, ${cutout.when} normalisation, probability ${cutout.probability})`,
  ].flat();
  return parts.join('; ') || 'no augmentation';
}

/** Sample numbers: the first of each class in turn, then the second of each, … */
function spreadOverClasses({train, classNames}: Dataset, count: number): readonly number[] {
  const seen = new Array<number>(classNames.length).fill(0);
  const ranked = Array.from(train.labels, (label, sample) => {
    const rank = seen[label] ?? 0;
    seen[label] = rank + 1;
    return {sample, label, rank};
  });
  return ranked
    .filter(({rank}) => rank < count)
    .sort((a, b) => a.rank - b.rank || a.label - b.label)
    .slice(0, count)
    .map(({sample}) => sample);
}

/** What each sample gets in each epoch: [row][epoch] of `drawLength` integers. */
function drawsOf(
  dataset: Dataset,
  policy: AugmentationPolicy,
  {epochs, seed, batchSize}: ContactSheetOptions,
  samples: readonly number[],
): readonly (readonly Int32Array[])[] {
  const {count} = dataset.train;
  const plan = {count, size: Math.min(batchSize, count), dropLast: false, seed};
  const isShared = policy.cutout?.variant === 'google';
  const rows: Int32Array[][] = samples.map(() => []);
  for (let epoch = 0; epoch < epochs; epoch++) {
    // Only a square that a batch shares depends on the batch.
    const batches = isShared ? batchesOf(plan, epoch) : [];
    samples.forEach((sample, row) => {
      const batch = Math.max(
        0,
        batches.findIndex(numbers => numbers.includes(sample)),
      );
      if (batch >= stepsPerEpoch(plan)) throw new Error(`no batch holds sample ${sample}`);
      const draw = new Int32Array(drawLength);
      drawAugmentation(policy, dataset, seed, epoch, batch, Int32Array.of(sample), draw);
      rows[row]?.push(draw);
    });
  }
  return rows;
}

/** One tile as PNG. What is blanked after normalisation is 0 there, which is the mean colour. */
function pictureOf(
  dataset: Dataset,
  policy: AugmentationPolicy,
  sample: number,
  draw: Int32Array | undefined,
): Uint8Array {
  const {height, width, channels, normalisation} = dataset;
  const size = height * width * channels;
  const original = dataset.train.images.subarray(sample * size, (sample + 1) * size);
  const {pixels, blank} =
    draw === undefined
      ? {pixels: Uint8Array.from(original), blank: undefined}
      : augmentSample(policy, dataset, original, draw);
  if (blank !== undefined && policy.cutout?.when === 'after') {
    const mean = normalisation.mean.map(value => Math.round(255 * value));
    blank.forEach((isBlank, place) => {
      if (isBlank === 1) pixels.set(mean, place * channels);
    });
  }
  return encode({width, height, channels: channels === 3 ? 3 : 1, depth: 8, data: pixels});
}

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
