import assert from 'node:assert/strict';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {test} from 'node:test';
import fc from 'fast-check';
import {StageError} from '../../src/stage/define.ts';
import {unpack} from '../../stages/data/archive.ts';
import {sources} from '../../stages/data/catalogue.ts';
import {chooseSubset, splitOff} from '../../stages/data/split.ts';
import download from '../../stages/download.ts';
import {type Dataset, decodeDataset, type Split} from '../../stages/learn/dataset-file.ts';
import preprocess from '../../stages/preprocess.ts';
import {cifarRecord, idx, idxFiles, jpegOf, rawFolder, storedZip, tarGz} from './raw-files.ts';
import {runStage, temporaryFolder} from './rig.ts';

type Raw = Awaited<ReturnType<typeof rawFolder>>;

async function datasetOf(raw: Raw, params: Readonly<Record<string, unknown>> = {}): Promise<Dataset> {
  const run = await runStage(preprocess, params, {inputs: {raw}});
  const path = run.files.dataset ?? '';
  return decodeDataset(readFileSync(path), path);
}

async function refuses(work: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(work, error => {
    assert.ok(error instanceof StageError, String(error));
    assert.match(error.message, message);
    return true;
  });
}

const sizes = ({train, validation, test: tests}: Dataset): readonly number[] => [
  train.count,
  validation.count,
  tests.count,
];

const firstPixel = ({images}: Split, index: number, pixels: number): readonly number[] => [
  ...images.subarray(index * pixels, index * pixels + 3),
];

test('IDX files become splits; the validation split is drawn by its seed and leaves the training split', async () => {
  const raw = await rawFolder('mnist', idxFiles(100, 20));
  const dataset = await datasetOf(raw, {validation: 30, split_seed: 1});
  assert.deepEqual(sizes(dataset), [70, 30, 20]);
  assert.deepEqual([dataset.height, dataset.width, dataset.channels], [4, 4, 1]);
  // Each image is filled with its number, so the splits can be read off.
  const numbers = ({images, count}: Split) => Array.from({length: count}, (_, at) => images[at * 16] ?? -1);
  const all = [...numbers(dataset.train), ...numbers(dataset.validation)].sort((a, b) => a - b);
  assert.deepEqual(all, [...new Array(100).keys()]);
  dataset.train.labels.forEach((label, at) => {
    assert.equal(label, (numbers(dataset.train)[at] ?? 0) % 10);
  });
  const same = await datasetOf(raw, {validation: 0.3, split_seed: 1});
  assert.deepEqual(numbers(same.validation), numbers(dataset.validation));
  const other = await datasetOf(raw, {validation: 30, split_seed: 2});
  assert.notDeepEqual(numbers(other.validation), numbers(dataset.validation));
});

test('constants are measured on the training split alone', async () => {
  const images = new Uint8Array(10 * 16).fill(255);
  images.fill(51, 0, 5 * 16);
  const raw = await rawFolder('mnist', {
    ...idxFiles(10, 10),
    'train-images-idx3-ubyte': idx([10, 4, 4], images),
  });
  const whole = await datasetOf(raw);
  assert.ok(Math.abs((whole.normalisation.mean[0] ?? 0) - 0.6) < 1e-12);
  assert.ok(Math.abs((whole.normalisation.std[0] ?? 0) - 0.4) < 1e-12);
  const {normalisation} = await datasetOf(raw, {validation: 4, choice: 'last'});
  assert.ok(Math.abs((normalisation.mean[0] ?? 0) - (5 * 0.2 + 1) / 6) < 1e-12, 'bright images have left it');
  assert.deepEqual((await datasetOf(raw, {normalisation: 'published'})).normalisation, {
    mean: [0.1307],
    std: [0.3081],
  });
  await refuses(
    datasetOf(raw, {normalisation: {mean: [0, 0], std: [1, 1]}}),
    /each of 1 channels, got 2 and 2/,
  );
});

test('the same raw files give the same bytes', async () => {
  const bytes = async () => {
    const run = await runStage(
      preprocess,
      {validation: 0.1},
      {inputs: {raw: await rawFolder('mnist', idxFiles(50, 10))}},
    );
    return readFileSync(run.files.dataset ?? '');
  };
  assert.deepEqual(await bytes(), await bytes());
});

