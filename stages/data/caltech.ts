// Caltech101: a folder of JPEGs per class. It has no split of its own; the usual one takes 30 training images per
// class at random and tests on the rest. The class BACKGROUND_Google is no object and is dropped, as elsewhere.

import {readdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {StageError} from '../../src/stage/define.ts';
import {permutation, stream} from '../learn/random.ts';
import {type LabelledImages, pick, type RawDataset} from './labelled.ts';
import {toSquare} from './picture.ts';

const background = 'BACKGROUND_Google';

/** Decodes, scales and splits every image below `folder`, classes and files in the order of their names. */
export async function readCaltech(
  folder: string,
  options: {
    readonly size: number;
    readonly perClass: number;
    readonly seed: number;
    readonly signal: AbortSignal;
    readonly onProgress: (done: number, total: number) => void;
  },
): Promise<RawDataset> {
  const {size, perClass, seed, signal} = options;
  const classNames = (await readdir(folder, {withFileTypes: true}))
    .filter(entry => entry.isDirectory() && entry.name !== background)
    .map(entry => entry.name)
    .sort();
  if (classNames.length === 0) {
    throw new StageError(`expected a folder of JPEGs for each class below ${folder}, found none`);
  }
  const paths: {readonly path: string; readonly label: number}[] = [];
  for (const [label, name] of classNames.entries()) {
    const files = (await readdir(join(folder, name))).filter(file => /\.jpe?g$/i.test(file)).sort();
    if (files.length <= perClass) {
      throw new StageError(
        `${name}: expected more than ${perClass} images, ${perClass} for training and some for the test, got ${files.length}`,
        'Set `train_per_class` to a smaller number.',
      );
    }
    for (const file of files) paths.push({path: join(name, file), label});
  }
  const {default: jpeg} = await import('jpeg-js');
  const images = new Uint8Array(paths.length * size * size * 3);
  for (const [index, {path}] of paths.entries()) {
    signal.throwIfAborted();
    const bytes = await readFile(join(folder, path));
    try {
      const picture = jpeg.decode(bytes, {useTArray: true, formatAsRGBA: false, maxResolutionInMP: 50});
      images.set(toSquare(picture, size), index * size * size * 3);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new StageError(`${path}: expected a JPEG, got a file that cannot be decoded (${reason})`);
    }
    if (index % 50 === 49) options.onProgress(index + 1, paths.length);
  }
  const labels = Int32Array.from(paths, ({label}) => label);
  const all: LabelledImages = {count: paths.length, images, labels};
  const [train, test]: [number[], number[]] = [[], []];
  for (const label of classNames.keys()) {
    const members = paths.flatMap((path, index) => (path.label === label ? [index] : []));
    permutation(stream(seed, 'split', 0, label), members.length).forEach((member, rank) => {
      (rank < perClass ? train : test).push(members[member] ?? 0);
    });
  }
  const sorted = (indices: number[]) => Int32Array.from(indices.sort((a, b) => a - b));
  return {
    classNames,
    height: size,
    width: size,
    channels: 3,
    train: pick(all, sorted(train)),
    test: pick(all, sorted(test)),
  };
}
