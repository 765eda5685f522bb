// How all plots look: on white, in one font, with colours that colour-blind readers can tell apart and that differ
// in lightness, so that they survive a grey printer.

/**
 * Okabe and Ito's colours, those of most contrast first, without their yellow, which is too light for lines; then
 * three of Tol's, for studies with many arms.
 */
export const palette = [
  '#0072B2',
  '#D55E00',
  '#009E73',
  '#CC79A7',
  '#56B4E9',
  '#E69F00',
  '#000000',
  '#332288',
  '#882255',
  '#999999',
] as const;
/** Shapes and dashes go with the colours, of another number: no series is told by its colour alone. */
export const shapes = [
  'circle',
  'triangle-up',
  'square',
  'diamond',
  'cross',
  'triangle-down',
  'triangle-right',
] as const;
export const dashes = [
  [1, 0],
  [7, 3],
  [2, 2],
  [7, 3, 2, 3],
  [4, 4],
  [1, 3],
  [10, 3],
] as const;

export const ink = '#222222';
export const faint = '#777777';

export const theme = {
  font: 'Arimo',
  view: {stroke: null},
  axis: {
    labelColor: ink,
    titleColor: ink,
    labelFontSize: 12,
    titleFontSize: 13,
    titleFontWeight: 'normal',
    titlePadding: 8,
    labelLimit: 0,
    titleLimit: 0,
    domainColor: '#888888',
    tickColor: '#888888',
    gridColor: '#e6e6e6',
    labelFlush: false,
  },
  legend: {
    labelColor: ink,
    titleColor: ink,
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    labelLimit: 0,
    titleLimit: 0,
    symbolSize: 90,
  },
  header: {labelColor: ink, labelFontSize: 13, labelFontWeight: 'bold', titleColor: ink, labelLimit: 0},
  title: {
    color: ink,
    subtitleColor: '#555555',
    fontSize: 15,
    fontWeight: 'bold',
    subtitleFontSize: 12,
    subtitlePadding: 5,
    anchor: 'start',
    offset: 14,
    limit: 0,
  },
} as const;

/** Title and what must be said beside the picture: how many runs, what a band is. */
export const titled = (text: string, notes: readonly string[]): Readonly<Record<string, unknown>> => ({
  text,
  subtitle: notes,
});

/** A scale for series by their labels, in the order given. */
export const seriesScale = <T>(
  labels: readonly string[],
  range: readonly T[],
): Readonly<Record<string, unknown>> => ({
  domain: labels,
  range: labels.map((_, i) => range[i % range.length]),
});

/** 1, 2 and 5 times powers of ten that lie in the interval: labels of a logarithmic axis. */
export function logTicks(low: number, high: number): readonly number[] {
  const decades = Math.log10(high / low);
  const steps =
    decades > 5 ? [1] : decades > 2.2 ? [1, 3] : decades > 0.6 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    // Through text, so that 3·10^-4 is the number that one writes so.
    for (const step of steps) ticks.push(Number(`${step}e${power}`));
  }
  const inside = ticks.filter(tick => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
  const everyOther = decades > 10 ? inside.filter((_, i) => i % 2 === 0) : inside;
  return everyOther;
}
