// Each arm against the baseline: which cells belong together, seeds as pairs, and every test with its limits in words.

import type {Cell, Scalar} from '../../src/stage/define.ts';
import {meanOf} from './description.ts';
import type {Distributions} from './distributions.ts';
import {distinctRuns, type RunGroup} from './rows.ts';
import {axisValue, cellKey, type Run, without} from './runs.ts';
import type {Comparison} from './summary.ts';
import {hedgesG, holm, mcNemar, pairedEffect, pairedT, signFlip, welchT} from './tests.ts';

export interface ComparisonOptions {
  readonly metric: string;
  readonly over: string;
  readonly compare: string;
  /** Arms that the others are compared with, each with those whose cells agree with its own. */
  readonly baselines: readonly Scalar[];
  readonly confidence: number;
  /** The baseline at `factor` times the value of `axis` is compared as well: equal compute. */
  readonly equalCompute: {readonly axis: string; readonly factor: number} | null;
  /** Whether each test image was classified rightly, 1 or 0; `null` where predictions were not saved. */
  readonly correctness: (run: Run) => ArrayLike<number> | null;
}

/** All comparisons of one metric, with Holm's adjustment over them. */
export function compareAll(
  groups: readonly RunGroup[],
  options: ComparisonOptions,
  distributions: Distributions,
): readonly Comparison[] {
  const {compare, equalCompute} = options;
  const armOf = (group: RunGroup) => axisValue(group.row.cell, compare);
  const found = options.baselines.flatMap((baseline, place) => {
    const baselines = groups.filter(group => armOf(group) === baseline);
    // A baseline is itself compared with those before it, and with no later one: each pair is compared once.
    const isArm = (group: RunGroup) => !options.baselines.slice(0, place + 1).includes(armOf(group));
    return groups.filter(isArm).flatMap(arm => {
      const cell = without(arm.row.cell, [compare]);
      const same = baselines.find(other => agrees(without(other.row.cell, [compare]), cell));
      const longer = equalCompute === null ? undefined : multiply(cell, equalCompute);
      const equal =
        longer === undefined
          ? undefined
          : baselines.find(other => agrees(without(other.row.cell, [compare]), longer));
      return [
        ...(same === undefined ? [] : [compareTwo(arm, same, 'same', options, distributions)]),
        ...(equal === undefined ? [] : [compareTwo(arm, equal, 'equal compute', options, distributions)]),
      ].flatMap(comparison => comparison ?? []);
    });
  });
  const tested = found.filter(comparison => comparison.p !== null);
  const adjusted = holm(tested.map(comparison => comparison.p ?? 1));
  const byComparison = new Map(tested.map((comparison, index) => [comparison, adjusted[index] ?? 1]));
  return found.map(comparison => ({...comparison, p_holm: byComparison.get(comparison) ?? null}));
}

/** The baseline may lack axes that the arm has, such as rho; those that it has must be equal. */
const agrees = (baseline: Cell, arm: Cell): boolean =>
  Object.entries(baseline).every(([axis, value]) => Object.hasOwn(arm, axis) && arm[axis] === value);

function multiply(cell: Cell, {axis, factor}: {axis: string; factor: number}): Cell | undefined {
  const value = cell[axis];
  return typeof value === 'number' ? {...cell, [axis]: value * factor} : undefined;
}

