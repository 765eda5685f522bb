// What weakens results as a whole, said under their table: a metric that was chosen on the images that it judges,
// data without a validation split, and computers that compute other bits.

import {groupBy, type Run, valuesInWords} from './runs.ts';

/** Sentences on one metric of the runs. */
export function warningsOf(runs: readonly Run[], metric: string): readonly string[] {
  const warnings: string[] = [];
  const without = runs.filter(run => run.validationImages === 0);
  if (/^best_test_/.test(metric)) {
    warnings.push(
      `${metric} is the best value that any epoch reached on the test images: it was chosen by what it judges, and new images would give less.`,
    );
  }
  if (/_at_best$/.test(metric) && without.length > 0) {
    warnings.push(
      `${metric}: without a validation split the epoch was chosen on the test images, so it is what their best epoch gave.`,
    );
  }
  if (/^test_/.test(metric) && without.length > 0) {
    warnings.push(
      'There is no validation split: a parameter or an epoch that was chosen by looking at results was chosen on the test images.',
    );
  }
  const platforms = valuesInWords(runs, run => run.platform);
  if (platforms.length > 1) {
    warnings.push(
      `Computed on ${platforms.length} platforms (${platforms.join('; ')}), whose last bits differ: runs are not exactly comparable.`,
    );
  }
  const devices = valuesInWords(runs, run => run.device);
  if (devices.length > 1) {
    warnings.push(
      `Computed on ${devices.length} kinds of device (${devices.join('; ')}), which round in their own ways: runs are not exactly comparable.`,
    );
  }
  return [...warnings, ...sharedCost(runs)];
}

/** What longer runs have in common with shorter ones: their beginning, which is trained once. */
function sharedCost(runs: readonly Run[]): string[] {
  const able = runs.filter(({traits}) => traits.schedule === 'constant' && traits.epochs !== undefined);
  const families = [...groupBy(able, ({traits}) => JSON.stringify({...traits, epochs: null})).values()];
  const shared = families.flatMap(family => {
    const costs = family.map(({metrics}) => metrics.gradient_evaluations ?? 0).sort((a, b) => a - b);
    return new Set(family.map(({traits}) => traits.epochs)).size > 1 ? costs.slice(0, -1) : [];
  });
  if (shared.length === 0) return [];
  const sum = (costs: readonly number[]): number => costs.reduce((total, cost) => total + cost, 0);
  const all = sum(runs.map(({metrics}) => metrics.gradient_evaluations ?? 0));
  const words = (cost: number): string => Math.round(cost).toLocaleString('en');
  return [
    `${shared.length} of the ${runs.length} runs are the beginning of a longer one of their seed: of ${words(all)} gradients in all, ${words(sum(shared))} need not be computed twice.`,
  ];
}
