// From a number in a table to the instances that it comes from. A number is traced only when it is found again: as a
// metric of one instance, as the mean of several, or as the difference of two means, among the instances that the
// table was made from and that agree with the row. What is not found is not linked: no guess is shown as a source.

import type {InstanceId} from '../../plan/plan.ts';
import {producersOf} from '../../plan/plan-graph.ts';
import type {InstanceFacts} from './facts.ts';

export interface Source {
  readonly how: 'value' | 'mean' | 'difference';
  readonly metric: string;
  /** For a difference: those of the row, then those that they are compared with. */
  readonly ids: readonly InstanceId[];
}

/** Traces the numbers of one table. Cells are plain text, without marks of footnotes. */
export interface Tracer {
  trace(header: readonly string[], row: readonly string[], column: number): Source | undefined;
}

type Constraints = ReadonlyMap<string, string>;

/** A tracer for the tables of an instance: looks among everything that it was made from. */
export function tracerFor(id: InstanceId, instances: ReadonlyMap<InstanceId, InstanceFacts>): Tracer {
  const behind = ancestorsOf(id, instances).filter(({metrics}) => Object.keys(metrics).length > 0);
  const axes = new Set(behind.flatMap(({instance}) => Object.keys(instance.cell)));
  return {
    trace(header, row, column) {
      const head = header[column] ?? '';
      const number = readNumber(row[column] ?? '');
      if (number === undefined || axes.has(head) || [head, ...row].includes('published')) return undefined;
      const constraints = constraintsOf(header, row, column, axes);
      const agreeing = agreeingWith(behind, constraints);
      const names = metricNames(agreeing, head, number);
      return (
        findValue(onlyOnes(agreeing), names, number) ??
        findMean(agreeing, names, number) ??
        findValue(agreeing, names, number) ??
        findDifference(behind, constraints, names, number)
      );
    },
  };
}

function ancestorsOf(id: InstanceId, instances: ReadonlyMap<InstanceId, InstanceFacts>): InstanceFacts[] {
  const seen = new Set<InstanceId>([id]);
  // A set may grow while it is iterated.
  for (const next of seen) {
    const instance = instances.get(next)?.instance;
    for (const producer of instance ? producersOf(instance) : []) seen.add(producer);
  }
  return [...instances.values()].filter(({instance}) => seen.has(instance.id) && instance.id !== id);
}

interface Written {
  readonly value: number;
  readonly decimals: number;
  readonly significant: number;
  readonly isSigned: boolean;
}

/** A cell that is a number: `98.73 ± 0.07`, `−0.3`, `+0.12`, `98 %`. */
function readNumber(cell: string): Written | undefined {
  const match = /^\s*([-+−]?)(\d+)(?:\.(\d+))?(?:e([-+]?\d+))?(?: ?%| ± [\d.]+)?\s*$/.exec(cell);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent] = match;
  const value = Number(`${sign === '−' ? '-' : sign}${whole}.${fraction || '0'}e${exponent ?? 0}`);
  const significant = `${whole}${fraction}`.replace(/^0+/, '').length;
  const decimals = Math.min(20, Math.max(0, fraction.length - Number(exponent ?? 0)));
  return {value, decimals, significant, isSigned: sign !== ''};
}

/** What the row and the head of the column say about axes: `optimizer` | `sam`, and `seed 3` over a value. */
function constraintsOf(
  header: readonly string[],
  row: readonly string[],
  column: number,
  axes: ReadonlySet<string>,
): Constraints {
  const found = new Map<string, string>();
  for (const [index, head] of header.entries()) {
    const value = row[index] ?? '';
    if (axes.has(head) && value !== '' && value !== '–') found.set(head, value);
  }
  const [axis = '', ...value] = (header[column] ?? '').split(/[ =]/);
  if (axes.has(axis) && value.length > 0) found.set(axis, value.join(' '));
  return found;
}

/** A stage that lacks an axis, as a training that took its `lr` from the best of a grid, is not ruled out by it. */
const agreeingWith = (behind: readonly InstanceFacts[], constraints: Constraints): InstanceFacts[] =>
  behind.filter(({instance: {cell}}) => {
    const own = [...constraints].filter(([axis]) => Object.hasOwn(cell, axis));
    return (
      (own.length > 0 || constraints.size === 0) && own.every(([axis, value]) => String(cell[axis]) === value)
    );
  });

