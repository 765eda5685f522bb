// From the parameters of the stage `plot` to a specification.

import {type Scalar, StageError, type StageInput} from '../../src/stage/define.ts';
import {loadDistributions} from '../statistics/distributions.ts';
import {wordsWith} from '../tables/words.ts';
import {curvesSpec} from './curves.ts';
import {eigenvaluesSpec} from './eigenvalues.ts';
import {gridSpec} from './grid.ts';
import {landscapeSpec} from './landscape.ts';
import {lineSpec} from './landscape-line.ts';
import {pairsSpec} from './pairs.ts';
import {comparedAxis} from './series.ts';
import {titled} from './theme.ts';
import type {Spec} from './vega.ts';

export interface PictureOptions {
  readonly kind: 'curves' | 'grid' | 'pairs' | 'eigenvalues' | 'line' | 'landscape';
  readonly title?: string | undefined;
  readonly metric?: string | readonly string[] | undefined;
  readonly over: string;
  readonly x: string;
  /** grid: axes of each of whose values the best cell is framed; the optimizer where it varies, if undefined. */
  readonly best_of?: readonly string[] | undefined;
  /** The axis that tells series apart; found where it is undefined. */
  readonly compare?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly baseline?: Scalar | undefined;
  readonly confidence: number;
}

const titles = {
  curves: 'Learning curves',
  grid: 'Grid search',
  pairs: 'Differences seed by seed',
  eigenvalues: 'Largest eigenvalues of the Hessian',
  line: 'Loss along a filter-normalised direction',
  landscape: 'Loss landscape in a filter-normalised plane',
} as const;

/** @throws StageError when the runs do not have what the picture shows. */
export async function pictureOf(inputs: readonly StageInput[], options: PictureOptions): Promise<Spec> {
  const {kind, over, x, baseline, confidence} = options;
  const compare = options.compare ?? comparedAxis(inputs, over);
  const words = wordsWith(options.labels);
  const bestOf =
    options.best_of ?? (inputs.some(({cell}) => cell.optimizer !== undefined) ? ['optimizer'] : []);
  if (inputs.length === 0) throw new StageError('from: expected at least one run, got none');
  const title = options.title ?? titles[kind];
  const metrics = typeof options.metric === 'string' ? [options.metric] : options.metric;
  const single = (otherwise: string): string => {
    if (metrics !== undefined && metrics.length > 1) {
      throw new StageError(`metric: expected one for ${kind}, got ${metrics.join(', ')}`);
    }
    return metrics?.[0] ?? otherwise;
  };
  switch (kind) {
    case 'curves':
      return curvesSpec(
        inputs,
        {title, metrics: metrics ?? ['train_loss', 'test_error'], over, compare, words, confidence},
        await loadDistributions(),
      );
    case 'grid':
      return gridSpec(inputs, {title, metric: single('validation_accuracy'), over, x, bestOf, words});
    case 'pairs':
      return pairsSpec(
        inputs,
        {title, metric: single('test_accuracy'), over, compare, words, baseline, confidence},
        await loadDistributions(),
      );
    case 'eigenvalues': {
      const distributions = await loadDistributions();
      return ofMeasured(inputs, runs =>
        eigenvaluesSpec(runs, {title, over, compare, words, confidence}, distributions),
      );
    }
    case 'line':
      return ofMeasured(inputs, runs => lineSpec(runs, {title, over, compare, words}));
    case 'landscape':
      return ofMeasured(inputs, runs => landscapeSpec(runs, {title, over, compare, words}));
  }
}

/** A picture of the runs that did not diverge, which says how many did: those have no sharpness. */
async function ofMeasured(
  inputs: readonly StageInput[],
  draw: (runs: readonly StageInput[]) => Promise<Spec>,
): Promise<Spec> {
  const kept = inputs.filter(({metrics}) => metrics.diverged !== 1);
  if (kept.length === 0) {
    throw new StageError(
      `all ${inputs.length} runs diverged, so there is nothing to draw`,
      'Try smaller learning rates.',
    );
  }
  const spec = await draw(kept);
  if (kept.length === inputs.length) return spec;
  const {text, subtitle} = spec.title as {text: string; subtitle: readonly string[]};
  const note = `${inputs.length - kept.length} of ${inputs.length} runs diverged and are not shown.`;
  return {...spec, title: titled(text, [...subtitle, note])};
}
