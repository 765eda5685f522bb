// Lines of equal value of a function on a grid, as short segments: marching squares with linear interpolation.

export interface Segment {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}

/**
 * @param values [row of y][column of x]; squares with a value that is not finite have no line.
 */
export function contourLines(
  xs: readonly number[],
  ys: readonly number[],
  values: readonly (readonly number[])[],
  level: number,
): readonly Segment[] {
  const segments: Segment[] = [];
  for (let row = 0; row + 1 < ys.length; row++) {
    for (let column = 0; column + 1 < xs.length; column++) {
      const corner = (right: 0 | 1, up: 0 | 1): Corner => ({
        x: xs[column + right] ?? 0,
        y: ys[row + up] ?? 0,
        value: (values[row + up]?.[column + right] ?? Number.NaN) - level,
      });
      const corners = [corner(0, 0), corner(1, 0), corner(1, 1), corner(0, 1)] as const;
      if (!corners.every(({value}) => Number.isFinite(value))) continue;
      segments.push(...crossSquare(corners));
    }
  }
  return segments;
}

interface Corner {
  readonly x: number;
  readonly y: number;
  readonly value: number;
}

/** Corners in order around the square. */
function crossSquare(corners: readonly [Corner, Corner, Corner, Corner]): readonly Segment[] {
  const crossings = corners.flatMap((a, i) => {
    const b = corners[(i + 1) % 4] ?? a;
    if (a.value < 0 === b.value < 0) return [];
    const share = a.value / (a.value - b.value);
    return [{x: a.x + share * (b.x - a.x), y: a.y + share * (b.y - a.y)}];
  });
  const [first, second, third, fourth] = crossings;
  if (!first || !second) return [];
  const segment = (a: {x: number; y: number}, b: {x: number; y: number}): Segment => ({
    x1: a.x,
    y1: a.y,
    x2: b.x,
    y2: b.y,
  });
  if (!third || !fourth) return [segment(first, second)];
  // A saddle: the middle decides which corners belong together.
  const middle = corners.reduce((sum, {value}) => sum + value, 0) / 4;
  return middle < 0 === corners[0].value < 0
    ? [segment(first, second), segment(third, fourth)]
    : [segment(fourth, first), segment(second, third)];
}

export interface ContourLabel {
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

/** One label on each line that is there, at its highest place; those that would meet an earlier one are left out. */
export function contourLabels(
  contours: readonly {readonly level: number; readonly lines: readonly Segment[]}[],
): readonly ContourLabel[] {
  const all = contours.flatMap(({lines}) => lines.flatMap(({y1, y2}) => [y1, y2]));
  const room = (Math.max(...all) - Math.min(...all)) * 0.06;
  const labels: ContourLabel[] = [];
  for (const {level, lines} of contours) {
    const places = lines
      .map(({x1, y1, x2, y2}) => ({x: (x1 + x2) / 2, y: (y1 + y2) / 2}))
      .filter(({y}) => labels.every(label => Math.abs(label.y - y) > room));
    const [first, ...others] = places;
    if (first === undefined) continue;
    const top = others.reduce((highest, place) => (place.y > highest.y ? place : highest), first);
    labels.push({...top, text: String(level)});
  }
  return labels;
}
