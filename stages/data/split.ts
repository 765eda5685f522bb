// Which images go where, by seed. Chosen images keep the order of the data set, so that the choice alone differs.

import {permutation, stream} from '../learn/random.ts';

export type Choice = 'random' | 'stratified' | 'last';
export type SubsetChoice = 'first' | 'random' | 'balanced';

/** Which draw this is: a test split and a validation split of one seed must not be the same draw. */
const draws = {test: 0, validation: 1} as const;

/** Splits 0..labels.length-1 into `kept` and `taken`, `count` of them. Both ascend. */
export function splitOff(
  labels: Int32Array,
  count: number,
  choice: Choice,
  seed: number,
  draw: keyof typeof draws,
): {readonly kept: Int32Array; readonly taken: Int32Array} {
  const taken = new Set(chooseTaken(labels, count, choice, seed, draws[draw]));
  const all = Array.from(labels, (_, index) => index);
  return {
    kept: Int32Array.from(all.filter(index => !taken.has(index))),
    taken: Int32Array.from(all.filter(index => taken.has(index))),
  };
}

function chooseTaken(
  labels: Int32Array,
  count: number,
  choice: Choice,
  seed: number,
  draw: number,
): Iterable<number> {
  switch (choice) {
    case 'last':
      return Array.from({length: count}, (_, index) => labels.length - count + index);
    case 'random':
      return permutation(stream(seed, 'split', draw, 0), labels.length).subarray(0, count);
    case 'stratified':
      return stratified(labels, count, seed, draw);
  }
}

/**
 * Each class gives its share, rounded down; the images that are then missing come from the classes with the largest
 * remainders, lower classes first.
 */
function stratified(labels: Int32Array, count: number, seed: number, draw: number): number[] {
  const classes = groupByClass(labels);
  const shares = classes.map((members, label) => {
    const exact = (count * members.length) / labels.length;
    return {label, members, whole: Math.floor(exact), rest: exact - Math.floor(exact)};
  });
  const missing = count - shares.reduce((sum, share) => sum + share.whole, 0);
  const topped = new Set(
    [...shares]
      .sort((a, b) => b.rest - a.rest || a.label - b.label)
      .slice(0, missing)
      .map(share => share.label),
  );
  return shares.flatMap(({label, members, whole}) => {
    const order = permutation(stream(seed, 'split', draw, label + 1), members.length);
    return Array.from(order.subarray(0, whole + (topped.has(label) ? 1 : 0)), index => members[index] ?? 0);
  });
}

/** `count` indices out of 0..labels.length-1, ascending. `balanced` takes turns among the classes. */
export function chooseSubset(
  labels: Int32Array,
  count: number,
  choice: SubsetChoice,
  seed: number,
): Int32Array {
  if (choice === 'first') return Int32Array.from({length: count}, (_, index) => index);
  if (choice === 'random') {
    return permutation(stream(seed, 'subset', 0, 0), labels.length)
      .slice(0, count)
      .sort();
  }
  const queues = groupByClass(labels).map((members, label) =>
    Array.from(
      permutation(stream(seed, 'subset', 0, label + 1), members.length),
      index => members[index] ?? 0,
    ),
  );
  const chosen: number[] = [];
  for (let round = 0; chosen.length < count; round++) {
    const turn = queues.flatMap(queue => queue.slice(round, round + 1));
    chosen.push(...turn.slice(0, count - chosen.length));
  }
  return Int32Array.from(chosen).sort();
}

function groupByClass(labels: Int32Array): readonly (readonly number[])[] {
  const classes: number[][] = [];
  labels.forEach((label, index) => {
    while (classes.length <= label) classes.push([]);
    classes[label]?.push(index);
  });
  return classes;
}