test('damaged IDX files are refused with the file and the byte', async () => {
  const good = idxFiles(20, 10);
  const damages: readonly [Readonly<Record<string, Uint8Array>>, RegExp][] = [
    [
      {'train-images-idx3-ubyte': (good['train-images-idx3-ubyte'] ?? new Uint8Array()).subarray(0, 100)},
      /train-images-idx3-ubyte: expected 320 bytes after the header, for 20×4×4, got 84/,
    ],
    [
      {'train-labels-idx1-ubyte': idx([20], new Uint8Array(20).fill(12))},
      /train-labels-idx1-ubyte, byte 8: expected a label in 0\.\.9, got 12/,
    ],
    [{'train-labels-idx1-ubyte': idx([19], new Uint8Array(19))}, /has 20 images, .* has 19 labels/],
    [
      {'t10k-images-idx3-ubyte': Buffer.from('<html>')},
      /t10k-images-idx3-ubyte, byte 0: expected an IDX file .*got 3c 68 74 6d/,
    ],
    [
      {'t10k-images-idx3-ubyte': Buffer.from([0x1f, 0x8b, 8, 0])},
      /expected an uncompressed IDX file, got gzip/,
    ],
    [
      {'t10k-images-idx3-ubyte': idx([10, 5, 5], new Uint8Array(250))},
      /expected test images of 4×4 .*got 5×5/,
    ],
  ];
  for (const [damage, message] of damages) {
    await refuses(datasetOf(await rawFolder('mnist', {...good, ...damage})), message);
  }
  const {'t10k-labels-idx1-ubyte': _, ...incomplete} = good;
  await refuses(datasetOf(await rawFolder('mnist', incomplete)), /expected the file t10k-labels-idx1-ubyte/);
});

test('CIFAR-10: planes become pixels, five batches are one training split', async () => {
  const batch = (number: number) =>
    Buffer.concat([cifarRecord([number], [number, 100, 200]), cifarRecord([9], [1, 2, 3])]);
  const files = Object.fromEntries(
    [1, 2, 3, 4, 5].map(number => [`data_batch_${number}.bin`, batch(number)]),
  );
  const raw = await rawFolder('cifar10', {...files, 'test_batch.bin': cifarRecord([7], [7, 8, 9])});
  const dataset = await datasetOf(raw);
  assert.deepEqual(sizes(dataset), [10, 0, 1]);
  assert.deepEqual([...dataset.train.labels], [1, 9, 2, 9, 3, 9, 4, 9, 5, 9]);
  assert.deepEqual(firstPixel(dataset.train, 2, 3072), [2, 100, 200]);
  assert.deepEqual(firstPixel(dataset.test, 0, 3072), [7, 8, 9]);
  const cut = {...files, 'data_batch_3.bin': batch(3).subarray(0, 5000), 'test_batch.bin': batch(1)};
  await refuses(
    datasetOf(await rawFolder('cifar10', cut)),
    /data_batch_3\.bin: expected whole records of 3073 bytes, got 5000 bytes/,
  );
  const wrong = {...files, 'test_batch.bin': cifarRecord([10], [0, 0, 0])};
  await refuses(
    datasetOf(await rawFolder('cifar10', wrong)),
    /test_batch\.bin, byte 0: expected a label in 0\.\.9, got 10/,
  );
});

test('CIFAR-100 takes the fine label, and refuses the files of CIFAR-10', async () => {
  const raw = await rawFolder('cifar100', {
    'train.bin': Buffer.concat([cifarRecord([3, 77], [1, 2, 3]), cifarRecord([19, 99], [4, 5, 6])]),
    'test.bin': cifarRecord([0, 5], [9, 9, 9]),
  });
  const dataset = await datasetOf(raw);
  assert.deepEqual([...dataset.train.labels], [77, 99]);
  assert.deepEqual(firstPixel(dataset.train, 1, 3072), [4, 5, 6]);
  assert.equal(dataset.classNames.length, 100);
  const wrong = {'train.bin': cifarRecord([3], [1, 2, 3]), 'test.bin': cifarRecord([0, 5], [9, 9, 9])};
  await refuses(
    datasetOf(await rawFolder('cifar100', wrong)),
    /train\.bin: expected whole records of 3074 bytes/,
  );
});

