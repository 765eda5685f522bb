// The learning curve: one row per epoch, the same bytes for the same training. No times: those are in the record of
// the run.

import {toCsvText} from '../tables/csv-text.ts';

export interface EpochRow {
  /** From 1. */
  readonly epoch: number;
  /** Learning rate of the epoch's last step. */
  readonly lr: number;
  /** Means over the epoch's steps, in training mode and before each update; null when not finite. */
  readonly train_loss: number | null;
  readonly train_accuracy: number | null;
  /** Null when the split is empty, when the epoch was not evaluated, or when not finite. */
  readonly validation_loss: number | null;
  readonly validation_accuracy: number | null;
  readonly test_loss: number | null;
  readonly test_accuracy: number | null;
}

const columns = [
  'epoch',
  'lr',
  'train_loss',
  'train_accuracy',
  'validation_loss',
  'validation_accuracy',
  'test_loss',
  'test_accuracy',
] as const satisfies readonly (keyof EpochRow)[];

/** The curve as CSV with a header; an absent number is an empty field. */
export const curveToCsv = (curve: readonly EpochRow[]): string =>
  toCsvText(
    columns,
    curve.map(row => columns.map(column => row[column])),
  );

/** The number, or null where it is not finite. */
export const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

export interface BestEpoch {
  readonly epoch: number;
  readonly accuracy: number;
}

/** The epoch with the best accuracy in a split, the first of equal ones; none when it was never evaluated. */
export function bestEpoch(
  curve: readonly EpochRow[],
  split: 'validation_accuracy' | 'test_accuracy',
): BestEpoch | undefined {
  let best: BestEpoch | undefined;
  for (const row of curve) {
    const accuracy = row[split];
    if (accuracy !== null && (best === undefined || accuracy > best.accuracy))
      best = {epoch: row.epoch, accuracy};
  }
  return best;
}
