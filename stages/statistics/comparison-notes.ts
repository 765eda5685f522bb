// What must be said beside a comparison, in whole sentences: which tests were not done and why, and their limits.

import {meanOf} from './description.ts';
import type {Pairing} from './pairs.ts';
import type {SignFlipTest} from './rank-tests.ts';
import type {RunGroup} from './rows.ts';
import type {Comparison} from './summary.ts';

interface Compared {
  readonly arm: RunGroup;
  readonly base: RunGroup;
  readonly pairing: Pairing;
  readonly isPaired: boolean;
  readonly isOneMethod: boolean;
  readonly canTest: boolean;
  readonly flip: SignFlipTest | null;
  readonly over: string;
  readonly budget: Comparison['budget'];
}

/** Costs that differ by more are not equal: the last batch of an epoch may be left out. */
const COST_TOLERANCE = 0.02;

export const notesOf = (compared: Compared): readonly string[] => [
  ...aboutTests(compared),
  ...(compared.budget === 'equal compute' ? aboutCost(compared) : []),
];

/** Whether what is called equal compute is. */
function aboutCost({arm, base}: Compared): readonly string[] {
  const [own, other] = [arm, base].map(costOf);
  if (own === null || own === undefined || other === null || other === undefined) {
    return [
      'That this is equal compute is what the pipeline says: not every run has the metric gradient_evaluations.',
    ];
  }
  if (Math.abs(own - other) <= COST_TOLERANCE * Math.max(own, other)) return [];
  const [less, more] = [own, other].map(cost => Math.round(cost).toLocaleString('en'));
  return [`This is not equal compute: a run of the arm took ${less} gradients, one of the other ${more}.`];
}

function costOf({runs}: RunGroup): number | null {
  const costs = runs.flatMap(({metrics}) => metrics.gradient_evaluations ?? []);
  return costs.length < runs.length ? null : meanOf(costs);
}

function aboutTests(compared: Compared): readonly string[] {
  const {arm, base, pairing, isPaired, isOneMethod, canTest, flip, over} = compared;
  const {pairs, differences} = pairing;
  if (isOneMethod) {
    return [
      'No test: with these parameters the two are one method (a radius of 0 is no radius), so their difference says nothing.',
    ];
  }
  if (!canTest) {
    const isIdentical = [arm, base].some(({row}) => row.status === 'identical');
    return [
      isIdentical
        ? `No test: ${over} was not varied in at least one arm, so there is no spread to compare the difference with.`
        : 'No test: an arm has a single run.',
    ];
  }
  const notes: string[] = [];
  if (flip !== null && flip.floor >= 0.05) {
    notes.push(
      `The exact sign-flip test has a floor: ${inWords(pairs.length)} pairs can never reach p < 0.05 (the smallest possible p is ${flip.floor}); ${inWords(flip.pairs_needed)} are needed.`,
    );
  }
  if (flip !== null && flip.sampled !== null) {
    notes.push(
      `Sign flip: ${flip.sampled.toLocaleString('en')} of the 2^${pairs.length} sign patterns, drawn with a fixed seed.`,
    );
  }
  if (isPaired && differences.every(difference => difference === differences[0])) {
    notes.push('No t test: all differences are equal, so there is no spread to compare them with.');
  }
  if (!isPaired) {
    notes.push(`The arms do not share all values of ${over}, so they are compared unpaired (Welch).`);
  }
  return notes;
}

const inWords = (count: number): string =>
  ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'][count] ?? String(count);
