// The results behind numbers, as far as the store still has them: parameters, data, code and how they were made.

import type {Action, ActionResult, Fingerprint} from '../../action/action.ts';
import {isDigest} from '../../core/digest.ts';
import type {Trace, TracedInstance, TracedNumber} from '../../stage/trace.ts';
import type {Workspace} from '../workspace.ts';

export interface Source extends TracedInstance {
  /** `undefined` where the store no longer has it. */
  readonly action: Action | undefined;
  readonly result: ActionResult | undefined;
}

/** By their place in the trace. */
export async function lookUpSources(
  {results}: Workspace,
  {instances}: Trace,
  numbers: readonly {readonly number: TracedNumber}[],
): Promise<ReadonlyMap<number, Source>> {
  const places = new Set(numbers.flatMap(({number}) => [...number.of, ...number.against]));
  const sources = new Map<number, Source>();
  for (const place of [...places].sort((a, b) => a - b)) {
    const traced = instances[place];
    if (traced === undefined) continue;
    const {fingerprint} = traced;
    const known = isFingerprint(fingerprint) ? await results.actionOf(fingerprint) : undefined;
    const all = isFingerprint(fingerprint) ? await results.resultsOf(fingerprint) : undefined;
    sources.set(place, {
      ...traced,
      action: known?.ok ? known.value : undefined,
      result: all?.ok ? all.value.at(-1) : undefined,
    });
  }
  return sources;
}

const isFingerprint = (text: string): text is Fingerprint => isDigest(text);
