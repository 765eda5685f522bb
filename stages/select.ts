// The best cell of a grid: gathered runs to `best.json`, an object of parameters for `with: {from: …}`.

import {writeFile} from 'node:fs/promises';
import {defineStage, StageError, z} from '../src/stage/define.ts';
import {cellText, checkMetric, readRuns} from './statistics/runs.ts';
import {bestCells, type Candidate, edgesOf, selectBest} from './statistics/selection.ts';
import {toCsvText} from './tables/csv-text.ts';

export default defineStage({
  about: 'Chooses the cell with the best mean of a metric; ties go to the cell that the grid names first.',
  params: z.object({
    metric: z.string().min(1).describe('a metric of the runs'),
    goal: z.enum(['max', 'min']).default('max'),
    over: z
      .union([z.string(), z.array(z.string())])
      .default('seed')
      .describe('axes whose values are replicates: a cell is judged by its mean over them'),
    top: z.int().positive().default(1).describe('how many of the best cells `top.json` keeps'),
  }),
  inputs: {runs: 'each'},
  outputs: {
    best: {kind: 'file', name: 'best.json'},
    top: {kind: 'file', name: 'top.json'},
    cells: {kind: 'file', name: 'cells.csv'},
  },
  async run({params, inputs, outputs, signal, log, metric: record}) {
    const {metric, goal} = params;
    const over = typeof params.over === 'string' ? [params.over] : params.over;
    // Weights need no digest here: equal runs have equal values, and a mean does not mind.
    const runs = await readRuns(
      inputs.runs.map(input => ({...input, files: {}})),
      signal,
    );
    checkMetric(runs, metric);
    const {best, candidates, ties} = selectBest(runs, metric, goal, over);
    if (best === undefined || best.score === null) {
      throw new StageError(
        `in each of ${candidates.length} cells a run diverged or has no ${metric}, so none can be chosen`,
        'Widen the grid, for example by smaller learning rates.',
      );
    }
    const edges = edgesOf(best, candidates);
    if (edges.length > 0)
      log(`the best cell is at an edge: ${edges.join(', ')}; a wider grid may have a better one`);
    const cost = runs.reduce((sum, run) => sum + (run.metrics.gradient_evaluations ?? 0), 0);
    const left = candidates.filter(({score}) => score === null);
    if (ties > 1)
      log(`${ties} cells have the best ${metric}, ${best.score}; taken is the one that the grid names first`);
    for (const {cell} of left) log(`left out: ${cellText(cell)}: a run diverged or has no ${metric}`);
    log(`best of ${candidates.length}: ${cellText(best.cell)}, ${metric} ${best.score}`);
    // Only the choice itself: the scores are in the list of cells and in the metrics.
    await writeFile(outputs.best, `${JSON.stringify(best.cell, null, 2)}\n`);
    await writeFile(outputs.top, `${JSON.stringify(bestCells(candidates, goal, params.top), null, 2)}\n`);
    await writeFile(outputs.cells, cellsCsv(candidates, metric));
    record(metric, best.score);
    record('cells', candidates.length);
    record('ties', ties);
    record('left_out', left.length);
    record('at_edge', edges.length);
    if (cost > 0) record('gradient_evaluations', cost);
  },
  holds: {
    runs: 'instances of a grid, by their metrics',
    best: 'JSON object: the axes of the best cell with their values, which `with: {from: …}` takes as parameters',
    top: 'JSON list of objects: the best `top` cells in the order of the grid, for `matrix: {from: …}`',
    cells: 'CSV, one row per cell of the grid: its axes, the mean of the metric, values, diverged',
  },
});

/** Every cell with its axes, score, number of runs and of diverged ones; in the grid's order. */
function cellsCsv(candidates: readonly Candidate[], metric: string): string {
  const axes = [...new Set(candidates.flatMap(({cell}) => Object.keys(cell)))];
  return toCsvText(
    [...axes, metric, 'values', 'diverged'],
    candidates.map(({cell, score, values, diverged}) => [
      ...axes.map(axis => cell[axis]),
      score,
      values.length,
      diverged,
    ]),
  );
}