test('Caltech101: a zip with a tar.gz of JPEGs is unpacked, cropped and split by class', async () => {
  const inner = await tarGz({
    ...Object.fromEntries(
      [0, 1, 2].flatMap(at => [
        [`101_ObjectCategories/airplanes/image_000${at}.jpg`, jpegOf(30, 20, [200, 0, 0])],
        [`101_ObjectCategories/bonsai/image_000${at}.jpg`, jpegOf(20, 50, [0, 200, 0])],
      ]),
    ),
    '101_ObjectCategories/BACKGROUND_Google/image_0001.jpg': jpegOf(9, 9, [0, 0, 0]),
  });
  const zip = join(temporaryFolder(), 'caltech-101.zip');
  writeFileSync(zip, storedZip('caltech-101/101_ObjectCategories.tar.gz', inner));
  const [published] = sources.caltech101.parts[0] ?? [];
  assert.ok(published);
  const folder = temporaryFolder();
  await unpack(zip, published.unpacking, folder, new AbortController().signal);
  const files = Object.fromEntries(
    ['airplanes', 'bonsai'].flatMap(name =>
      [0, 1, 2].map(at => {
        const path = `${name}/image_000${at}.jpg`;
        return [path, readFileSync(join(folder, path))];
      }),
    ),
  );
  const raw = await rawFolder('caltech101', {
    ...files,
    'BACKGROUND_Google/image_0001.jpg': readFileSync(join(folder, 'BACKGROUND_Google/image_0001.jpg')),
  });
  const dataset = await datasetOf(raw, {train_per_class: 2, image_size: 16});
  assert.deepEqual(dataset.classNames, ['airplanes', 'bonsai']);
  assert.deepEqual(sizes(dataset), [4, 0, 2]);
  assert.deepEqual([...dataset.train.labels], [0, 0, 1, 1]);
  const [red = 0, green = 0, blue = 0] = firstPixel(dataset.train, 0, 16 * 16 * 3);
  assert.ok(Math.abs(red - 200) < 5 && green < 5 && blue < 5, `${red} ${green} ${blue}`);
  await refuses(datasetOf(raw, {train_per_class: 3}), /airplanes: expected more than 3 images.*got 3/);
  const broken = await rawFolder('caltech101', {
    ...files,
    'bonsai/image_0001.jpg': Buffer.from('no picture'),
  });
  await refuses(
    datasetOf(broken, {train_per_class: 2}),
    /bonsai\/image_0001\.jpg: expected a JPEG, got a file that cannot be decoded/,
  );
});

test('a damaged zip or inner archive is refused, and a zip without the member says so', async () => {
  const [published] = sources.caltech101.parts[0] ?? [];
  assert.ok(published);
  const attempt = (bytes: Uint8Array) => {
    const path = join(temporaryFolder(), 'some.zip');
    writeFileSync(path, bytes);
    return unpack(path, published.unpacking, temporaryFolder(), new AbortController().signal);
  };
  const inner = await tarGz({'101_ObjectCategories/a/b.jpg': jpegOf(8, 8, [1, 1, 1])});
  await assert.rejects(attempt(storedZip('other/file', inner)), /it has no member caltech-101\/101_Object/);
  const name = 'caltech-101/101_ObjectCategories.tar.gz';
  await assert.rejects(attempt(storedZip(name, inner).subarray(0, 60)), {name: 'PackageError'});
  await assert.rejects(attempt(storedZip(name, inner.subarray(0, 40))), {name: 'PackageError'});
});

test('the digits have no test split of their own, so a stratified one is drawn', async () => {
  const run = await runStage(download, {dataset: 'digits'});
  const dataset = await datasetOf(run.asInput() as Raw, {validation: 0.2, test: 0.25});
  assert.deepEqual(sizes(dataset), [1078, 270, 449]);
  const counts = new Array<number>(10).fill(0);
  for (const label of dataset.test.labels) counts[label] = (counts[label] ?? 0) + 1;
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 3, counts.join(' '));
  assert.equal(Math.max(...dataset.train.images), 255);
  await refuses(
    datasetOf(await rawFolder('digits', {'digits.csv': `${'1,'.repeat(63)}17,3\n`})),
    /digits\.csv:1, number 64: expected an integer in 0\.\.16, got "17"/,
  );
});

