// Whether two results are the same to whoever uses them: equal bytes and equal metrics, made whenever.

import type {ActionResult} from '../action/action.ts';

export function isSameResult(a: ActionResult, b: ActionResult): boolean {
  const names = Object.keys(a.outputs);
  const metrics = Object.keys(a.metrics);
  return (
    names.length === Object.keys(b.outputs).length &&
    metrics.length === Object.keys(b.metrics).length &&
    names.every(name => a.outputs[name]?.digest === b.outputs[name]?.digest) &&
    metrics.every(name => Object.is(a.metrics[name], b.metrics[name]))
  );
}
