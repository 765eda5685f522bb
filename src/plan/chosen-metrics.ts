// The metrics that a plan looks at: those that its stages are told to select, aggregate or plot by.

import type {Json} from '../core/json.ts';
import type {Plan} from './plan.ts';

/** What parameters called `metric` name, each once, in plan order. */
export function chosenMetrics({instances}: Plan): readonly string[] {
  const names = new Set<string>();
  for (const {params} of instances) for (const name of textsIn(params.metric)) names.add(name);
  return [...names];
}

const textsIn = (value: Json | undefined): readonly string[] =>
  typeof value === 'string'
    ? [value]
    : Array.isArray(value)
      ? value.filter(each => typeof each === 'string')
      : [];