test('a part of a data set is balanced over the classes, and recorded as a part', async () => {
  const raw = await rawFolder('mnist', idxFiles(200, 50));
  const dataset = await datasetOf(raw, {train_images: 40, test_images: 20, validation: 0.25});
  assert.deepEqual(sizes(dataset), [30, 10, 20]);
  assert.equal(dataset.provenance.is_subset, true);
  assert.deepEqual(
    [...dataset.test.labels].sort((a, b) => a - b),
    [...new Array(20).keys()].map(at => at >> 1),
  );
  await refuses(
    datasetOf(raw, {train_images: 201}),
    /train_images: expected at most the 200 images .*got 201/,
  );
  await refuses(
    datasetOf(raw, {validation: 200}),
    /validation: expected fewer than the 200 training images, got 200/,
  );
  await refuses(datasetOf(raw, {validation: 1.5}), /expected a share below 1 or a whole count, got 1\.5/);
});

test('splits divide what there is, whatever the counts', () => {
  const labels = fc.array(fc.integer({min: 0, max: 4}), {minLength: 1, maxLength: 60});
  fc.assert(
    fc.property(labels, fc.nat(), fc.constantFrom('random', 'stratified', 'last'), (all, wanted, choice) => {
      const count = wanted % all.length;
      const {kept, taken} = splitOff(Int32Array.from(all), count, choice, 3, 'validation');
      assert.equal(taken.length, count);
      assert.deepEqual(
        [...kept, ...taken].sort((a, b) => a - b),
        [...all.keys()],
      );
    }),
  );
  fc.assert(
    fc.property(labels, fc.nat(), fc.constantFrom('first', 'random', 'balanced'), (all, wanted, choice) => {
      const count = (wanted % all.length) + 1;
      const chosen = chooseSubset(Int32Array.from(all), count, choice, 3);
      assert.equal(new Set(chosen).size, count);
      assert.deepEqual(
        [...chosen],
        [...chosen].sort((a, b) => a - b),
      );
    }),
  );
});

test('a folder that download did not make is refused', async () => {
  const path = temporaryFolder();
  await refuses(
    runStage(preprocess, {}, {inputs: {raw: {path, files: {}, metrics: {}, cell: {}}}}),
    /expected source\.json beside the raw files/,
  );
  await refuses(
    datasetOf(await rawFolder('mine', {})),
    /the data set mine is not one of .*so its format is not known/,
  );
});

test('real MNIST and the small CIFAR-10 have their sizes and published constants', async context => {
  const mirror = resolve(import.meta.dirname, '../../../shared/data');
  if (!existsSync(join(mirror, 'mnist'))) return context.skip('no mirror at ../shared/data');
  const mnist = await runStage(download, {dataset: 'mnist'}, {mirror});
  const dataset = await datasetOf(mnist.asInput() as Raw);
  assert.deepEqual(sizes(dataset), [60000, 0, 10000]);
  assert.ok(Math.abs((dataset.normalisation.mean[0] ?? 0) - 0.1307) < 5e-5);
  assert.ok(Math.abs((dataset.normalisation.std[0] ?? 0) - 0.3081) < 5e-5);
  const mini = await runStage(download, {dataset: 'cifar10-mini'}, {mirror});
  const cifar = await datasetOf(mini.asInput() as Raw, {normalisation: 'cifar10'});
  assert.deepEqual(sizes(cifar), [10000, 0, 2000]);
  assert.equal(cifar.provenance.is_subset, true);
  return undefined;
});

test('real Fashion-MNIST has its sizes and constants', async context => {
  if (!existsSync('/usr/share/datasets/fashion-mnist')) {
    return context.skip('Debian’s package dataset-fashion-mnist is not installed');
  }
  const run = await runStage(download, {dataset: 'fashion-mnist'});
  const dataset = await datasetOf(run.asInput() as Raw);
  assert.deepEqual(sizes(dataset), [60000, 0, 10000]);
  assert.ok(Math.abs((dataset.normalisation.mean[0] ?? 0) - 0.286041) < 1e-6);
  assert.ok(Math.abs((dataset.normalisation.std[0] ?? 0) - 0.353024) < 1e-6);
  assert.equal(dataset.classNames[9], 'ankle boot');
  return undefined;
});
