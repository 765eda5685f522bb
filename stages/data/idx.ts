// IDX, the format of MNIST and Fashion-MNIST: two zero bytes, a type, a rank, sizes (big-endian), then the elements.
// Only unsigned bytes are read. A file that is cut, too long or of another kind is refused with the place.

import {StageError} from '../../src/stage/define.ts';
import type {LabelledImages} from './labelled.ts';

const unsignedByte = 0x08;
const mend = 'Remove the file from the mirror, or run `download` again with --force.';

/** The sizes and elements of an IDX file. `place` is its name, for messages. */
export function readIdx(
  bytes: Uint8Array,
  rank: number,
  place: string,
): {shape: readonly number[]; data: Uint8Array} {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    throw new StageError(
      `${place}: expected an uncompressed IDX file, got gzip`,
      'Uncompress it first: gunzip.',
    );
  }
  const magic = [...bytes.subarray(0, 4)].map(byte => byte.toString(16).padStart(2, '0')).join(' ');
  const expected = `00 00 08 ${rank.toString(16).padStart(2, '0')}`;
  if (magic !== expected || bytes[2] !== unsignedByte) {
    throw new StageError(
      `${place}, byte 0: expected an IDX file of unsigned bytes with ${rank} sizes (${expected}), got ${magic || 'an empty file'}`,
      mend,
    );
  }
  const header = 4 + 4 * rank;
  if (bytes.length < header) {
    throw new StageError(
      `${place}: expected a header of ${header} bytes, the file has ${bytes.length}`,
      mend,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const shape = Array.from({length: rank}, (_, axis) => view.getUint32(4 + 4 * axis));
  const elements = shape.reduce((product, size) => product * size, 1);
  if (bytes.length - header !== elements) {
    throw new StageError(
      `${place}: expected ${elements} bytes after the header, for ${shape.join('×')}, got ${bytes.length - header}`,
      mend,
    );
  }
  return {shape, data: bytes.subarray(header)};
}

/** Images and their labels, with sizes that agree and labels below `classes`. */
export function readIdxPair(
  images: {readonly bytes: Uint8Array; readonly place: string},
  labels: {readonly bytes: Uint8Array; readonly place: string},
  classes: number,
): LabelledImages & {readonly height: number; readonly width: number} {
  const {shape, data} = readIdx(images.bytes, 3, images.place);
  const [count = 0, height = 0, width = 0] = shape;
  const found = readIdx(labels.bytes, 1, labels.place).data;
  if (found.length !== count) {
    throw new StageError(
      `${images.place} has ${count} images, ${labels.place} has ${found.length} labels; expected as many`,
      mend,
    );
  }
  checkLabels(found, classes, index => `${labels.place}, byte ${8 + index}`);
  return {count, height, width, images: data, labels: Int32Array.from(found)};
}

/** @throws StageError at the first label that is not in 0..classes-1. */
export function checkLabels(
  labels: ArrayLike<number>,
  classes: number,
  place: (index: number) => string,
): void {
  for (let index = 0; index < labels.length; index++) {
    const label = labels[index] ?? 0;
    if (label >= classes) {
      throw new StageError(`${place(index)}: expected a label in 0..${classes - 1}, got ${label}`, mend);
    }
  }
}
