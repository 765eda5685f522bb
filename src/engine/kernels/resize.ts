// Kernels that resize images, and their gradients: each axis by a constant matrix.

import {cast} from '../ir/ops.ts';
import {iota} from '../ir/shape.ts';
import type {Value} from '../ir/value.ts';
import {alongAxis, type Matrix, transposed} from './along.ts';
import {type Call, define} from './registry.ts';

interface Mode {
  readonly alignCorners: boolean;
  readonly halfPixelCenters: boolean;
}

const modeOf = ({attribute}: Call): Mode => ({
  alignCorners: attribute('alignCorners') === true,
  halfPixelCenters: attribute('halfPixelCenters') === true,
});

/** Where in the input each place of the output is. */
function places(from: number, to: number, {alignCorners, halfPixelCenters}: Mode, shift: number): number[] {
  const isAligned = alignCorners && to > 1;
  const ratio = isAligned ? (from - 1) / (to - 1) : from / to;
  return iota(to).map(i => (halfPixelCenters ? ratio * (i + 0.5) - shift : ratio * i));
}

const row = (length: number, entries: readonly (readonly [at: number, weight: number])[]): number[] => {
  const result = new Array<number>(length).fill(0);
  for (const [at, weight] of entries) result[at] = (result[at] ?? 0) + weight;
  return result;
};

function bilinear(from: number, to: number, mode: Mode): Matrix {
  return places(from, to, mode, 0.5).map(place => {
    const low = Math.max(0, Math.floor(place));
    const high = Math.min(from - 1, Math.ceil(place));
    const part = place - low;
    return row(from, [
      [low, 1 - part],
      [high, part],
    ]);
  });
}

function nearest(from: number, to: number, mode: Mode): Matrix {
  return places(from, to, mode, 0).map(place => {
    const at = mode.alignCorners ? Math.round(place) : Math.floor(place);
    return row(from, [[Math.max(0, Math.min(from - 1, at)), 1]]);
  });
}

const laws = {ResizeBilinear: bilinear, ResizeNearestNeighbor: nearest};
for (const [name, law] of Object.entries(laws)) {
  define(name, call => {
    const x = cast(call.b, call.input('images'), 'float32');
    const size = call.numbers('size');
    return [1, 2].reduce(
      (y: Value, axis) =>
        alongAxis(call.b, law(x.shape[axis] ?? 1, size[axis - 1] ?? 1, modeOf(call)), y, axis),
      x,
    );
  });
  define(`${name}Grad`, call => {
    const [images, dy] = [call.input('images'), call.input('dy')];
    return [1, 2].reduce((y: Value, axis) => {
      const matrix = law(images.shape[axis] ?? 1, dy.shape[axis] ?? 1, modeOf(call));
      return alongAxis(call.b, transposed(matrix), y, axis);
    }, dy);
  });
}
