// The binary layouts of CIFAR-10 (label, then red, green and blue planes of 32×32) and CIFAR-100 (a coarse label
// before the fine one). Planes become interleaved pixels.

import {StageError} from '../../src/stage/define.ts';
import {checkLabels} from './idx.ts';
import type {LabelledImages} from './labelled.ts';

const side = 32;
const plane = side * side;

/**
 * Reads the records of one or several files, in their order.
 * @param labelBytes 1 for CIFAR-10; 2 for CIFAR-100, whose fine label is the second.
 */
export function readCifar(
  files: readonly {readonly bytes: Uint8Array; readonly place: string}[],
  labelBytes: 1 | 2,
  classes: number,
): LabelledImages {
  const record = labelBytes + 3 * plane;
  for (const {bytes, place} of files) {
    if (bytes.length === 0 || bytes.length % record !== 0) {
      throw new StageError(
        `${place}: expected whole records of ${record} bytes, got ${bytes.length} bytes, which is ${(bytes.length / record).toFixed(3)} records`,
        'The file was cut, or is of the other CIFAR: run `download` again with --force.',
      );
    }
  }
  const count = files.reduce((sum, {bytes}) => sum + bytes.length / record, 0);
  const images = new Uint8Array(count * 3 * plane);
  const labels = new Int32Array(count);
  let at = 0;
  for (const {bytes, place} of files) {
    const first = at;
    for (let offset = 0; offset < bytes.length; offset += record, at++) {
      labels[at] = bytes[offset + labelBytes - 1] ?? 0;
      interleave(bytes.subarray(offset + labelBytes, offset + record), images, at * 3 * plane);
    }
    checkLabels(
      labels.subarray(first, at),
      classes,
      index => `${place}, byte ${index * record + labelBytes - 1}`,
    );
  }
  return {count, images, labels};
}

function interleave(planes: Uint8Array, images: Uint8Array, start: number): void {
  for (let pixel = 0, to = start; pixel < plane; pixel++) {
    images[to++] = planes[pixel] ?? 0;
    images[to++] = planes[plane + pixel] ?? 0;
    images[to++] = planes[2 * plane + pixel] ?? 0;
  }
}

export const cifarShape = {height: side, width: side, channels: 3} as const;
