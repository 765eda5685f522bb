// Runs a step on a TF.js backend with everything that it makes cleaned up, and TF.js as before afterwards.

import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import {EngineError} from '../errors.ts';
import {mendDerivatives} from './derivatives.ts';

mendDerivatives();

/** Takes effect at once: backends that are initialised, or whose factory is synchronous, never await. */
function switchTo(name: string): void {
  void tf.setBackend(name);
  if (tf.engine().backendName !== name) throw new EngineError(`the TF.js backend ${name} did not start`);
}

/** The backend in use. Where none was chosen yet, TF.js chooses now, lest it take that of the engine for the choice. */
const current = (): string => (tf.engine().backend === null ? '' : tf.engine().backendName);

/** Runs `body` in a scope of its own on a backend; only tensors that were kept outlive it. */
export function runOn<T>(backendName: string, scope: string, body: () => T): T {
  const before = current();
  switchTo(backendName);
  tf.engine().startScope(scope);
  try {
    return body();
  } finally {
    tf.engine().endScope();
    switchTo(before);
  }
}
