// In what a run differs from its pipeline, in words: for tables, and for whoever compares what was published.

import type {Study} from './define.ts';

/** `profile smoke; lr=0.2 instead of 0.1`; empty for the plain pipeline. */
export function describeStudy({profile, changed}: Study): string {
  const parts = changed.map(({name, plain, value}) => `${name}=${shown(value)} instead of ${shown(plain)}`);
  return [...(profile === null ? [] : [`profile ${profile}`]), ...parts].join('; ');
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
