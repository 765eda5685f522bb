// What is known of instances: looks up last results, their actions, artifacts and logs, for commands that look back.

import type {Action, ActionResult, Artifact} from '../action/action.ts';
import {closest} from '../core/closest.ts';
import type {Digest} from '../core/digest.ts';
import type {Instance, InstanceId, Plan} from '../plan/plan.ts';
import {matchSelector} from '../plan/selection.ts';
import {quoteArgument} from '../report/failure.ts';
import type {LastState} from '../store/store.ts';
import {describeStoreError} from '../store/store-error.ts';
import {refuse, UserMistakes} from './exit.ts';
import type {Pipeline} from './pipeline.ts';
import type {Workspace} from './workspace.ts';

/** The instances that the selectors mean, in plan order; all where there is none. Throws what selects nothing. */
export function findInstances(plan: Plan, selectors: readonly string[]): readonly Instance[] {
  if (selectors.length === 0) return plan.instances;
  const ids = new Set<InstanceId>();
  for (const selector of selectors) {
    const found = matchSelector(plan, selector);
    if (!found.ok) throw new UserMistakes([found.error]);
    for (const id of found.value) ids.add(id);
  }
  return plan.instances.filter(({id}) => ids.has(id));
}

/** The one instance that a selector means. Throws where it means several. */
export function findInstance(plan: Plan, selector: string): Instance {
  const found = findInstances(plan, [selector]);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const some = found.slice(0, 6).map(({id}) => id);
  const more = found.length > some.length ? ', …' : '';
  return refuse(
    'several-instances',
    `expected one instance, got ${found.length} for ${quoteArgument(selector)}`,
    `name one of ${some.join(', ')}${more}`,
  );
}

export interface Known {
  readonly last: LastState;
  /** The last result, and the action that gave it. */
  readonly result: ActionResult | undefined;
  readonly action: Action | undefined;
}

export async function knownOf({workspace, plan}: Pipeline, id: InstanceId): Promise<Known | undefined> {
  const last = workspace.ledger.last(plan.pipeline, id);
  if (last === undefined) return undefined;
  const action = await workspace.cache.actionOf(last.resultOf ?? last.fingerprint);
  return {last, result: last.result, action: action.ok ? action.value : undefined};
}

/** The last result of an instance. Throws where there is none. */
export function resultOf({workspace, plan}: Pipeline, id: InstanceId): ActionResult {
  const last = workspace.ledger.last(plan.pipeline, id);
  if (last?.result !== undefined) return last.result;
  const hint = `run it first: pipe run ${plan.file} ${quoteArgument(id)}`;
  return refuse('no-result', `${id} has no result yet`, hint);
}

export function artifactOf(id: InstanceId, result: ActionResult, output: string): Artifact {
  const artifact = Object.hasOwn(result.outputs, output) ? result.outputs[output] : undefined;
  if (artifact !== undefined) return artifact;
  const names = Object.keys(result.outputs);
  const near = closest(output, names);
  const hint = near === undefined ? `its outputs are ${names.join(', ') || 'none'}` : `did you mean ${near}?`;
  return refuse('unknown-output', `expected an output of ${id}, got '${output}'`, hint);
}

export function readLog({blobs}: Workspace, log: Digest): string {
  const bytes = blobs.read(log);
  return bytes.ok ? bytes.value.toString('utf8') : refuse('lost-log', describeStoreError(bytes.error));
}

/** The names of all metrics of some results, in order of first appearance. */
export function metricNames(results: Iterable<ActionResult | undefined>): string[] {
  const names = new Set<string>();
  for (const result of results) for (const name of Object.keys(result?.metrics ?? {})) names.add(name);
  return [...names];
}
