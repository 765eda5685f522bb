// One row per cell: the runs that repeat it, and what they say together. Runs with the same weights are one run.

import {describe, meanOf} from './description.ts';
import type {Distributions} from './distributions.ts';
import {axisValue, cellKey, groupBy, type Run, without} from './runs.ts';
import type {Row} from './summary.ts';

/** The runs of a row that count, in their order: with a value, and with weights that no earlier one has. */
export function distinctRuns(runs: readonly Run[], metric: string): readonly Run[] {
  const seen = new Set<string>();
  return runs.filter(run => {
    if (run.metrics[metric] === undefined) return false;
    if (run.weights === null) return true;
    const isNew = !seen.has(run.weights);
    seen.add(run.weights);
    return isNew;
  });
}

export interface RunGroup {
  readonly row: Row;
  readonly runs: readonly Run[];
}

export function makeRows(
  runs: readonly Run[],
  metric: string,
  over: string,
  confidence: number,
  distributions: Distributions,
): readonly RunGroup[] {
  const groups = groupBy(runs, run => cellKey(without(run.cell, [over])));
  return [...groups.values()].map(group => ({
    row: makeRow(group, metric, over, confidence, distributions),
    runs: group,
  }));
}

function makeRow(
  runs: readonly Run[],
  metric: string,
  over: string,
  confidence: number,
  distributions: Distributions,
): Row {
  const counted = distinctRuns(runs, metric);
  const values = counted.flatMap(run => run.metrics[metric] ?? []);
  const withValue = runs.filter(run => run.metrics[metric] !== undefined);
  const costs = runs.flatMap(run => run.metrics.gradient_evaluations ?? []);
  const base = {
    cost: costs.length === runs.length ? meanOf(costs) : null,
    cell: without(runs[0]?.cell ?? {}, [over]),
    settings: sharedSettings(runs),
    runs: runs.map(run => ({
      over: axisValue(run.cell, over),
      value: run.metrics[metric] ?? null,
      not_finite: run.notFinite[metric] ?? null,
      diverged: run.diverged,
      weights: run.weights,
      origin: run.origin && {instance: run.origin.instance, fingerprint: run.origin.fingerprint},
    })),
  };
  const notes = [...missingNotes(runs, metric, over), ...mixedNotes(runs, over)];
  if (values.length === 0) {
    return {...base, n: 0, mean: null, sd: null, interval: null, status: 'empty', notes};
  }
  const {n, mean, sd, interval} = describe(values, confidence, distributions);
  if (withValue.length > 1 && n === 1) {
    notes.push(
      `${withValue.length} runs ended in the same weights: ${over} was not varied, so they are one run and have no standard deviation.`,
    );
    return {...base, n, mean, sd: null, interval: null, status: 'identical', notes};
  }
  if (n < withValue.length) {
    notes.push(`${withValue.length} runs ended in ${n} different sets of weights; equal ones count once.`);
  }
  if (n === 1) return {...base, n, mean, sd: null, interval: null, status: 'single', notes};
  if (interval === null) {
    notes.push(`${n} runs have exactly the same value; a spread cannot be estimated from them.`);
    return {...base, n, mean, sd: null, interval: null, status: 'constant', notes};
  }
  return {...base, n, mean, sd, interval, status: 'replicated', notes};
}

function sharedSettings(runs: readonly Run[]): Row['settings'] {
  const [first, ...others] = runs;
  return Object.fromEntries(
    Object.entries(first?.settings ?? {}).filter(([name, value]) =>
      others.every(run => run.settings[name] === value),
    ),
  );
}

function missingNotes(runs: readonly Run[], metric: string, over: string): string[] {
  const lacking = runs.filter(run => run.metrics[metric] === undefined);
  const notFinite = lacking.filter(run => run.notFinite[metric] !== undefined);
  const diverged = lacking.filter(run => run.diverged && run.notFinite[metric] === undefined);
  const missing = lacking.length - diverged.length - notFinite.length;
  const notes: string[] = [];
  if (diverged.length > 0)
    notes.push(`${diverged.length} of ${runs.length} runs diverged and have no value.`);
  if (notFinite.length > 0) {
    const which = notFinite.map(run => `${run.notFinite[metric]} at ${over} ${axisValue(run.cell, over)}`);
    notes.push(
      `${notFinite.length} of ${runs.length} values are not finite (${which.join(', ')}) and are left out of the mean.`,
    );
  }
  if (missing > 0) notes.push(`${missing} of ${runs.length} runs have no ${metric}.`);
  return notes;
}

/** Runs that are called repetitions and differ in more than what they are repeated over. */
function mixedNotes(runs: readonly Run[], over: string): string[] {
  const axes = Object.keys(runs[0]?.cell ?? {});
  const names = [...new Set(runs.flatMap(run => Object.keys(run.traits)))];
  // Repeated over something before the training, such as a fold, runs differ in their data by intention.
  const isOfData = (name: string): boolean =>
    name.startsWith('data: ') && runs[0]?.traits[over] === undefined;
  const mixed = names.filter(
    name => name !== over && !axes.includes(name) && !isOfData(name) && valuesOf(runs, name).size > 1,
  );
  return mixed.map(
    name =>
      `These runs differ in ${name} as well (${[...valuesOf(runs, name)].join(', ')}): they do not repeat one training.`,
  );
}

const valuesOf = (runs: readonly Run[], name: string): ReadonlySet<string> =>
  new Set(runs.flatMap(run => run.traits[name] ?? []));
