// The kernels by TF.js kernel name. A kernel turns one call into graph values; it never computes.
// A kernel file calls `define` for each of its kernels when it is loaded; index.ts loads them all.

import type {TensorInfo} from '@tensorflow/tfjs-core';
import type {Builder} from '../ir/builder.ts';
import {cast} from '../ir/ops.ts';
import {logicalType, type Value} from '../ir/value.ts';

/** One call of a TF.js kernel. */
export interface Call {
  readonly b: Builder;
  readonly name: string;
  /** A tensor input by TF.js's name for it. `uint8` and `int64` values come as `int32`. */
  input(name: string): Value;
  /** As `input`, but in its physical type: for kernels that only move data. */
  raw(name: string): Value;
  has(name: string): boolean;
  /** All tensor inputs in order, for kernels that take a list. */
  all(): readonly Value[];
  /** Attributes by TF.js's names. */
  number(name: string): number;
  numbers(name: string): readonly number[];
  boolean(name: string): boolean;
  text(name: string): string;
  attribute(name: string): unknown;
  /** A mistake of the user's: throws with the op and the place. */
  fail(message: string): never;
}

export type Kernel = (call: Call) => Value | readonly Value[];

const kernels = new Map<string, Kernel>();

/** Later definitions replace earlier ones. */
export function define(name: string, kernel: Kernel): void {
  kernels.set(name, kernel);
}

export const definedKernels = (): ReadonlyMap<string, Kernel> => kernels;

/** A value as TF.js's checks of shapes want it. */
export const infoOf = (x: Value): TensorInfo => ({
  shape: [...x.shape],
  dtype: logicalType(x.type),
  dataId: {},
});

/** The value in a type that all operators take. */
export const plain = (b: Builder, value: Value): Value =>
  value.type === 'uint8' || value.type === 'int64' ? cast(b, value, 'int32') : value;
