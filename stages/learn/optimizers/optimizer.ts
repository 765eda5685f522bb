// What a base optimizer is: slots, and a pure update of the weights from a gradient. In optax's shape; which
// gradient it gets (plain, SAM, …) is not its business.

import type * as tf from '@tensorflow/tfjs-core';
import type {Slots} from '../gradients/rule.ts';
import type {NamedTensors, ParameterKind} from '../models/model.ts';
import type {ScannedNumbers} from '../scanned.ts';

export interface UpdateInputs {
  readonly weights: NamedTensors;
  readonly gradients: NamedTensors;
  readonly slots: Slots;
  /** This step's learning rate, a scalar. */
  readonly rate: tf.Tensor;
  /** This step's slices of what the optimizer scans. */
  readonly scanned: NamedTensors;
}

export interface Optimizer {
  readonly name: string;
  /** Each is zero before the first step, and has the shape of the weights. */
  readonly slots: readonly string[];
  readonly scanned: Readonly<Record<string, ScannedNumbers>>;
  readonly update: (inputs: UpdateInputs) => {readonly weights: NamedTensors; readonly slots: Slots};
}

/** Weight decay inside the update. Decay inside the loss belongs to the objective. */
export interface UpdateDecay {
  /**
   * `coupled`: rate·w is added to the gradient at the unperturbed weights, as in PyTorch. `decoupled`: the weights
   * are multiplied by 1 - lr·rate (Loshchilov and Hutter 2019, arXiv 1711.05101).
   */
  readonly mode: 'coupled' | 'decoupled';
  readonly rate: number;
  /** Which parameters decay. */
  readonly decays: (name: string) => boolean;
}

export const noDecay: UpdateDecay = {mode: 'coupled', rate: 0, decays: () => false};

/** The names that decay: `all`, or weights alone, which spares biases and batch norm. */
export function decayed(
  parameters: readonly {readonly name: string; readonly kind: ParameterKind}[],
  what: 'all' | 'weights',
): (name: string) => boolean {
  const names = new Set(
    parameters.filter(({kind}) => what === 'all' || kind === 'weight').map(({name}) => name),
  );
  return name => names.has(name);
}
