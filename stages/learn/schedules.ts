// Learning rates as functions of the training step. Steps count from 0; all values are exact functions of the step,
// so a resumed run continues where it was.

export type Schedule =
  | {readonly kind: 'constant'}
  /** Multiplied by `factor` at each of the fractions `at` of the run: 0.2 at 0.3, 0.6, 0.8 for Wide ResNets. */
  | {readonly kind: 'step'; readonly factor: number; readonly at: readonly number[]}
  /** From the rate to `end` times the rate along half a cosine, step by step (Loshchilov and Hutter 2017). */
  | {readonly kind: 'cosine'; readonly end: number}
  /** From the rate to `end` times the rate along a line. */
  | {readonly kind: 'linear'; readonly end: number};

export interface ScheduleOptions {
  readonly rate: number;
  readonly schedule: Schedule;
  /** Steps over which the rate rises linearly from rate/warmup to the rate; the schedule follows over the rest. */
  readonly warmup: number;
  /** Steps of the whole run. */
  readonly steps: number;
}

/**
 * The learning rate of each step.
 * @throws when the rate is not above 0, or when the warm-up is longer than the run.
 */
export function learningRate({rate, schedule, warmup, steps}: ScheduleOptions): (step: number) => number {
  if (!(Number.isFinite(rate) && rate > 0)) {
    throw new RangeError(`expected a finite learning rate above 0, got ${rate}`);
  }
  if (!(warmup >= 0 && warmup <= steps)) {
    throw new RangeError(`expected a warm-up of 0..${steps} steps, the length of the run, got ${warmup}`);
  }
  const length = Math.max(1, steps - warmup);
  return step =>
    step < warmup ? (rate * (step + 1)) / warmup : rate * factorAt(schedule, (step - warmup) / length);
}

/** @param fraction how much of the run is over, in [0, 1). */
function factorAt(schedule: Schedule, fraction: number): number {
  switch (schedule.kind) {
    case 'constant':
      return 1;
    case 'step':
      // A small tolerance, so that 0.3 of 200 epochs is epoch 60 and not the step after it.
      return schedule.factor ** schedule.at.filter(at => fraction >= at - 1e-9).length;
    case 'cosine':
      return schedule.end + ((1 - schedule.end) * (1 + Math.cos(Math.PI * fraction))) / 2;
    case 'linear':
      return 1 + (schedule.end - 1) * fraction;
  }
}
