// One row of the action cache: an action and the results that it has given, newest last.

import type {Action, ActionResult, Artifact} from '../../action/action.ts';
import {isDigest} from '../../core/digest.ts';
import {canonicalJson, isJsonObject, type Json} from '../../core/json.ts';
import {isName} from '../../spec/name.ts';

export interface ActionRow {
  readonly format: 1;
  readonly action: Action;
  readonly results: readonly ActionResult[];
  /** Outputs of the newest result whose bytes went on purpose, since all that takes them is done. */
  readonly dropped: readonly string[];
}

/** Results kept per action: enough to say that a stage is not deterministic, and to find one whose blobs are here. */
export const keptResults = 8;

/** True where a result has exactly the declared outputs, each of its kind. */
export function hasOutputs(result: ActionResult, declared: Action['outputs']): boolean {
  const names = Object.keys(declared);
  return (
    Object.keys(result.outputs).length === names.length &&
    names.every(
      name => Object.hasOwn(result.outputs, name) && result.outputs[name]?.kind === declared[name]?.kind,
    )
  );
}

/** Adds a result; one with the same outputs and metrics takes the place of the earlier one. */
export function withResult(row: ActionRow, result: ActionResult): ActionRow {
  const others = row.results.filter(earlier => !isSameResult(earlier, result));
  return {...row, results: [...others, result].slice(-keptResults), dropped: []};
}

/** Equal in everything that other stages can see. */
export const isSameResult = (a: ActionResult, b: ActionResult): boolean => contentOf(a) === contentOf(b);

/** True for values that are whole results, in lines of our own. What comes from an index has a schema: `decodeRow`. */
export function isResult(value: unknown): value is ActionResult {
  return (
    isJsonObject(value) &&
    isJsonObject(value.outputs) &&
    Object.entries(value.outputs).every(([name, output]) => isName(name) && isArtifact(output)) &&
    isJsonObject(value.metrics) &&
    Object.values(value.metrics).every(metric => typeof metric === 'number') &&
    typeof value.log === 'string' &&
    isDigest(value.log) &&
    isJsonObject(value.made)
  );
}

function isArtifact(value: Json): boolean {
  return (
    isJsonObject(value) &&
    (value.kind === 'file' || value.kind === 'folder') &&
    typeof value.digest === 'string' &&
    isDigest(value.digest) &&
    typeof value.size === 'number'
  );
}

function contentOf({outputs, metrics}: ActionResult): string {
  const artifacts = Object.entries(outputs).map(
    ([name, {kind, digest}]: [string, Artifact]): [string, Json] => [name, [kind, digest]],
  );
  return canonicalJson([Object.fromEntries(artifacts), metrics]);
}
