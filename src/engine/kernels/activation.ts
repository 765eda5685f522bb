// The activations that TF.js fuses into dense and convolutional layers.

import {binary, unary, where} from '../ir/ops.ts';
import {sigmoid} from '../ir/transcendental.ts';
import {float, type Value} from '../ir/value.ts';
import type {Call} from './registry.ts';

/** The activation of TF.js's fused ops. */
export function activated(call: Call, x: Value, weights: (key: string) => Value = call.input): Value {
  const {b, attribute, fail} = call;
  const name = attribute('activation') ?? 'linear';
  const zero = b.scalar('float32', 0);
  switch (name) {
    case 'linear':
      return x;
    case 'relu':
      return unary(b, 'Relu', x);
    case 'relu6':
      return binary(b, 'Min', binary(b, 'Max', x, zero), b.scalar('float32', 6));
    case 'elu':
      return unary(b, 'Elu', x);
    case 'sigmoid':
      return sigmoid(b, x);
    case 'prelu': {
      const alpha = weights('preluActivationWeights');
      const isPositive = binary(b, 'GreaterOrEqual', x, zero, 'bool');
      return where(b, isPositive, x, binary(b, 'Mul', x, alpha));
    }
    case 'leakyrelu':
      return unary(b, 'LeakyRelu', x, {alpha: float(Number(attribute('leakyreluAlpha') ?? 0.2))});
    default:
      return fail(`no fused activation ${JSON.stringify(name)}: apply it as an op of its own`);
  }
}
