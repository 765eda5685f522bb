// Runs a kernel for one TF.js call: inputs become graph values, attributes are read with their types checked.

import type {NamedAttrMap, NamedTensorInfoMap, TensorInfo} from '@tensorflow/tfjs-core';
import {EngineError} from '../errors.ts';
import type {Value} from '../ir/value.ts';
import {type Call, type Kernel, plain} from '../kernels/registry.ts';
import {runningOps, type TraceBackend} from './backend.ts';
import {stackHere} from './place.ts';

const isNumber = (x: unknown): x is number => typeof x === 'number';
const isNumbers = (x: unknown): x is readonly number[] => Array.isArray(x) && x.every(isNumber);
const isBoolean = (x: unknown): x is boolean => typeof x === 'boolean';
const isText = (x: unknown): x is string => typeof x === 'string';
const isValue = (x: Value | readonly Value[]): x is Value => !Array.isArray(x);

/** What a user would call the op: `tf.relu`, or the kernel when TF.js's gradient code called it. */
const opName = (kernel: string): string => runningOps().at(-1) ?? kernel;

export function runKernel(
  backend: TraceBackend,
  name: string,
  kernel: Kernel,
  inputs: NamedTensorInfoMap,
  attrs: NamedAttrMap | undefined,
): TensorInfo | TensorInfo[] {
  const b = backend.builder;
  const fail = (message: string): never => backend.fail(`tf.${opName(name)} (kernel ${name}): ${message}`);
  const raw = (key: string): Value => {
    const tensor = inputs[key];
    return tensor === undefined ? fail(`expected the input ${key}, got none`) : backend.graphValue(tensor);
  };
  const attribute = <T>(key: string, is: (x: unknown) => x is T, wanted: string): T => {
    const value: unknown = attrs?.[key];
    return is(value) ? value : fail(`expected ${key} to be ${wanted}, got ${JSON.stringify(value)}`);
  };
  const call: Call = {
    b,
    name,
    raw,
    fail,
    input: key => plain(b, raw(key)),
    has: key => inputs[key] !== undefined && inputs[key] !== null,
    all: () => Object.keys(inputs).map(raw),
    number: key => attribute(key, isNumber, 'a number'),
    numbers: key => attribute(key, isNumbers, 'a list of numbers'),
    boolean: key => attribute(key, isBoolean, 'true or false'),
    text: key => attribute(key, isText, 'a string'),
    attribute: key => attrs?.[key],
  };
  const before = b.origin;
  b.origin = {op: opName(name), stack: stackHere()};
  try {
    const result = kernel(call);
    return isValue(result) ? backend.adopt(result) : result.map(v => backend.adopt(v));
  } catch (error) {
    // TF.js's own checks of shapes, axes and ranges, which its kernels make and ours call.
    if (error instanceof EngineError || !(error instanceof Error)) throw error;
    return fail(error.message);
  } finally {
    b.origin = before;
  }
}
