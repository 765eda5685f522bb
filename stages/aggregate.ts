// The statistics of a study: gathered runs to one summary. Runs that repeat a cell (usually over seeds) give mean,
// spread and interval; arms are compared with the baseline, seeds as pairs. Identical runs are not replicates.

import {writeFile} from 'node:fs/promises';
import {defineStage, StageError, z} from '../src/stage/define.ts';
import {acrossDatasets} from './statistics/across.ts';
import {compareAll, valuesOfAxis} from './statistics/comparisons.ts';
import {betterOf} from './statistics/direction.ts';
import {loadDistributions} from './statistics/distributions.ts';
import {type Correctness, readCorrectness} from './statistics/predictions.ts';
import {makeRows} from './statistics/rows.ts';
import {checkAxis, checkMetric, type Run, readRuns} from './statistics/runs.ts';
import {type Scalar, type Summary, scalarSchema} from './statistics/summary.ts';
import {suspicionsOf} from './statistics/suspicions.ts';
import {tuningWarnings} from './statistics/tuning.ts';
import {warningsOf} from './statistics/warnings.ts';

export default defineStage({
  about: 'Means, intervals and tests over gathered runs: seeds as pairs, each arm against the baseline.',
  params: z.object({
    metric: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .describe('a metric of the runs, or several'),
    over: z.string().default('seed').describe('the axis whose values are replicates'),
    compare: z.string().optional().describe('the axis whose values are the arms of the comparison'),
    baseline: z
      .union([scalarSchema, z.array(scalarSchema).min(1)])
      .optional()
      .describe('the arm that the others are compared with, or several; the first one by default'),
    confidence: z.number().gt(0).lt(1).default(0.95),
    equal_compute: z
      .strictObject({axis: z.string(), factor: z.number().positive()})
      .optional()
      .describe('compare with the baseline at `factor` times the value of `axis` as well: epochs, 2 for SAM'),
    across: z
      .string()
      .optional()
      .describe('the axis whose values are data sets that are to be judged together as well'),
    better: z
      .enum(['higher', 'lower'])
      .optional()
      .describe('which direction is better; by the name of the metric where it is left out'),
    margin: z
      .number()
      .positive()
      .optional()
      .describe('differences within ± this count as equivalent, in units of the metric: 0.001 is 0.1 points'),
    power: z
      .number()
      .gt(0)
      .lt(1)
      .default(0.8)
      .describe(
        'the probability with which a difference is to be found, for the smallest that could have been',
      ),
    sequential: z
      .boolean()
      .default(false)
      .describe('runs are added until the question is decided: also give intervals that hold under peeking'),
  }),
  inputs: {runs: 'each'},
  traces: true,
  outputs: {summary: {kind: 'file', name: 'summary.json'}},
  async run({params, inputs, outputs, signal, log, metric: record}) {
    const {over, compare, across, confidence, margin = null, power, sequential} = params;
    const runs = await readRuns(inputs.runs, signal);
    checkAxis(runs, over, 'over');
    if (compare !== undefined) checkAxis(runs, compare, 'compare');
    if (across !== undefined) checkAxis(runs, across, 'across');
    const distributions = await loadDistributions();
    const correctness = await readAllCorrectness(runs);
    const names = typeof params.metric === 'string' ? [params.metric] : params.metric;
    let baseline: Scalar = null;
    const metrics = names.map(metric => {
      checkMetric(runs, metric);
      const groups = makeRows(runs, metric, over, confidence, distributions);
      const rows = groups.map(group => group.row);
      const better = params.better ?? betterOf(metric);
      const about = {
        metric,
        better,
        warnings: [
          ...suspicionsOf(runs, metric, {over, compare, across, metrics: names, declared: params.better}),
          ...warningsOf(runs, metric),
          ...tuningWarnings(runs, compare),
        ],
        rows,
      };
      if (compare === undefined) return {...about, comparisons: [], across: null};
      const arms = valuesOfAxis(groups, compare);
      const given = params.baseline ?? arms[0] ?? null;
      const baselines = Array.isArray(given) ? given : [given];
      baseline = baselines[0] ?? null;
      const stranger = baselines.find(one => !arms.includes(one));
      if (stranger !== undefined) {
        throw new StageError(
          `baseline: expected a value of the axis ${compare} (${arms.join(', ')}), got ${stranger}`,
        );
      }
      const comparisons = compareAll(
        groups,
        {
          metric,
          over,
          compare,
          baselines,
          confidence,
          margin,
          power,
          isSequential: sequential,
          better,
          equalCompute: params.equal_compute ?? null,
          correctness: run => correctness.get(run) ?? null,
        },
        distributions,
      );
      return {
        ...about,
        comparisons: [...comparisons],
        across:
          across === undefined
            ? null
            : acrossDatasets(groups, comparisons, {metric, compare, across, confidence, better}),
      };
    });
    const summary: Summary = {
      format: 'pipe-summary-1',
      over,
      compare: compare ?? null,
      baseline,
      confidence,
      sequential,
      datasets: datasetsOf(runs),
      metrics,
    };
    await writeFile(outputs.summary, `${JSON.stringify(summary, null, 2)}\n`);
    record('runs', runs.length);
    for (const {metric, warnings, rows, comparisons} of metrics) {
      const notes = [...rows, ...comparisons].flatMap(each => each.notes);
      for (const note of new Set([...warnings, ...notes])) log(`${metric}: ${note}`);
    }
  },
  holds: {
    runs: 'instances with metrics; predictions of train are compared by McNemar where they are there',
    summary: 'JSON: rows with means and intervals, comparisons with tests and effect sizes, every run',
  },
});

async function readAllCorrectness(runs: readonly Run[]): Promise<ReadonlyMap<Run, Correctness>> {
  const found = new Map<Run, Correctness>();
  for (const run of runs) {
    if (run.predictions !== null) found.set(run, await readCorrectness(run.predictions));
  }
  return found;
}

/** Every data set that a run says it was trained on, once. */
function datasetsOf(runs: readonly Run[]): Summary['datasets'] {
  const found = new Map<string, {name: string; is_subset: boolean}>();
  for (const {dataset} of runs)
    if (dataset !== null) found.set(`${dataset.is_subset} ${dataset.name}`, dataset);
  return [...found.values()];
}
