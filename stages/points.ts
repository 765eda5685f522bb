// Points of a search space as cells of a matrix: `matrix: {from: points.cells}`. More points keep those before them, so
// that a search that is widened repeats nothing.

import {writeFile} from 'node:fs/promises';
import {defineStage, StageError, z} from '../src/stage/define.ts';
import {stream} from './learn/random.ts';
import {MOST_DIMENSIONS, sobolPoint} from './search/sobol.ts';

const range = z
  .strictObject({
    from: z.number(),
    to: z.number(),
    scale: z.enum(['linear', 'log']).default('linear'),
    digits: z.int().min(1).max(15).default(3).describe('significant digits of a value'),
  })
  .superRefine(({from, to, scale}, context) => {
    if (from >= to)
      context.addIssue({code: 'custom', path: ['to'], message: `expected more than ${from}, got ${to}`});
    if (scale === 'log' && from <= 0)
      context.addIssue({
        code: 'custom',
        path: ['from'],
        message: `expected more than 0 on a log scale, got ${from}`,
      });
  });
const choice = z.strictObject({of: z.array(z.union([z.string(), z.number(), z.boolean()])).min(1)});
type Dimension = z.output<typeof range> | z.output<typeof choice>;

export default defineStage({
  about: 'Points of a search space, random or of Sobol’s sequence, as cells of a matrix.',
  params: z.object({
    space: z
      .record(z.string(), z.union([range, choice]))
      .describe('by axis: {from, to, scale, digits} or {of: [values]}'),
    count: z.int().positive().max(10_000),
    method: z.enum(['sobol', 'random']).default('sobol').describe('sobol: evenly spread, also as a prefix'),
    seed: z.int().min(0).default(0),
  }),
  inputs: {},
  outputs: {cells: {kind: 'file', name: 'cells.json'}},
  holds: {cells: 'JSON list of objects: one point each, axis by axis'},
  async run({params: {space, count, method, seed}, outputs, log, metric}) {
    const axes = Object.entries(space);
    if (axes.length === 0) throw new StageError('expected at least one axis in the space, got none');
    if (method === 'sobol' && axes.length > MOST_DIMENSIONS) {
      throw new StageError(
        `expected at most ${MOST_DIMENSIONS} axes for sobol, got ${axes.length}`,
        'Take method: random.',
      );
    }
    const shift = axes.map((_, dimension) => stream(seed, 'search', dimension, 0).uniform());
    const cells = new Map<string, Record<string, string | number | boolean>>();
    for (let index = 0; index < count; index++) {
      const point =
        method === 'sobol'
          ? sobolPoint(index, axes.length, shift)
          : axes.map((_, dimension) => stream(seed, 'search', dimension, index + 1).uniform());
      const cell = Object.fromEntries(
        axes.map(([axis, dimension], at) => [axis, valueAt(dimension, point[at] ?? 0)]),
      );
      const key = JSON.stringify(cell);
      if (!cells.has(key)) cells.set(key, cell);
    }
    if (cells.size < count) log(`${count - cells.size} points fell on others and are left out`);
    await writeFile(outputs.cells, `${JSON.stringify([...cells.values()], null, 2)}\n`);
    metric('points', cells.size);
  },
});

function valueAt(dimension: Dimension, share: number): string | number | boolean {
  if ('of' in dimension) return dimension.of[Math.floor(share * dimension.of.length)] ?? '';
  const {from, to, scale, digits} = dimension;
  const value = scale === 'log' ? from * (to / from) ** share : from + (to - from) * share;
  return Number(value.toPrecision(digits));
}
