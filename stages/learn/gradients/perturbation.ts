// Where a sharpness-aware rule looks: the perturbation eps of the weights for a gradient g and a radius rho.
// One norm over all parameters together, in all of them: plain eps = rho·g/‖g‖, or scaled by the weights' size.

import * as tf from '@tensorflow/tfjs-core';
import {type NamedTensors, type ParameterKind, type ParameterSpec, tensorNamed} from '../models/model.ts';
import {mapNamed, normOf, zipNamed} from '../named-tensors.ts';

export interface PerturbationOptions {
  /**
   * `none`: the ball of SAM. `asam`: T = |w| + eta for weights and norm scales, 1 for biases and norm shifts, and
   * eps = rho·T²·g/‖T·g‖ (Kwon et al. 2021, arXiv 2102.11600, SamsungLabs/ASAM). `abs`: T = |w| for every tensor
   * (davda54/sam's `adaptive`).
   */
  readonly adaptive: 'none' | 'asam' | 'abs';
  /** ASAM's eta. */
  readonly eta: number;
  /** Added to the norm, so that a zero gradient gives no NaN: 1e-12 in davda54/sam; 0 in google-research/sam. */
  readonly epsilon: number;
  /** `norm`: only batch-norm parameters are moved and counted (SAM-ON, Müller et al. 2023, arXiv 2306.04226). */
  readonly perturbs: 'all' | 'norm';
}

export const defaultPerturbation: PerturbationOptions = {
  adaptive: 'none',
  eta: 0.01,
  epsilon: 1e-12,
  perturbs: 'all',
};

/** Computes eps for one gradient. Tensors that are not perturbed are absent from it. */
export type Perturbation = (gradients: NamedTensors, weights: NamedTensors, rho: tf.Tensor) => NamedTensors;

export function perturbationOf(
  parameters: readonly ParameterSpec[],
  {adaptive, eta, epsilon, perturbs}: PerturbationOptions,
): Perturbation {
  const kinds = new Map<string, ParameterKind>(parameters.map(({name, kind}) => [name, kind]));
  const isNorm = (name: string): boolean => kinds.get(name)?.startsWith('norm-') ?? false;
  const moves = parameters.map(({name}) => name).filter(name => perturbs === 'all' || isNorm(name));
  if (moves.length === 0) {
    throw new RangeError('expected a model with batch norm for perturbs: norm, got one that has none');
  }
  const scaleOf = (name: string, weight: tf.Tensor): tf.Tensor | undefined => {
    if (adaptive === 'none') return undefined;
    if (adaptive === 'abs') return tf.abs(weight);
    const kind = kinds.get(name);
    return kind === 'weight' || kind === 'norm-scale' ? tf.add(tf.abs(weight), eta) : undefined;
  };
  return (gradients, weights, rho) => {
    const scales = new Map(moves.map(name => [name, scaleOf(name, tensorNamed(weights, name))]));
    const scaled = (tensors: NamedTensors): NamedTensors =>
      mapNamed(tensors, (tensor, name) => {
        const scale = scales.get(name);
        return scale ? tf.mul(tensor, scale) : tensor;
      });
    const once = scaled(Object.fromEntries(moves.map(name => [name, tensorNamed(gradients, name)])));
    const factor = tf.div(rho, tf.add(normOf(once), epsilon));
    return mapNamed(scaled(once), tensor => tf.mul(tensor, factor));
  };
}

/** w + eps, where eps may leave tensors out. */
export function move(weights: NamedTensors, eps: NamedTensors): NamedTensors {
  return {...weights, ...zipNamed(eps, weights, (shift, weight) => tf.add(weight, shift))};
}
