// The CSV of UCI's handwritten digits: 64 pixels in 0..16 and the class, one image a row. It has no test split.

import {StageError} from '../../src/stage/define.ts';
import type {LabelledImages} from './labelled.ts';

const pixels = 64;
const brightest = 16;

/** Pixels are stretched to 0..255, rounded. @throws StageError with line and column of what is not such a row. */
export function readDigitsCsv(text: string, place: string): LabelledImages {
  const lines = text.split('\n').filter(line => line.trim() !== '');
  const images = new Uint8Array(lines.length * pixels);
  const labels = new Int32Array(lines.length);
  lines.forEach((line, row) => {
    const cells = line.trim().split(',');
    if (cells.length !== pixels + 1) {
      throw new StageError(
        `${place}:${row + 1}: expected ${pixels + 1} numbers, 64 pixels and the class, got ${cells.length}`,
      );
    }
    cells.forEach((cell, column) => {
      const limit = column === pixels ? 9 : brightest;
      const value = Number(cell);
      if (!/^\d+$/.test(cell) || value > limit) {
        throw new StageError(
          `${place}:${row + 1}, number ${column + 1}: expected an integer in 0..${limit}, got ${JSON.stringify(cell)}`,
        );
      }
      if (column === pixels) labels[row] = value;
      else images[row * pixels + column] = Math.round((value * 255) / brightest);
    });
  });
  return {count: lines.length, images, labels};
}
