// What two arms differ in beside the axis that is compared: a difference between them may come from any of it.

import type {Run} from './runs.ts';

export interface Contrast {
  readonly name: string;
  readonly arm: string;
  readonly baseline: string;
}

/**
 * Parameters and facts of the data whose values differ, in the order of the arm's. What one arm does not have at all
 * belongs to its method.
 */
export function contrastsOf(
  arm: readonly Run[],
  baseline: readonly Run[],
  isCompared: (name: string) => boolean,
): readonly Contrast[] {
  const names = [...new Set(arm.flatMap(run => Object.keys(run.traits)))].filter(name => !isCompared(name));
  return names.flatMap(name => {
    const [own, other] = [textOf(arm, name), textOf(baseline, name)];
    return own === null || other === null || own === other ? [] : [{name, arm: own, baseline: other}];
  });
}

const textOf = (runs: readonly Run[], name: string): string | null => {
  const values = [...new Set(runs.flatMap(run => run.traits[name] ?? []))].filter(value => value !== 'null');
  return values.length === 0 ? null : values.sort().join(' | ');
};
