// The best TF.js backend that is installed: the native packages are optional, the JS backend is always there.

import {createRequire} from 'node:module';
import {pathToFileURL} from 'node:url';
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import {EngineError} from '../errors.ts';
import {padExplicitly} from './explicit-padding.ts';

export interface TfjsBackend {
  /** As registered with TF.js. */
  readonly backend: string;
  /** The package, for people. */
  readonly name: string;
}

const native = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'];

async function find(): Promise<TfjsBackend> {
  for (const name of native) {
    try {
      restoreUtil();
      // TensorFlow greets on standard error; what goes wrong is an error here.
      process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
      const before = tf.engine().backend === null ? '' : tf.engine().backendName;
      await import(placeOf(name));
      // The package makes its backend that of the process: it is ours for the length of a step.
      if (before !== '') void tf.setBackend(before);
      padExplicitly('tensorflow');
      return {backend: 'tensorflow', name};
    } catch {
      // Not installed, or built for another system: the next one may be.
    }
  }
  startQuietly();
  return {backend: 'cpu', name: '@tensorflow/tfjs (JavaScript)'};
}

/** The package as it is found from here, or from the program that runs: a stage's bundle lies in the user's project. */
function placeOf(name: string): string {
  const program = process.argv[1];
  for (const from of program === undefined ? [import.meta.url] : [import.meta.url, program]) {
    try {
      return pathToFileURL(createRequire(from).resolve(name)).href;
    } catch {
      // Not installed there.
    }
  }
  return name;
}

/** Functions that Node 23 took out of `util`, and that the native packages still call. */
function restoreUtil(): void {
  const util: object = createRequire(import.meta.url)('node:util');
  const functions = {
    isArray: Array.isArray,
    isNullOrUndefined: (x: unknown): boolean => x === null || x === undefined,
  };
  for (const [name, own] of Object.entries(functions))
    if (Reflect.get(util, name) === undefined) Reflect.set(util, name, own);
}

/** At its first use the JS backend prints an advertisement for the native one. */
function startQuietly(): void {
  const before = tf.engine().backendName;
  const isTest = tf.env().getBool('IS_TEST');
  tf.env().set('IS_TEST', true);
  void tf.setBackend('cpu');
  tf.scalar(0).dispose();
  tf.env().set('IS_TEST', isTest);
  if (before) void tf.setBackend(before);
}

let found: Promise<TfjsBackend> | undefined;

export const findTfjs = (): Promise<TfjsBackend> => (found ??= find());

/** Runs `body` on TF.js's own JavaScript backend, and TF.js is as before: for values that a model holds. */
export function runEagerly<T>(body: () => T): T {
  const before = tf.engine().backend === null ? '' : tf.engine().backendName;
  if (before === '') startQuietly();
  else if (before.startsWith('pipe-')) throw new EngineError('expected no step to be running');
  return body();
}
