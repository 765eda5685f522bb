// Photographs of any size to small squares of one size: the shorter side is scaled, the middle is cut out.
// Plain arithmetic from the decoded JPEG on, so that every machine gets the same pixels.

/** `data` is row-major [height, width, 3]. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Scales so that the shorter side is `size`, and keeps the central square. Returns [size, size, 3]. */
export function toSquare(picture: Picture, size: number): Uint8Array {
  const short = Math.min(picture.width, picture.height);
  const width = Math.max(size, Math.round((picture.width * size) / short));
  const height = Math.max(size, Math.round((picture.height * size) / short));
  const scaled = scaleRows(scaleColumns(picture, width), height);
  const [left, top] = [Math.floor((width - size) / 2), Math.floor((height - size) / 2)];
  const out = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++) {
    for (let at = 0; at < size * 3; at++) {
      const value = scaled[((top + y) * width + left) * 3 + at] ?? 0;
      out[y * size * 3 + at] = Math.min(255, Math.max(0, Math.round(value)));
    }
  }
  return out;
}

interface Weights {
  readonly first: number;
  readonly weights: readonly number[];
}

/**
 * A triangle filter as wide as the reduction, so that shrinking does not alias (what Pillow calls bilinear):
 * for each of `to` positions, which of the `from` positions it takes and how much.
 */
function triangle(from: number, to: number): readonly Weights[] {
  const scale = from / to;
  const reach = Math.max(1, scale);
  return Array.from({length: to}, (_, position) => {
    const centre = (position + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach));
    const last = Math.min(from, Math.ceil(centre + reach));
    const raw = Array.from({length: last - first}, (_, k) =>
      Math.max(0, 1 - Math.abs(first + k + 0.5 - centre) / reach),
    );
    const sum = raw.reduce((total, weight) => total + weight, 0);
    return {first, weights: raw.map(weight => weight / sum)};
  });
}

function scaleColumns(picture: Picture, width: number): {data: Float64Array; width: number; height: number} {
  const {height, data} = picture;
  const filters = triangle(picture.width, width);
  const out = new Float64Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    filters.forEach(({first, weights}, x) => {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) {
          sum += (weights[k] ?? 0) * (data[(y * picture.width + first + k) * 3 + channel] ?? 0);
        }
        out[(y * width + x) * 3 + channel] = sum;
      }
    });
  }
  return {data: out, width, height};
}

function scaleRows(
  picture: {data: Float64Array; width: number; height: number},
  height: number,
): Float64Array {
  const row = picture.width * 3;
  const out = new Float64Array(row * height);
  triangle(picture.height, height).forEach(({first, weights}, y) => {
    for (let at = 0; at < row; at++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++)
        sum += (weights[k] ?? 0) * (picture.data[(first + k) * row + at] ?? 0);
      out[y * row + at] = sum;
    }
  });
  return out;
}
