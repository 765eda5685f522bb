// What weakens results as a whole, said under their table: a metric that was chosen on the images that it judges,
// data without a validation split, and computers that compute other bits.

import {type Run, valuesInWords} from './runs.ts';

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
  return warnings;
}
