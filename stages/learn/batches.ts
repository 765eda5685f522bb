// Which samples each training step sees: a new order per epoch from the seed, cut into batches.

import {permutation, stream} from './random.ts';

export interface BatchPlan {
  /** Samples of the training split. */
  readonly count: number;
  readonly size: number;
  /** Whether the samples that do not fill a last batch are left out of the epoch (others, the next time). */
  readonly dropLast: boolean;
  readonly seed: number;
}

/** Steps per epoch. @throws when the batch is not a positive integer, or when it leaves no step. */
export function stepsPerEpoch({count, size, dropLast}: BatchPlan): number {
  if (!(Number.isInteger(size) && size > 0)) {
    throw new RangeError(`expected a batch size that is a positive integer, got ${size}`);
  }
  const steps = dropLast ? Math.floor(count / size) : Math.ceil(count / size);
  if (steps === 0) {
    throw new RangeError(
      `expected at least one batch of ${size} from ${count} samples; choose a smaller batch`,
    );
  }
  return steps;
}

/** The batches of one epoch (from 0): int32 sample numbers. The last one is shorter where `dropLast` is false. */
export function batchesOf(plan: BatchPlan, epoch: number): readonly Int32Array[] {
  const order = permutation(stream(plan.seed, 'shuffle', epoch), plan.count);
  return Array.from({length: stepsPerEpoch(plan)}, (_, step) =>
    order.subarray(step * plan.size, Math.min((step + 1) * plan.size, plan.count)),
  );
}
