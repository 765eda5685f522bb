// Host tensors: checks against what was declared, and the way to and from ONNX Runtime's tensors.

import * as ort from 'onnxruntime-node';
import {EngineError} from '../errors.ts';
import {transposeData} from '../ir/arithmetic.ts';
import {invertPermutation, isIdentityPermutation, permuted} from '../ir/shape.ts';
import {type Shape, sameShape, sizeOf} from '../ir/value.ts';
import type {Dtype, HostTensor, HostTensors, SliceSpec} from '../program.ts';

const isOfType = (tensor: HostTensor): boolean => {
  switch (tensor.dtype) {
    case 'float32':
      return tensor.data instanceof Float32Array;
    case 'int32':
      return tensor.data instanceof Int32Array;
    case 'uint8':
    case 'bool':
      return tensor.data instanceof Uint8Array;
  }
};

const describe = (tensor: {readonly dtype: Dtype; readonly shape: Shape}): string =>
  `${tensor.dtype}[${tensor.shape.join(',')}]`;

/** @throws EngineError unless the array is of its own type and as long as its shape says. */
export function checkTensor(what: string, tensor: HostTensor): void {
  if (!isOfType(tensor))
    throw new EngineError(`${what}: expected the data of ${tensor.dtype} in its own typed array`);
  if (tensor.data.length !== sizeOf(tensor.shape))
    throw new EngineError(
      `${what}: expected ${sizeOf(tensor.shape)} elements for ${describe(tensor)}, got ${tensor.data.length}`,
    );
}

/** @throws EngineError unless the names, shapes and types are exactly those wanted. */
export function checkTensors(
  what: string,
  given: HostTensors,
  wanted: Readonly<Record<string, SliceSpec>>,
): void {
  const missing = Object.keys(wanted).filter(name => !Object.hasOwn(given, name));
  const extra = Object.keys(given).filter(name => !Object.hasOwn(wanted, name));
  if (missing.length > 0) throw new EngineError(`${what}: ${missing.join(', ')} missing`);
  if (extra.length > 0) throw new EngineError(`${what}: ${extra.join(', ')} not declared`);
  for (const [name, tensor] of Object.entries(given)) {
    const spec = wanted[name];
    checkTensor(`${what}.${name}`, tensor);
    if (spec !== undefined && (tensor.dtype !== spec.dtype || !sameShape(tensor.shape, spec.shape)))
      throw new EngineError(`${what}.${name}: expected ${describe(spec)}, got ${describe(tensor)}`);
  }
}

/** The number of steps that scanned arrays are for: the leading axis that they share. */
export function countSteps(
  scanned: HostTensors,
  wanted: Readonly<Record<string, SliceSpec>>,
  steps: number | undefined,
): number {
  const lengths = new Set(Object.values(scanned).map(t => t.shape[0] ?? 0));
  const [length = steps] = lengths;
  if (lengths.size > 1)
    throw new EngineError(`scanned: expected one number of steps, got ${[...lengths].join(' and ')}`);
  if (length === undefined || !Number.isSafeInteger(length) || length < 0)
    throw new EngineError('run: expected a number of steps, since nothing is scanned');
  if (steps !== undefined && steps !== length)
    throw new EngineError(`run: expected ${steps} slices, got ${length}`);
  const stacked = Object.entries(wanted).map(([name, spec]) => [
    name,
    {dtype: spec.dtype, shape: [length, ...spec.shape]},
  ]);
  checkTensors('scanned', scanned, Object.fromEntries(stacked));
  return length;
}

/** A view of one step's slice. */
export const sliceAt = (tensor: HostTensor, index: number): HostTensor => ({
  ...rangeOf(tensor, index, index + 1),
  shape: tensor.shape.slice(1),
});

/** A view of the slices from `start` to before `end`. */
export function rangeOf(tensor: HostTensor, start: number, end: number): HostTensor {
  const size = sizeOf(tensor.shape.slice(1));
  const shape = [end - start, ...tensor.shape.slice(1)];
  const [from, to] = [start * size, end * size];
  switch (tensor.dtype) {
    case 'float32':
      return {dtype: tensor.dtype, shape, data: tensor.data.subarray(from, to)};
    case 'int32':
      return {dtype: tensor.dtype, shape, data: tensor.data.subarray(from, to)};
    case 'uint8':
    case 'bool':
      return {dtype: tensor.dtype, shape, data: tensor.data.subarray(from, to)};
  }
}

export function zeros(dtype: Dtype, shape: Shape): HostTensor {
  const size = sizeOf(shape);
  switch (dtype) {
    case 'float32':
      return {dtype, shape, data: new Float32Array(size)};
    case 'int32':
      return {dtype, shape, data: new Int32Array(size)};
    case 'uint8':
    case 'bool':
      return {dtype, shape, data: new Uint8Array(size)};
  }
}

/** Puts a step's result at its place in an array that holds all steps'. */
export function putSlice(target: HostTensor, index: number, slice: HostTensor): void {
  target.data.set(slice.data, index * slice.data.length);
}

export const copyOf = (tensor: HostTensor): HostTensor => {
  switch (tensor.dtype) {
    case 'float32':
      return {...tensor, data: tensor.data.slice()};
    case 'int32':
      return {...tensor, data: tensor.data.slice()};
    case 'uint8':
    case 'bool':
      return {...tensor, data: tensor.data.slice()};
  }
};

/** Axis i of the result is axis `permutation[i]` of the tensor. */
export function permute(tensor: HostTensor, permutation: readonly number[]): HostTensor {
  if (isIdentityPermutation(permutation)) return tensor;
  const shape = permuted(tensor.shape, permutation);
  switch (tensor.dtype) {
    case 'float32':
      return {...tensor, shape, data: transposeData(tensor.data, tensor.shape, permutation)};
    case 'int32':
      return {...tensor, shape, data: transposeData(tensor.data, tensor.shape, permutation)};
    case 'uint8':
    case 'bool':
      return {...tensor, shape, data: transposeData(tensor.data, tensor.shape, permutation)};
  }
}

export const unpermute = (tensor: HostTensor, permutation: readonly number[]): HostTensor =>
  permute(tensor, invertPermutation(permutation));

/** Shares the memory of the host tensor. */
export const toOrt = (tensor: HostTensor): ort.Tensor =>
  new ort.Tensor(tensor.dtype, tensor.data, [...tensor.shape]);

/** Shares the memory of ONNX Runtime's tensor, which must be on the host. */
export function fromOrt(tensor: ort.OnnxValue): HostTensor {
  if (!(tensor instanceof ort.Tensor)) throw new TypeError('expected a tensor');
  const {type, data, dims: shape} = tensor;
  if (type === 'float32' && data instanceof Float32Array) return {dtype: type, shape, data};
  if (type === 'int32' && data instanceof Int32Array) return {dtype: type, shape, data};
  if ((type === 'uint8' || type === 'bool') && data instanceof Uint8Array) return {dtype: type, shape, data};
  throw new TypeError(`expected float32, int32, uint8 or bool, got ${type}`);
}
