// What a measurement of sharpness leaves behind: JSON for programs, CSV for people, metrics for the runner.

import {toCsvText} from '../tables/csv-text.ts';
import type {Eigenvalue} from './eigenvalues.ts';
import type {Measurement, Slice} from './measurement.ts';

export const sharpnessFormat = 'pipe-sharpness-1';

export interface About {
  readonly model: string;
  readonly dataset: string;
  readonly split: string;
  readonly samples: number;
  readonly rho: number;
  readonly seed: number;
}

export const toJson = (about: About, measured: Measurement): Record<string, unknown> => ({
  format: sharpnessFormat,
  ...about,
  // What the loss leaves out is said here, since it is what differs between publications.
  loss: 'mean cross-entropy; no label smoothing, weight decay, dropout or augmentation; running batch-norm statistics',
  at_weights: {loss: measured.loss, accuracy: measured.accuracy, gradient_norm: measured.gradientNorm},
  eigenvalues: {
    power: measured.power.map(rowOf),
    lanczos: measured.lanczos.map(rowOf),
    smallest: measured.smallest === undefined ? null : rowOf(measured.smallest),
  },
  sam_sharpness: measured.rise,
  m_sharpness: measured.groupRises,
});

const rowOf = ({value, residual, products, isConverged}: Eigenvalue): Record<string, unknown> => ({
  value,
  residual,
  products,
  converged: isConverged,
});

/** A row per method and rank; rank 1 is the largest, and the smallest has none. */
export function eigenvaluesToCsv({power, lanczos, smallest}: Measurement): string {
  const row = (method: string, rank: number | null, {value, residual, products, isConverged}: Eigenvalue) => [
    method,
    rank,
    value,
    residual,
    products,
    isConverged,
  ];
  return toCsvText(
    ['method', 'rank', 'eigenvalue', 'residual', 'products', 'converged'],
    [
      ...power.map((eigenvalue, i) => row('power', i + 1, eigenvalue)),
      ...lanczos.map((eigenvalue, i) => row('lanczos', i + 1, eigenvalue)),
      ...(smallest === undefined ? [] : [row('lanczos-smallest', null, smallest)]),
    ],
  );
}

export const slicesToCsv = (slices: readonly Slice[]): string =>
  toCsvText(
    ['x', 'y', 'loss', 'accuracy'],
    slices.map(({x, y, loss, accuracy}) => [x, y, loss, accuracy]),
  );

/** Lanczos' eigenvalues where there are both: its residuals bound them, and it needs fewer products. */
export function metricsOf(measured: Measurement): Readonly<Record<string, number>> {
  const {power, lanczos, smallest, groupRises} = measured;
  const best = lanczos.length > 0 ? lanczos : power;
  const [first, fifth] = [best[0]?.value, best[4]?.value];
  return {
    ...(first === undefined ? {} : {hessian_max: first}),
    ...(first === undefined || fifth === undefined || fifth === 0
      ? {}
      : {hessian_max_to_fifth: first / fifth}),
    ...(power[0] === undefined ? {} : {hessian_max_power: power[0].value}),
    ...(smallest === undefined ? {} : {hessian_min: smallest.value}),
    sam_sharpness: measured.rise,
    ...Object.fromEntries(groupRises.map(({m, rise}) => [`m_sharpness_${m}`, rise])),
    gradient_norm: measured.gradientNorm,
    subset_loss: measured.loss,
    subset_accuracy: measured.accuracy,
  };
}
