// A lock file against what making everything again gave: bit-equal, within tolerance, or different, by instance.
// Pure; texts of outputs are asked for where bytes differ.

import type {ActionResult} from '../action/action.ts';
import type {Outcome} from '../action/outcome.ts';
import type {Digest} from '../core/digest.ts';
import {byCodeUnit} from '../core/json.ts';
import {numbersOf} from '../core/metric.ts';
import type {Instance, InstanceId, Plan} from '../plan/plan.ts';
import {producersOf} from '../plan/plan-graph.ts';
import type {Lock, LockEntry} from '../store/ledger/lock-file.ts';

/** A number that came out otherwise. */
export interface Deviation {
  /** A metric's name, or `output.md` for a number inside a text. */
  readonly name: string;
  /** `undefined` where one side has no such metric. */
  readonly before: number | undefined;
  readonly after: number | undefined;
  /** |after − before| / max(|before|, |after|): 0 to 2; 1 where one side is missing or not finite. */
  readonly relative: number;
}

export type Verdict =
  | {readonly is: 'bit-equal'}
  /** Bytes differ; every number that can be compared is within the tolerance. Largest deviation first. */
  | {readonly is: 'within-tolerance'; readonly deviations: readonly Deviation[]}
  | {
      readonly is: 'different';
      readonly deviations: readonly Deviation[];
      /** Outputs whose bytes differ and that hold no numbers to compare, or that one side lacks. */
      readonly outputs: readonly string[];
    }
  /** The run gave no result. */
  | {readonly is: 'failed'}
  /** A stage that is declared to give something else each time. */
  | {readonly is: 'volatile'}
  /** The lock file has no line for it. */
  | {readonly is: 'unknown'};

export interface Compared {
  readonly id: InstanceId;
  readonly verdict: Verdict;
  /** Though its inputs are the same, its code or parameters are others than those that the lock file is of. */
  readonly hasOtherKey: boolean;
}

export interface ComparisonOptions {
  /** Relative; 0 takes only numbers that are the same. */
  readonly tolerance: number;
  /** The text of an output by digest, from before and from now; `undefined` where it is gone or no text. */
  readonly textOf: (digest: Digest) => string | undefined;
}

/** One verdict per instance of `plan` that has an outcome, in plan order. */
export function compareWithLock(
  plan: Plan,
  lock: Lock,
  outcomes: ReadonlyMap<InstanceId, Outcome>,
  options: ComparisonOptions,
): Compared[] {
  const verdicts = new Map<InstanceId, Verdict>();
  return plan.instances.flatMap((instance): Compared[] => {
    const outcome = outcomes.get(instance.id);
    if (outcome === undefined) return [];
    const locked = lock.get(instance.id);
    const verdict = verdictOf(instance, locked, outcome, options);
    verdicts.set(instance.id, verdict);
    const isOther = locked !== undefined && 'result' in outcome && outcome.fingerprint !== locked.fingerprint;
    const hasSameInputs = producersOf(instance).every(id => verdicts.get(id)?.is === 'bit-equal');
    return [{id: instance.id, verdict, hasOtherKey: isOther && hasSameInputs}];
  });
}

function verdictOf(
  instance: Instance,
  locked: LockEntry | undefined,
  outcome: Outcome,
  options: ComparisonOptions,
): Verdict {
  if (!('result' in outcome)) return {is: 'failed'};
  if (instance.isVolatile) return {is: 'volatile'};
  return locked === undefined ? {is: 'unknown'} : compare(instance, locked, outcome.result, options);
}

function compare(
  instance: Instance,
  locked: LockEntry,
  result: ActionResult,
  {tolerance, textOf}: ComparisonOptions,
): Verdict {
  const deviations = metricDeviations(numbersOf(locked.metrics), numbersOf(result.metrics));
  const outputs: string[] = [];
  let differing = 0;
  for (const name of sortedNames(locked.outputs, result.outputs)) {
    const before = locked.outputs[name];
    const after = result.outputs[name];
    if (before !== undefined && before.digest === after?.digest) continue;
    differing++;
    const inText =
      before?.kind === 'file' && after?.kind === 'file'
        ? textDeviations(instance.outputs[name]?.path ?? name, textOf(before.digest), textOf(after.digest))
        : undefined;
    if (inText !== undefined) deviations.push(...inText);
    else outputs.push(name);
  }
  if (differing === 0 && deviations.length === 0) return {is: 'bit-equal'};
  deviations.sort((a, b) => b.relative - a.relative);
  const isNear = deviations.every(({relative}) => relative <= tolerance);
  // Weights and pictures have no tolerance of their own: the metrics of their instance speak for them.
  const isSpokenFor = outputs.length === 0 || Object.keys(result.metrics).length > 0;
  if (isNear && isSpokenFor) return {is: 'within-tolerance', deviations};
  return {is: 'different', deviations, outputs};
}

function metricDeviations(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Deviation[] {
  return sortedNames(before, after).flatMap(name => deviationOf(name, before[name], after[name]));
}

function deviationOf(name: string, before: number | undefined, after: number | undefined): Deviation[] {
  if (before !== undefined && after !== undefined && Object.is(before, after)) return [];
  if (before === undefined || after === undefined) return [{name, before, after, relative: 1}];
  const scale = Math.max(Math.abs(before), Math.abs(after));
  const areFinite = Number.isFinite(before) && Number.isFinite(after);
  const relative = !areFinite ? 1 : scale === 0 ? 0 : Math.abs(after - before) / scale;
  return [{name, before, after, relative}];
}

const NUMBER = /[-+−]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

/**
 * Numbers that differ between two texts that are otherwise alike; `undefined` for texts that are not. White space
 * and rules of dashes do not count: they follow from the width of the numbers.
 */
function textDeviations(
  name: string,
  before: string | undefined,
  after: string | undefined,
): Deviation[] | undefined {
  if (before === undefined || after === undefined || skeleton(before) !== skeleton(after)) return undefined;
  const [was, is] = [numbersIn(before), numbersIn(after)];
  return was.flatMap((number, index) => (number === is[index] ? [] : deviationOf(name, number, is[index])));
}

const numbersIn = (text: string): number[] =>
  [...text.matchAll(NUMBER)].map(([number]) => Number(number.replace('−', '-')));

const skeleton = (text: string): string =>
  text
    .replace(NUMBER, '#')
    .replace(/[-─━]+/g, '-')
    .replace(/\s+/g, '');

const sortedNames = (a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): string[] =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].sort(byCodeUnit);
