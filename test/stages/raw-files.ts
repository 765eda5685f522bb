// Small data sets in the real formats, made by the test: what a host would serve, without the host.

import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {gzipSync} from 'node:zlib';
import jpeg from 'jpeg-js';
import {pack} from 'tar-stream';
import {describeRaw, sourceFileName} from '../../stages/data/raw.ts';
import {temporaryFolder} from './rig.ts';

/** A folder as `download` leaves it, as an input of `preprocess`. */
export async function rawFolder(
  dataset: string,
  files: Readonly<Record<string, Uint8Array | string>>,
  isSubset = false,
) {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), {recursive: true});
    writeFileSync(join(folder, name), content);
  }
  const facts = {dataset, is_subset: isSubset};
  const source = await describeRaw(folder, facts, new AbortController().signal);
  writeFileSync(join(folder, sourceFileName), JSON.stringify(source));
  return {path: folder, files: {data: folder}, metrics: {}, cell: {}};
}

/** IDX of unsigned bytes. */
export function idx(shape: readonly number[], data: Uint8Array): Uint8Array {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  shape.forEach((size, axis) => {
    header.writeUInt32BE(size, 4 + 4 * axis);
  });
  return Buffer.concat([header, data]);
}

/** IDX images and labels of both splits; labels count up, each image is filled with its number. */
export function idxFiles(train: number, test: number, side = 4): Readonly<Record<string, Uint8Array>> {
  const images = (count: number) =>
    idx(
      [count, side, side],
      Uint8Array.from({length: count * side * side}, (_, at) => at / side ** 2),
    );
  const labels = (count: number) =>
    idx(
      [count],
      Uint8Array.from({length: count}, (_, at) => at % 10),
    );
  return {
    'train-images-idx3-ubyte': images(train),
    'train-labels-idx1-ubyte': labels(train),
    't10k-images-idx3-ubyte': images(test),
    't10k-labels-idx1-ubyte': labels(test),
  };
}

/** A CIFAR record: labels, then a plane of each colour, filled with red, green, blue. */
export const cifarRecord = (labels: readonly number[], colour: readonly [number, number, number]): Buffer =>
  Buffer.concat([Buffer.from(labels), ...colour.map(value => Buffer.alloc(1024, value))]);

/** A tar.gz of the given members. */
export async function tarGz(members: Readonly<Record<string, Uint8Array>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(members)) tar.entry({name}, Buffer.from(content));
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
}

/** A JPEG of one colour. */
export function jpegOf(width: number, height: number, colour: readonly [number, number, number]): Buffer {
  const data = Buffer.alloc(width * height * 4);
  for (let pixel = 0; pixel < width * height; pixel++) data.set([...colour, 255], pixel * 4);
  return jpeg.encode({width, height, data}, 100).data;
}

/** A zip with one stored (uncompressed) member. */
export function storedZip(name: string, content: Uint8Array): Buffer {
  const path = Buffer.from(name);
  const sum = crc32(content);
  const common = (at: number, head: Buffer): void => {
    head.writeUInt16LE(20, at); // version needed
    head.writeUInt32LE(sum, at + 10);
    head.writeUInt32LE(content.length, at + 14);
    head.writeUInt32LE(content.length, at + 18);
    head.writeUInt16LE(path.length, at + 22);
  };
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  common(4, local);
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50, 0);
  central.writeUInt16LE(20, 4);
  common(6, central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length + path.length, 12);
  end.writeUInt32LE(local.length + path.length + content.length, 16);
  return Buffer.concat([local, path, content, central, path, end]);
}

function crc32(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}