function compareTwo(
  arm: RunGroup,
  base: RunGroup,
  budget: Comparison['budget'],
  options: ComparisonOptions,
  distributions: Distributions,
): Comparison | undefined {
  const {metric, confidence} = options;
  const [a, b] = [distinctRuns(arm.runs, metric), distinctRuns(base.runs, metric)];
  const [valuesA, valuesB] = [valuesOf(a, metric), valuesOf(b, metric)];
  if (valuesA.length === 0 || valuesB.length === 0) return undefined;
  const pairs = pairRuns(a, b, options.over);
  const isPaired = pairs.length > 0 && pairs.length === a.length && pairs.length === b.length;
  const differences = pairs.map(({over, first, second}) => ({
    over,
    value: (first.metrics[metric] ?? 0) - (second.metrics[metric] ?? 0),
  }));
  const deltas = differences.map(({value}) => value);
  const canTest = valuesA.length > 1 && valuesB.length > 1;
  const paired = isPaired ? pairedT(deltas, confidence, distributions) : null;
  const flip = isPaired && canTest ? signFlip(deltas) : null;
  const welch = canTest ? welchT(valuesA, valuesB, confidence, distributions) : null;
  const primary = isPaired ? paired : welch;
  const effect = isPaired ? pairedEffect(deltas, distributions) : hedgesG(valuesA, valuesB, distributions);
  return {
    cell: arm.row.cell,
    baseline: base.row.cell,
    kind: isPaired ? 'paired' : 'unpaired',
    budget,
    differences,
    difference: isPaired ? meanOf(deltas) : meanOf(valuesA) - meanOf(valuesB),
    interval: primary?.interval ?? null,
    paired_t: paired,
    sign_flip: flip,
    welch_t: welch,
    effect: effect === null ? null : {name: isPaired ? 'd_z' : 'g', value: effect},
    mcnemar: mcNemarPerPair(pairs, options, distributions),
    p: primary?.p ?? null,
    p_holm: null,
    notes: notesOf(arm, base, isPaired, deltas, flip, canTest, options.over),
  };
}

const valuesOf = (runs: readonly Run[], metric: string): readonly number[] =>
  runs.flatMap(run => run.metrics[metric] ?? []);

interface Pair {
  readonly over: Scalar;
  readonly first: Run;
  readonly second: Run;
}

function pairRuns(a: readonly Run[], b: readonly Run[], over: string): readonly Pair[] {
  const byOver = new Map(b.map(run => [axisValue(run.cell, over), run]));
  return a.flatMap(first => {
    const value = axisValue(first.cell, over);
    const second = byOver.get(value);
    return second === undefined ? [] : [{over: value, first, second}];
  });
}

function mcNemarPerPair(
  pairs: readonly Pair[],
  {correctness}: ComparisonOptions,
  distributions: Distributions,
): Comparison['mcnemar'] {
  return pairs.flatMap(({over, first, second}) => {
    const [a, b] = [correctness(first), correctness(second)];
    if (a === null || b === null || a.length !== b.length) return [];
    const {only_first, only_second, p} = mcNemar(a, b, distributions);
    return [{over, only_arm: only_first, only_baseline: only_second, p}];
  });
}

function notesOf(
  arm: RunGroup,
  base: RunGroup,
  isPaired: boolean,
  deltas: readonly number[],
  flip: ReturnType<typeof signFlip>,
  canTest: boolean,
  over: string,
): string[] {
  const notes: string[] = [];
  if (!canTest) {
    const isIdentical = [arm, base].some(({row}) => row.status === 'identical');
    notes.push(
      isIdentical
        ? `No test: ${over} was not varied in at least one arm, so there is no spread to compare the difference with.`
        : 'No test: an arm has a single run.',
    );
    return notes;
  }
  if (flip !== null && flip.floor >= 0.05) {
    notes.push(
      `The exact sign-flip test has a floor: ${inWords(deltas.length)} pairs can never reach p < 0.05 (the smallest possible p is ${flip.floor}); ${inWords(flip.pairs_needed)} are needed.`,
    );
  }
  if (isPaired && deltas.every(delta => delta === deltas[0])) {
    notes.push('No t test: all differences are equal, so there is no spread to compare them with.');
  }
  if (!isPaired) {
    notes.push(`The arms do not share all values of ${over}, so they are compared unpaired (Welch).`);
  }
  return notes;
}

const inWords = (count: number): string =>
  ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'][count] ?? String(count);

/** For messages: which values of an axis there are. */
export const valuesOfAxis = (groups: readonly RunGroup[], axis: string): readonly Scalar[] => [
  ...new Map(
    groups.map(({row}) => [cellKey({axis: axisValue(row.cell, axis)}), axisValue(row.cell, axis)]),
  ).values(),
];
