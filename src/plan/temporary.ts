// `temporary`: which outputs of a stage go when all that takes them is done, and what of a stage speaks against it.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {StageSpec} from '../spec/spec.ts';
import type {OutputPlan} from './plan.ts';

/** Names of outputs, in the order in which they are declared. */
export function bindTemporary(
  {temporary, publish, isFrozen}: StageSpec,
  outputs: Readonly<Record<string, OutputPlan>>,
  report: (diagnostic: Diagnostic) => void,
): readonly string[] {
  if (temporary === null) return [];
  const {span} = temporary;
  if (publish !== null) {
    const notes = [{message: 'published here', span: publish.span}];
    const message = 'expected outputs that stay, since they are published, got `temporary` beside `publish`';
    const hint = 'leave one of the two out, or publish from a stage of its own';
    report(mistake('temporary-publish', message, span, {hint, notes}));
  }
  if (isFrozen) {
    const hint = 'leave one of the two out';
    report(mistake('temporary-frozen', 'expected a frozen stage to keep what it gave', span, {hint}));
  }
  const known = Object.keys(outputs);
  if (temporary.outputs === 'all') return known;
  const named = new Set<string>();
  for (const {value, span} of temporary.outputs) {
    named.add(value);
    if (Object.hasOwn(outputs, value)) continue;
    const near = closest(value, known);
    const hint = near === undefined ? `it has ${known.join(', ') || 'none'}` : `did you mean ${near}?`;
    report(mistake('unknown-output', `expected an output of this stage, got '${value}'`, span, {hint}));
  }
  return known.filter(name => named.has(name));
}
