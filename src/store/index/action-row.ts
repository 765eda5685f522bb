// One row of the action cache: an action and the results that it has given, newest last. Rows may come from a shared
// server, so they are checked like any other input; a row that we would not have written counts as absent.

import type {Action, ActionResult, Artifact} from '../../action/action.ts';
import {isDigest} from '../../core/digest.ts';
import {canonicalJson, isJsonObject, type Json} from '../../core/json.ts';

export interface ActionRow {
  readonly format: 1;
  readonly action: Action;
  readonly results: readonly ActionResult[];
}

/** Results kept per action: enough to say that a stage is not deterministic, and to find one whose blobs are here. */
const keptResults = 8;

export function decodeRow(value: unknown): ActionRow | undefined {
  if (!isJsonObject(value) || value.format !== 1 || !isAction(value.action)) return undefined;
  if (!Array.isArray(value.results) || !value.results.every(isResult)) return undefined;
  return {format: 1, action: value.action, results: value.results};
}

/** Adds a result; one with the same outputs and metrics takes the place of the earlier one. */
export function withResult(row: ActionRow, result: ActionResult): ActionRow {
  const others = row.results.filter(earlier => !isSameResult(earlier, result));
  return {...row, results: [...others, result].slice(-keptResults)};
}

/** Equal in everything that other stages can see. */
export const isSameResult = (a: ActionResult, b: ActionResult): boolean => contentOf(a) === contentOf(b);

/** True for values that are whole results, wherever they come from. */
export function isResult(value: unknown): value is ActionResult {
  return (
    isJsonObject(value) &&
    isJsonObject(value.outputs) &&
    Object.values(value.outputs).every(isArtifact) &&
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

function isAction(value: unknown): value is Action {
  return (
    isJsonObject(value) &&
    value.format === 1 &&
    isJsonObject(value.work) &&
    isJsonObject(value.params) &&
    isJsonObject(value.inputs) &&
    isJsonObject(value.files) &&
    isJsonObject(value.outputs) &&
    isJsonObject(value.env)
  );
}

function contentOf({outputs, metrics}: ActionResult): string {
  const artifacts = Object.entries(outputs).map(
    ([name, {kind, digest}]: [string, Artifact]): [string, Json] => [name, [kind, digest]],
  );
  return canonicalJson([Object.fromEntries(artifacts), metrics]);
}
