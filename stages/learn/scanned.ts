// Numbers that change from step to step (learning rate, radius, masks): computed on the host as functions of the
// step, and scanned by the compiled program.

/** A float32 input with one slice per step. */
export interface ScannedNumbers {
  /** Shape of one step's slice; [] for a scalar. */
  readonly shape: readonly number[];
  /** The slice of the training step `step` (from 0): as many numbers as the shape says. */
  readonly at: (step: number) => ArrayLike<number>;
}

/** A scalar that is a function of the step. */
export const scannedScalar = (at: (step: number) => number): ScannedNumbers => ({
  shape: [],
  at: step => [at(step)],
});
