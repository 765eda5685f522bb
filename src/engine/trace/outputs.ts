// Checks what a step returned against its definition: the next state must look exactly like the state given.

import * as tf from '@tensorflow/tfjs-core';
import {EngineError} from '../errors.ts';
import {sameShape} from '../ir/value.ts';
import type {Definition, Dtype, StepOutputs} from '../program.ts';

/** The type that a step sees for data of this type. */
export const seenAs = (dtype: Dtype): 'float32' | 'int32' | 'bool' => (dtype === 'uint8' ? 'int32' : dtype);

const isRecord = (x: unknown): x is Record<string, unknown> =>
  typeof x === 'object' && x !== null && !(x instanceof tf.Tensor);

/** @throws EngineError that says what is missing, too much, or of another shape or type. */
export function checkOutputs(definition: Definition, outputs: StepOutputs): void {
  const where = `the step of ${definition.name}`;
  const given: unknown = outputs;
  if (given instanceof Promise)
    throw new EngineError(`${where} returned a promise: a step must be synchronous (no await, no async)`);
  if (!isRecord(given) || !isRecord(given.state) || !isRecord(given.metrics))
    throw new EngineError(`expected ${where} to return {state, metrics}`);
  const names = Object.keys(definition.state);
  const missing = names.filter(name => !Object.hasOwn(outputs.state, name));
  const extra = Object.keys(outputs.state).filter(name => !Object.hasOwn(definition.state, name));
  if (missing.length + extra.length > 0) {
    const parts = [
      ...(missing.length > 0 ? [`lacks ${missing.join(', ')}`] : []),
      ...(extra.length > 0 ? [`has ${extra.join(', ')} besides`] : []),
    ];
    throw new EngineError(
      `expected ${where} to return the state it was given, but it ${parts.join(' and ')}`,
    );
  }
  for (const [name, before] of Object.entries(definition.state)) {
    const after: unknown = outputs.state[name];
    if (!(after instanceof tf.Tensor)) throw new EngineError(`${where}: state ${name} is not a tensor`);
    const wanted = `${seenAs(before.dtype)}[${before.shape}]`;
    if (!sameShape(after.shape, before.shape) || after.dtype !== seenAs(before.dtype))
      throw new EngineError(
        `${where}: expected state ${name} to stay ${wanted}, got ${after.dtype}[${after.shape}]`,
      );
  }
  for (const [name, metric] of Object.entries(outputs.metrics)) {
    const value: unknown = metric;
    if (!(value instanceof tf.Tensor)) throw new EngineError(`${where}: metric ${name} is not a tensor`);
  }
}
