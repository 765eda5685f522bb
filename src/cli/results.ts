// What commands that look back share: instances by selector, artifacts by name, logs, and which metrics to show.

import type {ActionResult, Artifact} from '../action/action.ts';
import {closest} from '../core/closest.ts';
import type {Digest} from '../core/digest.ts';
import type {Metric} from '../core/metric.ts';
import {chosenMetrics} from '../plan/chosen-metrics.ts';
import type {Instance, InstanceId, Plan} from '../plan/plan.ts';
import {matchSelector} from '../plan/selection.ts';
import {quoteArgument} from '../report/failure.ts';
import {formatTime} from '../report/format.ts';
import {paletteOf} from '../report/palette.ts';
import {describeStoreError} from '../store/store-error.ts';
import {refuse, UserMistakes} from './exit.ts';
import {changesText, type Found, type Known} from './inquiry.ts';
import type {Shell} from './shell.ts';
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

/** Where a result is handed out that is not of the parameters asked for: says so, on standard error. */
export function sayOther({outside}: Shell, {instance, result, changes}: Found): void {
  if (changes.length === 0) return;
  const palette = paletteOf(outside.stderr.colors);
  const {run, startedAt} = result.made;
  outside.stderr.screen.write(
    `${palette.warning('!')} ${instance.id}: a result of run ${run}, ${formatTime(startedAt)}; since then ${changesText(changes)}\n`,
  );
}

export function artifactOf(id: InstanceId, result: ActionResult, output: string): Artifact {
  const artifact = Object.hasOwn(result.outputs, output) ? result.outputs[output] : undefined;
  if (artifact !== undefined) return artifact;
  const names = Object.keys(result.outputs);
  const near = closest(output, names);
  const hint = near === undefined ? `its outputs are ${names.join(', ') || 'none'}` : `did you mean ${near}?`;
  return refuse('unknown-output', `expected an output of ${id}, got '${output}'`, hint);
}

export async function readLog({blobs}: Workspace, log: Digest): Promise<string> {
  await blobs.bringBlob(log);
  const bytes = blobs.read(log);
  return bytes.ok ? bytes.value.toString('utf8') : refuse('lost-log', describeStoreError(bytes.error));
}

/**
 * The metrics of some results that are worth a column: those that the plan looks at, then those that differ among
 * instances of one stage, the most common first.
 */
export function metricsToShow(plan: Plan, all: readonly Known[], most: number): readonly string[] {
  const found = all.flatMap(known => (known.status === 'found' ? [known] : []));
  const values = new Map<string, Map<string, Set<Metric>>>();
  const counts = new Map<string, number>();
  for (const {instance, result} of found) {
    for (const [name, value] of Object.entries(result.metrics)) {
      const byStage = values.get(name) ?? new Map<string, Set<Metric>>();
      values.set(name, byStage.set(instance.stage, (byStage.get(instance.stage) ?? new Set()).add(value)));
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  const chosen = chosenMetrics(plan).filter(name => values.has(name));
  const differing = [...values]
    .filter(([name, byStage]) => !chosen.includes(name) && [...byStage.values()].some(({size}) => size > 1))
    .map(([name]) => name)
    .sort((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0));
  return [...chosen, ...differing].slice(0, most);
}
