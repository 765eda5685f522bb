// What makes a study look like more than it is, as far as its runs tell: runs that are called what they are not, copies
// that count as repetitions, metrics that chose or that were trained on, several metrics of which one will be quoted.

import type {Better} from './direction.ts';
import {betterOf} from './direction.ts';
import {axisValue, cellKey, groupBy, type Run, valuesInWords, without} from './runs.ts';

export interface Question {
  readonly over: string;
  readonly compare: string | undefined;
  /** The axis whose values are data sets that are judged together. */
  readonly across: string | undefined;
  /** All metrics that are tested. */
  readonly metrics: readonly string[];
  /** What the pipeline says of the direction. */
  readonly declared: Better | undefined;
}

/** Sentences on one metric of the runs. */
export function suspicionsOf(runs: readonly Run[], metric: string, question: Question): readonly string[] {
  return [
    ...strangersIn(runs, question),
    ...copiesIn(runs, question),
    ...twinDatasetsIn(runs, question),
    ...mixedUnitsIn(runs, metric),
    ...aboutRepetitions(runs, question),
    ...aboutMetric(runs, metric, question),
  ];
}

/** Runs whose cell says something else than they say of themselves. What stands for a value, such as `published`, may. */
function strangersIn(runs: readonly Run[], {over, compare}: Question): string[] {
  return [over, ...(compare === undefined ? [] : [compare])].flatMap(axis => {
    const strangers = runs.filter(run => {
      const [called, own] = [axisValue(run.cell, axis), run.settings[axis]];
      return own !== undefined && own !== null && typeof own === typeof called && own !== called;
    });
    // With a base optimizer a radius is 0, whatever it was called: the method says so elsewhere.
    const [first] = strangers.filter(run => run.settings[axis] !== 0 || axis === over);
    if (first === undefined) return [];
    const more = strangers.length > 1 ? ` (and ${strangers.length - 1} more)` : '';
    return [
      `Not what they are called: ${first.name}${more} stands under ${axis} ${axisValue(first.cell, axis)}, and says itself that ${axis} was ${first.settings[axis]}.`,
    ];
  });
}

/** Repetitions without saved weights of which all measured values are equal, one of them a loss. */
function copiesIn(runs: readonly Run[], {over}: Question): string[] {
  const rows = [...groupBy(runs, run => cellKey(without(run.cell, [over]))).values()];
  const copies = rows.flatMap(row => {
    const own = row.filter(run => run.weights === null && !run.diverged);
    const alike = [...groupBy(own, valuesOf).values()].filter(group => group.length > 1);
    return alike.filter(([first]) =>
      Object.keys(first?.metrics ?? {}).some(name => /loss|nll|entropy/.test(name)),
    );
  });
  const repeats = rows.map(row => row.length - new Set(row.map(valuesOf)).size);
  const isDoubled =
    rows.length > 0 && rows.every((row, at) => row.length >= 4 && (repeats[at] ?? 0) * 2 >= row.length);
  if (copies.length === 0 && !(isDoubled && runs.every(run => run.weights === null))) return [];
  return [
    `Several values of ${over} have exactly the same results, and no weights are saved that would tell whether they are one run: copies count as repetitions here.`,
  ];
}

/** Data sets that count as several and are one. */
function twinDatasetsIn(runs: readonly Run[], {across}: Question): string[] {
  if (across === undefined) return [];
  const dataOf = ({traits}: Run): string =>
    JSON.stringify(Object.entries(traits).filter(([name]) => name.startsWith('data: ')));
  const known = runs.filter(({dataset}) => dataset !== null);
  return [...groupBy(known, dataOf).values()].flatMap(([first, ...others]) => {
    const names = [...new Set([first, ...others].map(run => (run ? axisValue(run.cell, across) : null)))];
    if (names.length < 2) return [];
    return [
      `One data set under several names: ${names.join(', ')} of ${across} are all ${first?.dataset?.name}, so they are no independent evidence.`,
    ];
  });
}

/** A share beside percents. */
function mixedUnitsIn(runs: readonly Run[], metric: string): string[] {
  if (!/accuracy|error_rate|precision|recall|f1/i.test(metric)) return [];
  const values = runs.flatMap(run => run.metrics[metric] ?? []);
  const isMixed = values.some(value => value > 1.5) && values.some(value => value > 0 && value <= 1);
  return isMixed ? [`${metric} is a share from 0 to 1 in some runs and above 1 in others: mixed units?`] : [];
}

const valuesOf = ({metrics}: Run): string =>
  JSON.stringify(Object.entries(metrics).sort(([a], [b]) => (a < b ? -1 : 1)));

/** What runs are repeated over is taken for chance: a learning rate is none. */
function aboutRepetitions(runs: readonly Run[], {over}: Question): string[] {
  const isParameter = runs.some(run => run.settings[over] !== undefined);
  if (!isParameter || /seed|fold|split|rep|trial|run/i.test(over)) return [];
  return [
    `Runs are repeated over ${over}, which is chosen and not drawn: intervals and tests here are about these values of ${over} alone.`,
  ];
}

function aboutMetric(runs: readonly Run[], metric: string, {metrics, declared}: Question): string[] {
  const said: string[] = [];
  const byName = betterOf(metric);
  if (declared === undefined && byName === null) {
    said.push(`Which direction of ${metric} is better is not known from its name, and nobody says it.`);
  }
  if (declared !== undefined && byName !== null && declared !== byName) {
    said.push(`The pipeline says that ${declared} is better; the name of ${metric} says ${byName}.`);
  }
  if (/^train_/.test(metric)) {
    said.push(`${metric} is of the images that were trained on: it says nothing of new ones.`);
  }
  if (/^best_validation_/.test(metric)) {
    said.push(
      `${metric} is the best of many epochs, chosen by what it measures: it is higher than new images would give.`,
    );
  }
  const choosers = runs.flatMap(({origin}) => origin?.choosers ?? []);
  if (choosers.some(({params}) => params.metric === metric) && !/^test_/.test(metric)) {
    said.push(`${metric} chose the parameters of these runs, so it favours whatever was tried more often.`);
  }
  if (metrics.length > 1) {
    said.push(
      `${metrics.length} metrics are tested (${metrics.join(', ')}), and p values are adjusted within each alone: the best of ${metrics.length} is not a result.`,
    );
  }
  const epochs = valuesInWords(runs, run =>
    run.traits.epochs === undefined ? textOf(run.metrics.epochs) : null,
  );
  if (epochs.length > 1) {
    said.push(`Runs were trained for different numbers of epochs (${epochs.join(', ')}).`);
  }
  return said;
}

const textOf = (value: number | undefined): string | null => (value === undefined ? null : String(value));
