// Each arm against the baseline: which cells belong together, seeds as pairs, and every test with its limits in words.

import type {Cell, Scalar} from '../../src/stage/define.ts';
import {notesOf} from './comparison-notes.ts';
import {contrastsOf} from './contrasts.ts';
import {meanOf} from './description.ts';
import type {Distributions} from './distributions.ts';
import {type EvidenceOptions, evidenceOf, noEvidence} from './evidence.ts';
import {mcNemar} from './mcnemar.ts';
import {areTwins, type Pair, pairRuns} from './pairs.ts';
import type {Correctness} from './predictions.ts';
import {signFlip} from './rank-tests.ts';
import {distinctRuns, type RunGroup} from './rows.ts';
import {axisValue, cellKey, type Run, without} from './runs.ts';
import type {Comparison} from './summary.ts';
import {hedgesG, holm, pairedEffect, pairedT, welchT} from './tests.ts';

export interface ComparisonOptions extends EvidenceOptions {
  readonly metric: string;
  readonly over: string;
  readonly compare: string;
  /** Arms that the others are compared with, each with those whose cells agree with its own. */
  readonly baselines: readonly Scalar[];
  /** The baseline at `factor` times the value of `axis` is compared as well: equal compute. */
  readonly equalCompute: {readonly axis: string; readonly factor: number} | null;
  /** Which test images were classified rightly; `null` where predictions were not saved. */
  readonly correctness: (run: Run) => Correctness | null;
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
  const {metric, over, confidence} = options;
  const [a, b] = [distinctRuns(arm.runs, metric), distinctRuns(base.runs, metric)];
  const [valuesA, valuesB] = [valuesOf(a, metric), valuesOf(b, metric)];
  if (valuesA.length === 0 || valuesB.length === 0) return undefined;
  const pairing = pairRuns(a, b, over, metric);
  const {pairs, differences} = pairing;
  const isWhole = pairing.onlyFirst.length === 0 && pairing.onlySecond.length === 0;
  const isPaired = pairs.length > 1 || (pairs.length === 1 && isWhole);
  const isOneMethod = areTwins(pairs) || isSameMethod(arm, base);
  const canTest = !isOneMethod && valuesA.length > 1 && valuesB.length > 1;
  const paired = canTest && isPaired ? pairedT(differences, confidence, distributions) : null;
  const flip = canTest && isPaired ? signFlip(differences) : null;
  const welch = canTest ? welchT(valuesA, valuesB, confidence, distributions) : null;
  const primary = isPaired ? paired : welch;
  const effect = isPaired
    ? pairedEffect(differences, distributions)
    : hedgesG(valuesA, valuesB, distributions);
  const {tests: mcnemar, notes: mcnemarNotes} = mcNemarPerPair(pairs, options, distributions);
  const evidence = canTest
    ? evidenceOf([valuesA, valuesB], isPaired ? differences : null, primary, options, distributions)
    : noEvidence;
  const difference = meanOf(valuesA) - meanOf(valuesB);
  return {
    cell: arm.row.cell,
    baseline: base.row.cell,
    kind: isPaired ? 'paired' : 'unpaired',
    budget,
    differences: pairs.map((pair, at) => ({over: pair.over, value: differences[at] ?? 0})),
    unpaired: {arm: [...pairing.onlyFirst], baseline: [...pairing.onlySecond]},
    difference: isPaired ? meanOf(differences) : difference,
    difference_of_all: difference,
    interval: primary?.interval ?? null,
    paired_t: paired,
    sign_flip: flip,
    welch_t: welch,
    effect: effect === null || isOneMethod ? null : {name: isPaired ? 'd_z' : 'g', value: effect},
    ...evidence,
    mcnemar,
    p: primary?.p ?? null,
    p_holm: null,
    contrasts: [...contrastsOf(arm.runs, base.runs, name => isCompared(name, budget, options))],
    notes: [
      ...notesOf({arm, base, pairing, isPaired, isOneMethod, canTest, flip, over, budget}),
      ...mcnemarNotes,
    ],
  };
}

const valuesOf = (runs: readonly Run[], metric: string): readonly number[] =>
  runs.flatMap(run => run.metrics[metric] ?? []);

/** What is varied on purpose: the arms, the repetitions, and the budget where that is to be equal. */
const isCompared = (name: string, budget: Comparison['budget'], options: ComparisonOptions): boolean =>
  name === options.compare ||
  name === options.over ||
  (budget === 'equal compute' && name === options.equalCompute?.axis);

/** Both say what they trained in the end, and it is the same: SAM with radius 0 is its base optimizer. */
function isSameMethod(arm: RunGroup, base: RunGroup): boolean {
  const methods = new Set([...arm.runs, ...base.runs].map(run => run.method));
  return methods.size === 1 && !methods.has(null);
}

/** Whether the share of right predictions is the metric: those of the last epoch say nothing of the best one. */
const isOf = ({right}: Correctness, value: number | undefined): boolean =>
  value !== undefined && Math.abs(right.reduce((sum, one) => sum + one, 0) / right.length - value) < 1e-6;

function mcNemarPerPair(
  pairs: readonly Pair[],
  {correctness, metric}: ComparisonOptions,
  distributions: Distributions,
): {readonly tests: Comparison['mcnemar']; readonly notes: readonly string[]} {
  const notes = new Set<string>();
  const tests = pairs.flatMap(({over, first, second}) => {
    const [a, b] = [correctness(first), correctness(second)];
    if (a === null || b === null) return [];
    if (!isOf(a, first.metrics[metric]) || !isOf(b, second.metrics[metric])) {
      notes.add('No McNemar test: the predictions that were saved are not those that this metric is of.');
      return [];
    }
    if (a.labels !== b.labels) {
      notes.add('No McNemar test: the two networks of a pair were tested on different images.');
      return [];
    }
    const {only_first, only_second, p} = mcNemar(a.right, b.right, distributions);
    return [{over, only_arm: only_first, only_baseline: only_second, p}];
  });
  return {tests, notes: [...notes]};
}

/** For messages: which values of an axis there are. */
export const valuesOfAxis = (groups: readonly RunGroup[], axis: string): readonly Scalar[] => [
  ...new Map(
    groups.map(({row}) => [cellKey({axis: axisValue(row.cell, axis)}), axisValue(row.cell, axis)]),
  ).values(),
];
