// Versions of installed distributions that a stage's modules import, as they enter its action; what cannot be told of
// them is a notice.

import {byCodeUnit, canonicalJson, isJsonObject} from '../core/json.ts';
import {type Interpreter, installationOf} from './interpreter.ts';
import type {Questions} from './kept-facts.ts';

/** What `pipe_stage` does for a stage: a part of what runs. */
const STAGE_API = '1';

export interface Packages {
  readonly packages: Readonly<Record<string, string>>;
  readonly notices: readonly string[];
}

/** What the names that a stage imports stand for on this machine. */
export async function packagesOf(
  {installed, missing}: {readonly installed: Iterable<string>; readonly missing: Iterable<string>},
  interpreter: Interpreter,
  {store, ask}: Questions,
): Promise<Packages> {
  const packages = new Map([
    ['python', interpreter.version],
    ['pipe_stage', STAGE_API],
  ]);
  const notices: string[] = [];
  for (const name of missing) packages.set(name, 'not installed');
  const keyOf = (name: string): string => canonicalJson([installationOf(interpreter), name]);
  const names = [...installed].sort(byCodeUnit);
  const unknown = names.filter(name => store.recall('distributions', keyOf(name)) === undefined);
  if (unknown.length > 0) {
    const said = await ask({
      ask: 'distributions',
      sites: [...interpreter.sites],
      names: unknown,
    });
    for (const name of unknown)
      store.keep('distributions', keyOf(name), isJsonObject(said) ? (said[name] ?? {}) : {});
  }
  for (const name of names) {
    const given = store.recall('distributions', keyOf(name));
    const distributions = isJsonObject(given) ? Object.entries(given) : [];
    if (distributions.length === 0) {
      packages.set(name, 'unknown');
      notices.push(`${name} is installed without a version: its changes do not count`);
    }
    for (const [distribution, about] of distributions) {
      if (!isJsonObject(about)) continue;
      packages.set(distribution, String(about.version));
      if (about.editable === true) {
        notices.push(
          `${distribution} is an editable install outside the project: only its version counts, not its edits`,
        );
      }
    }
  }
  return {packages: Object.fromEntries([...packages].sort((a, b) => byCodeUnit(a[0], b[0]))), notices};
}