/** Metrics that the number may be: any, or those that the column names where the number alone says too little. */
function metricNames(agreeing: readonly InstanceFacts[], head: string, number: Written): string[] {
  const names = [...new Set(agreeing.flatMap(({metrics}) => Object.keys(metrics)))];
  const spoken = head.toLowerCase();
  const isNamed = (name: string): boolean => spoken.includes(name.replaceAll('_', ' ').toLowerCase());
  const named = names.filter(name => spoken === name.toLowerCase() || isNamed(name));
  if (named.length > 0) return named;
  const isTelling = number.significant >= 3 || (number.isSigned && spoken.includes('difference'));
  return isTelling ? names : [];
}

/**
 * As it is, or in percent. What lies in the middle may have been rounded either way, and a sum in another order may
 * differ in its last bits.
 */
const isWrittenAs = (value: number, {value: written, decimals}: Written): boolean => {
  const slack = 0.5 * 10 ** -decimals * (1 + 1e-9) + 1e-12 * Math.abs(written);
  return [value, value * 100].some(each => Math.abs(each - written) <= slack);
};

/** Those that alone of their stage agree with the row: where several do, a mean goes before one's own value. */
const onlyOnes = (agreeing: readonly InstanceFacts[]): InstanceFacts[] =>
  [...groupByStage(agreeing).values()].flatMap(group => (group.length === 1 ? group : []));

function findValue(
  agreeing: readonly InstanceFacts[],
  names: readonly string[],
  number: Written,
): Source | undefined {
  for (const metric of names) {
    const found = agreeing.filter(({metrics}) => {
      const value = metrics[metric];
      return value !== undefined && isWrittenAs(value, number);
    });
    // One per stage: the nearest stage that has exactly one, since a later stage may hand a metric on.
    const only = [...groupByStage(found).values()].filter(group => group.length === 1).at(-1)?.[0];
    if (only !== undefined) return {how: 'value', metric, ids: [only.instance.id]};
  }
  return undefined;
}

function findMean(
  agreeing: readonly InstanceFacts[],
  names: readonly string[],
  number: Written,
): Source | undefined {
  for (const metric of names) {
    for (const group of groupByStage(agreeing).values()) {
      const mean = meanOf(group, metric);
      if (group.length > 1 && mean !== undefined && isWrittenAs(mean, number)) {
        return {how: 'mean', metric, ids: group.map(({instance}) => instance.id)};
      }
    }
  }
  return undefined;
}

/** Only signed numbers: the row's instances against those of another value of one of its axes. */
function findDifference(
  behind: readonly InstanceFacts[],
  constraints: Constraints,
  names: readonly string[],
  number: Written,
): Source | undefined {
  if (!number.isSigned) return undefined;
  const left = groupByStage(agreeingWith(behind, constraints));
  for (const axis of constraints.keys()) {
    const values = new Set(behind.map(({instance}) => String(instance.cell[axis] ?? '')));
    for (const value of values) {
      const right = groupByStage(agreeingWith(behind, new Map([...constraints, [axis, value]])));
      for (const [stage, group] of left) {
        for (const metric of names) {
          const others = right.get(stage) ?? [];
          const [mean, other] = [meanOf(group, metric), meanOf(others, metric)];
          if (mean === undefined || other === undefined || group[0] === others[0]) continue;
          if (isWrittenAs(mean - other, number)) {
            const ids = [...group, ...others].map(({instance}) => instance.id);
            return {how: 'difference', metric, ids};
          }
        }
      }
    }
  }
  return undefined;
}

function groupByStage(found: readonly InstanceFacts[]): Map<string, InstanceFacts[]> {
  const groups = new Map<string, InstanceFacts[]>();
  for (const facts of found) {
    const {stage} = facts.instance;
    const group = groups.get(stage);
    if (group === undefined) groups.set(stage, [facts]);
    else group.push(facts);
  }
  return groups;
}

function meanOf(group: readonly InstanceFacts[], metric: string): number | undefined {
  const values = group.flatMap(({metrics}) => metrics[metric] ?? []);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}
