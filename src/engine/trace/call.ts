// Runs a kernel for one TF.js call: inputs become graph values, attributes are read with their types checked.

import type {NamedAttrMap, NamedTensorInfoMap, TensorInfo} from '@tensorflow/tfjs-core';
import {EngineError} from '../errors.ts';
import type {Value} from '../ir/value.ts';
import {type Complex, complexKernels, partwise} from '../kernels/complex.ts';
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
  const tensorOf = (key: string): TensorInfo => inputs[key] ?? fail(`expected the input ${key}, got none`);
  const attribute = <T>(key: string, is: (x: unknown) => x is T, wanted: string): T => {
    const value: unknown = attrs?.[key];
    return is(value) ? value : fail(`expected ${key} to be ${wanted}, got ${JSON.stringify(value)}`);
  };
  /** The call as the kernel sees it; `raw` gives what stands for its inputs. */
  const callWith = (raw: (key: string) => Value): Call => ({
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
  });
  const raw = (key: string): Value => backend.graphValue(tensorOf(key));
  const isComplex = Object.values(inputs).some(tensor => tensor?.dtype === 'complex64');
  const runComplex = (): TensorInfo | TensorInfo[] => {
    const parts = (key: string): Complex => backend.complexValue(tensorOf(key));
    const own = complexKernels[name];
    if (own !== undefined) {
      const result = own({...callWith(raw), parts});
      return 're' in result ? backend.adoptComplex(result) : backend.adopt(result);
    }
    if (!partwise.has(name))
      return fail('expected real numbers: of complex ones the engine has no kernel for it');
    const re = kernel(callWith(key => parts(key).re));
    const im = kernel(callWith(key => parts(key).im));
    if (isValue(re) && isValue(im)) return backend.adoptComplex({re, im});
    const [all, others] = [isValue(re) ? [re] : re, isValue(im) ? [im] : im];
    return all.map((value, i) => backend.adoptComplex({re: value, im: others[i] ?? value}));
  };
  const before = b.origin;
  b.origin = {op: opName(name), stack: stackHere()};
  try {
    if (isComplex || attrs?.dtype === 'complex64' || name === 'Complex') return runComplex();
    const result = kernel(callWith(raw));
    return isValue(result) ? backend.adopt(result) : result.map(v => backend.adopt(v));
  } catch (error) {
    // TF.js's own checks of shapes, axes and ranges, which its kernels make and ours call.
    if (error instanceof EngineError || !(error instanceof Error)) throw error;
    return fail(error.message);
  } finally {
    b.origin = before;
  }
}
