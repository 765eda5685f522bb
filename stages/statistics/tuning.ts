// How the parameters of the arms came to be: which metric chose them, among how many cells, at what cost. An arm that
// was tuned more has a better best, and one that was chosen on the test images has a better test result.

import {axisValue, groupBy, type Run} from './runs.ts';

interface Choice {
  readonly instance: string;
  /** `null` for a chooser of another kind than `select`. */
  readonly metric: string | null;
  readonly cells: number | null;
  readonly gradients: number | null;
  readonly isAtEdge: boolean;
}

/** Sentences on the choices of all runs, of whatever arms; none where nothing was chosen. */
export function tuningWarnings(runs: readonly Run[], compare: string | undefined): readonly string[] {
  const arms = [...groupBy(runs, run => String(compare === undefined ? null : axisValue(run.cell, compare)))];
  const tuned = arms.map(([name, own]) => ({name, choices: choicesOf(own), training: meanCost(own)}));
  if (tuned.every(({choices}) => choices.length === 0)) return [];
  const warnings: string[] = [];
  const byTest = [
    ...new Set(tuned.flatMap(({choices}) => choices.flatMap(({metric}) => metric ?? [])).filter(isOfTest)),
  ];
  if (byTest.length > 0) {
    warnings.push(
      `Parameters were chosen by ${byTest.join(', ')}: the test images chose what they judge, so these results are better than new images would give.`,
    );
  }
  const counts = tuned.map(({choices}) => Math.max(0, ...choices.map(({cells}) => cells ?? 0)));
  if (tuned.length > 1 && new Set(counts).size > 1) {
    warnings.push(
      `Arms were not tuned alike, and the best of more tries is better by chance: ${tuned.map(effortText).join('; ')}.`,
    );
  } else warnings.push(`Tuning: ${tuned.map(effortText).join('; ')}.`);
  const edges = tuned.filter(({choices}) => choices.some(({isAtEdge}) => isAtEdge)).map(({name}) => name);
  if (edges.length > 0) {
    warnings.push(
      `The best cell of ${edges.join(', ')} lies at an edge of its grid: a wider one may have a better.`,
    );
  }
  return warnings;
}

const isOfTest = (metric: string): boolean => /(^|_)test_/.test(metric);

function effortText({
  name,
  choices,
  training,
}: {
  readonly name: string;
  readonly choices: readonly Choice[];
  readonly training: number | null;
}): string {
  const cost = training === null ? '' : `, ${thousands(training)} gradients of a batch to train one run`;
  if (choices.length === 0) return `${name} not tuned${cost}`;
  const parts = choices.map(({metric, cells, gradients}) => {
    const among = cells === null ? 'chosen' : `best of ${cells} ${cells === 1 ? 'cell' : 'cells'}`;
    const by = metric === null ? '' : ` by ${metric}`;
    return `${among}${by}${gradients === null ? '' : ` (${thousands(gradients)} gradients)`}`;
  });
  return `${name} ${[...new Set(parts)].join(' and ')}${cost}`;
}

const thousands = (value: number): string => Math.round(value).toLocaleString('en');

function choicesOf(runs: readonly Run[]): readonly Choice[] {
  const found = new Map<string, Choice>();
  for (const {instance, params, metrics} of runs.flatMap(({origin}) => origin?.choosers ?? [])) {
    found.set(instance, {
      instance,
      metric: typeof params.metric === 'string' ? params.metric : null,
      cells: metrics.cells === undefined ? null : Number(metrics.cells),
      gradients: metrics.gradient_evaluations === undefined ? null : Number(metrics.gradient_evaluations),
      isAtEdge: Number(metrics.at_edge ?? 0) > 0,
    });
  }
  return [...found.values()];
}

function meanCost(runs: readonly Run[]): number | null {
  const known = runs.flatMap(({metrics}) => metrics.gradient_evaluations ?? []);
  return known.length === 0 ? null : known.reduce((sum, cost) => sum + cost, 0) / known.length;
}
