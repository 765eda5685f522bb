// The raw folder of a known data set to images and labels, whichever format it lies in.

import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {StageError} from '../../src/stage/define.ts';
import {readCaltech} from './caltech.ts';
import {cifarShape, readCifar} from './cifar.ts';
import {cifar10ClassNames, cifar100ClassNames, fashionClassNames} from './class-names.ts';
import {readDigitsCsv} from './digits-csv.ts';
import {readIdxPair} from './idx.ts';
import type {RawDataset} from './labelled.ts';

export type Format = 'idx' | 'cifar10' | 'cifar100' | 'digits' | 'image-folders';

const formats: Readonly<Record<string, Format>> = {
  mnist: 'idx',
  'fashion-mnist': 'idx',
  cifar10: 'cifar10',
  'cifar10-mini': 'cifar10',
  cifar100: 'cifar100',
  digits: 'digits',
  caltech101: 'image-folders',
};

/** @throws StageError when the data set is not known and its format is not given. */
export function formatOf(dataset: string, given: Format | undefined): Format {
  const format = given ?? formats[dataset];
  if (format !== undefined) return format;
  throw new StageError(
    `the data set ${dataset} is not one of ${Object.keys(formats).join(', ')}, so its format is not known`,
    'Say `format: idx`, `cifar10`, `cifar100`, `digits` or `image-folders`.',
  );
}

const tenDigits = Array.from({length: 10}, (_, digit) => String(digit));

export async function readFormat(
  folder: string,
  dataset: string,
  format: Format,
  options: Parameters<typeof readCaltech>[1],
): Promise<RawDataset> {
  const read = async (name: string) => ({bytes: await readBytes(folder, name), place: name});
  switch (format) {
    case 'idx': {
      const classNames = dataset === 'fashion-mnist' ? fashionClassNames : tenDigits;
      const pair = async (prefix: string) =>
        readIdxPair(
          await read(`${prefix}-images-idx3-ubyte`),
          await read(`${prefix}-labels-idx1-ubyte`),
          classNames.length,
        );
      const [train, test] = [await pair('train'), await pair('t10k')];
      if (train.height !== test.height || train.width !== test.width) {
        throw new StageError(
          `expected test images of ${train.height}×${train.width} as in the training file, got ${test.height}×${test.width}`,
        );
      }
      return {classNames, height: train.height, width: train.width, channels: 1, train, test};
    }
    case 'cifar10': {
      const batches = await Promise.all([1, 2, 3, 4, 5].map(number => read(`data_batch_${number}.bin`)));
      return {
        classNames: cifar10ClassNames,
        ...cifarShape,
        train: readCifar(batches, 1, 10),
        test: readCifar([await read('test_batch.bin')], 1, 10),
      };
    }
    case 'cifar100':
      return {
        classNames: cifar100ClassNames,
        ...cifarShape,
        train: readCifar([await read('train.bin')], 2, 100),
        test: readCifar([await read('test.bin')], 2, 100),
      };
    case 'digits': {
      const text = new TextDecoder().decode(await readBytes(folder, 'digits.csv'));
      const train = readDigitsCsv(text, 'digits.csv');
      return {classNames: tenDigits, height: 8, width: 8, channels: 1, train, test: null};
    }
    case 'image-folders':
      return readCaltech(folder, options);
  }
}

async function readBytes(folder: string, name: string): Promise<Uint8Array> {
  try {
    return await readFile(join(folder, name));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    throw new StageError(
      `expected the file ${name} among the raw files, found none`,
      'Is `dataset` of the stage download the one that is meant?',
    );
  }
}
