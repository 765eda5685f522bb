import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {decodeSafetensors, encodeSafetensors} from '../../src/engine/safetensors.ts';
import {
  type Dataset,
  decodeDataset,
  encodeDataset,
  measureNormalisation,
} from '../../stages/learn/dataset-file.ts';

const tiny: Dataset = {
  name: 'tiny',
  classNames: ['a', 'b'],
  height: 2,
  width: 1,
  channels: 3,
  normalisation: {mean: [0.1, 0.2, 0.3], std: [1, 2, 3]},
  provenance: {source: 'made here', split_seed: 0},
  train: {count: 2, images: Uint8Array.from({length: 12}, (_, i) => i * 20), labels: Int32Array.of(0, 1)},
  validation: {count: 0, images: new Uint8Array(0), labels: new Int32Array(0)},
  test: {count: 1, images: new Uint8Array(6).fill(255), labels: Int32Array.of(1)},
};

test('a data set comes back as it was written, an empty split included', () => {
  assert.deepEqual(decodeDataset(encodeDataset(tiny), 'tiny'), tiny);
  assert.deepEqual(encodeDataset(decodeDataset(encodeDataset(tiny), 'tiny')), encodeDataset(tiny));
});

test('a file that is no data set, a label out of range and a wrong pixel count are named', () => {
  const weights = encodeSafetensors({tensors: {}, metadata: {}});
  assert.throws(() => decodeDataset(weights, 'w.safetensors'), /w\.safetensors: expected a data set/);
  assert.throws(
    () => encodeDataset({...tiny, train: {...tiny.train, labels: Int32Array.of(0, 2)}}),
    /expected labels of train in 0\.\.1, got 2/,
  );
  assert.throws(() => encodeDataset({...tiny, width: 2}), /24 pixels in train/);
});

test('normalisation is the mean and population deviation of each channel', () => {
  const {mean, std} = measureNormalisation(Uint8Array.of(0, 255, 7, 255, 255, 7), 3);
  assert.deepEqual(mean, [0.5, 1, 7 / 255]);
  assert.deepEqual(std, [0.5, 1, 1]);
});

test('any tensors survive a safetensors file, at any alignment of the buffer', () => {
  const tensor = fc
    .tuple(
      fc.constantFrom('float32', 'int32', 'uint8'),
      fc.array(fc.integer({min: 0, max: 255}), {maxLength: 9}),
    )
    .map(([dtype, values]) =>
      dtype === 'float32'
        ? {dtype: 'float32' as const, shape: [values.length], data: Float32Array.from(values)}
        : dtype === 'int32'
          ? {dtype: 'int32' as const, shape: [1, values.length], data: Int32Array.from(values)}
          : {dtype: 'uint8' as const, shape: [values.length, 1], data: Uint8Array.from(values)},
    );
  const names = fc.string({minLength: 1}).filter(name => !name.startsWith('__'));
  fc.assert(
    fc.property(
      fc.dictionary(names, tensor),
      fc.dictionary(names, fc.string()),
      fc.nat(7),
      (tensors, metadata, shift) => {
        const bytes = encodeSafetensors({tensors, metadata});
        const moved = new Uint8Array(bytes.length + shift).subarray(shift);
        moved.set(bytes);
        const back = decodeSafetensors(moved, 'test');
        assert.deepEqual({...back.tensors}, {...tensors});
        assert.deepEqual({...back.metadata}, {...metadata});
        assert.deepEqual(encodeSafetensors(back), bytes);
      },
    ),
  );
});

test('a damaged safetensors file is refused, never guessed', () => {
  const bytes = encodeSafetensors({
    tensors: {a: {dtype: 'float32', shape: [2], data: Float32Array.of(1, 2)}},
    metadata: {},
  });
  assert.throws(() => decodeSafetensors(bytes.subarray(0, 4), 'f'), /at least 8 bytes, got 4/);
  assert.throws(() => decodeSafetensors(bytes.subarray(0, bytes.length - 1), 'f'), /expected \d+ bytes/);
  const header = (json: string) => {
    const text = new TextEncoder().encode(json);
    const file = new Uint8Array(8 + text.length + 8);
    new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
    file.set(text, 8);
    return file;
  };
  const entry = (dtype: string, shape: string, offsets: string) =>
    header(`{"a":{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}}`);
  assert.deepEqual(decodeSafetensors(entry('F32', '[2]', '[0,8]'), 'f').tensors.a?.shape, [2]);
  assert.throws(() => decodeSafetensors(entry('F64', '[1]', '[0,8]'), 'f'), /expected F32, I32, U8, BOOL/);
  assert.throws(() => decodeSafetensors(entry('F32', '[-2]', '[0,8]'), 'f'), /natural numbers/);
  assert.throws(() => decodeSafetensors(entry('F32', '[3]', '[0,8]'), 'f'), /expected 12 bytes/);
  assert.throws(() => decodeSafetensors(entry('F32', '[1]', '[4,8]'), 'f'), /at offset 0, got 4/);
  assert.throws(() => decodeSafetensors(header('[]'), 'f'), /not a JSON object/);
  assert.throws(() => decodeSafetensors(header('{'), 'f'), /not JSON/);
});
