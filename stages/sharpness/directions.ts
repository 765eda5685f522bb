// Filter-normalised random directions (Li et al. 2018, arXiv 1712.09913, "Visualizing the Loss Landscape of Neural
// Nets"): each filter of the direction is as long as the filter of the weights, so that pictures of networks whose
// weights differ in scale can be compared. Biases and batch norm stay where they are (the authors' `xignore=biasbn`).

import {type ParameterSpec, sizeOf} from '../learn/models/model.ts';
import {stream} from '../learn/random.ts';

/**
 * One direction around `centre`. Filters are slices along the last axis: an output channel of a convolution
 * [height, width, inputs, outputs], an output unit of a dense layer [inputs, outputs].
 * @param place 0 for the first axis of a picture, 1 for the second; the same seed gives the same draws for any weights.
 */
export function filterNormalised(
  centre: Float32Array,
  parameters: readonly ParameterSpec[],
  seed: number,
  place: number,
): Float32Array {
  const direction = new Float32Array(centre.length);
  // Streams 0.. are those of the start vectors of eigenvalues; directions have their own.
  const draws = stream(seed, 'direction', place, 1);
  let at = 0;
  for (const {shape, kind} of parameters) {
    const size = sizeOf(shape);
    if (kind === 'weight') {
      for (let i = at; i < at + size; i++) direction[i] = draws.normal();
      scaleFilters(direction.subarray(at, at + size), centre.subarray(at, at + size), shape.at(-1) ?? 1);
    }
    at += size;
  }
  return direction;
}

function scaleFilters(direction: Float32Array, weights: Float32Array, filters: number): void {
  for (let filter = 0; filter < filters; filter++) {
    let [own, wanted] = [0, 0];
    for (let i = filter; i < weights.length; i += filters) {
      own += (direction[i] ?? 0) ** 2;
      wanted += (weights[i] ?? 0) ** 2;
    }
    const factor = Math.sqrt(wanted) / (Math.sqrt(own) + 1e-10);
    for (let i = filter; i < weights.length; i += filters) direction[i] = (direction[i] ?? 0) * factor;
  }
}

/** `points` numbers from -reach to reach, with 0 in the middle where their number is odd. */
export const axisPoints = (points: number, reach: number): readonly number[] =>
  Array.from({length: points}, (_, i) => (points === 1 ? 0 : reach * ((2 * i) / (points - 1) - 1)));
