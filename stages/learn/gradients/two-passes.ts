// The two passes that sharpness-aware rules share, and the frame of such a rule.

import type * as tf from '@tensorflow/tfjs-core';
import {type NamedTensors, type ParameterSpec, tensorNamed} from '../models/model.ts';
import type {Pass} from '../objective.ts';
import {type ScannedNumbers, scannedScalar} from '../scanned.ts';
import {move, type Perturbation, type PerturbationOptions, perturbationOf} from './perturbation.ts';
import {
  type GradientRule,
  plainGradient,
  type Radius,
  type RuleInputs,
  type RuleOutputs,
  radiusAt,
} from './rule.ts';

export interface SharpnessOptions extends PerturbationOptions {
  /** Radius of the ball. Constant 0 is the plain gradient, bit for bit and at its price. */
  readonly rho: Radius;
}

/** g1 at the weights and g2 at the perturbed weights, from the same samples. */
export interface TwoPasses {
  readonly first: Pass;
  readonly second: NamedTensors;
}

export function takeTwoPasses(inputs: RuleInputs, perturb: Perturbation): TwoPasses {
  const {objective, weights, batch, again, scanned} = inputs;
  const first = objective.differentiate(weights, batch);
  const eps = perturb(first.gradients, weights, rhoOf(scanned));
  return {first, second: objective.differentiate(move(weights, eps), again).gradients};
}

/** This step's radius. */
export const rhoOf = (scanned: NamedTensors): tf.Tensor => tensorNamed(scanned, 'rho');

/** What most rules are made of beside their one phase. */
export interface RuleParts {
  /** Slots of the rule. Default none. */
  readonly slots?: readonly string[];
  /** What the phase scans beside the radius. Default nothing. */
  readonly scanned?: Readonly<Record<string, ScannedNumbers>>;
  /** Gradients of a whole batch per step. Default 2. */
  readonly cost?: number;
}

/**
 * A rule of one phase that scans its radius; the plain gradient when the radius is constant 0.
 * @throws when rho is negative or not finite.
 */
export function sharpnessRule(
  name: string,
  parameters: readonly ParameterSpec[],
  options: SharpnessOptions,
  apply: (inputs: RuleInputs, perturb: Perturbation) => RuleOutputs,
  {slots = [], scanned = {}, cost = 2}: RuleParts = {},
): GradientRule {
  const rho = radiusAt(options.rho);
  if (options.rho === 0) return plainGradient;
  const perturb = perturbationOf(parameters, options);
  return {
    name,
    slots,
    phases: [
      {name, cost, scanned: {rho: scannedScalar(rho), ...scanned}, apply: inputs => apply(inputs, perturb)},
    ],
    phaseAt: () => 0,
  };
}

/** @throws when `value` is not a finite number in [low, high]. */
export function checkRange(what: string, value: number, low: number, high = Number.POSITIVE_INFINITY): void {
  if (!(Number.isFinite(value) && value >= low && value <= high)) {
    const range = high === Number.POSITIVE_INFINITY ? `of at least ${low}` : `in [${low}, ${high}]`;
    throw new RangeError(`expected ${what} to be a finite number ${range}, got ${value}`);
  }
}
