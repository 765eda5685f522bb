// What a gradient rule is: from the weights and one batch to the gradient that the base optimizer gets.
// Plain gradient descent and every variant of sharpness-aware minimisation are such rules, over any optimizer.

import type {NamedTensors} from '../models/model.ts';
import type {Batch, Objective, Pass} from '../objective.ts';
import type {ScannedNumbers} from '../scanned.ts';

/** Sets of tensors in the shape of the weights, by slot; all zero before the first step. */
export type Slots = Readonly<Record<string, NamedTensors>>;

/** The slot called so; a missing one is a bug of the rule that asks. */
export function slotNamed(slots: Slots, name: string): NamedTensors {
  const slot = slots[name];
  if (slot === undefined)
    throw new Error(`expected a slot called ${name}, got ${Object.keys(slots).join(', ')}`);
  return slot;
}

export interface RuleInputs {
  readonly objective: Objective;
  readonly weights: NamedTensors;
  /** The batch, and the batch for a second pass: the same samples, with other dropout masks where that is wanted. */
  readonly batch: Batch;
  readonly again: Batch;
  readonly slots: Slots;
  /** This step's slices of what the phase scans. */
  readonly scanned: NamedTensors;
}

export interface RuleOutputs {
  readonly gradients: NamedTensors;
  /** The pass at the weights themselves: its loss is logged, its running statistics are kept, and no other's. */
  readonly pass: Pick<Pass, 'loss' | 'correct' | 'statistics'>;
  readonly slots: Slots;
}

/** One kind of step. Each becomes a compiled program of its own, so that a cheap step costs what it should. */
export interface RulePhase {
  readonly name: string;
  /** What a step costs: gradients of a whole batch; a share of a batch counts as that share. */
  readonly cost: number;
  readonly scanned: Readonly<Record<string, ScannedNumbers>>;
  readonly apply: (inputs: RuleInputs) => RuleOutputs;
}

export interface GradientRule {
  /** For messages and records, such as `sam`. */
  readonly name: string;
  readonly slots: readonly string[];
  readonly phases: readonly RulePhase[];
  /** Which phase the training step `step` (from 0) is of. */
  readonly phaseAt: (step: number) => number;
}

/** The gradient at the weights: what SGD and Adam are given. */
export const plainGradient: GradientRule = {
  name: 'plain',
  slots: [],
  phases: [
    {
      name: 'plain',
      cost: 1,
      scanned: {},
      apply: ({objective, weights, batch}) => {
        const {gradients, ...pass} = objective.differentiate(weights, batch);
        return {gradients, pass, slots: {}};
      },
    },
  ],
  phaseAt: () => 0,
};

/** A radius as a number or as a function of the step. */
export type Radius = number | ((step: number) => number);

/** @throws when a constant radius is negative or not finite. */
export function radiusAt(radius: Radius): (step: number) => number {
  if (typeof radius === 'function') return radius;
  if (!(Number.isFinite(radius) && radius >= 0)) {
    throw new RangeError(`expected rho to be a finite number of at least 0, got ${radius}`);
  }
  return () => radius;
}
