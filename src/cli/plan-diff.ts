// What the pipeline as it stands would do otherwise than its last run: parameters, and for each instance the changes of
// its key. Executes nothing; what hangs on instances that have changed themselves is said to.

import {describeChange} from '../action/explain.ts';
import type {Change} from '../action/outcome.ts';
import {assertNever} from '../core/result.ts';
import type {InstanceId} from '../plan/plan.ts';
import {plural} from '../report/format.ts';
import type {Palette} from '../report/palette.ts';
import type {RunRecord} from '../store/ledger/run-record.ts';
import {Inquiry, type Known} from './inquiry.ts';
import type {Pipeline} from './pipeline.ts';
import {storesOf} from './pipeline-runner.ts';
import type {Options, Shell} from './shell.ts';

export type InstanceChange =
  | {readonly is: 'same'}
  | {readonly is: 'added'}
  /** `isKnown`: a result of an earlier run has the new key. */
  | {readonly is: 'changed'; readonly changes: readonly Change[]; readonly isKnown: boolean}
  /** Nothing of its own has changed; what it reads may give other bytes. */
  | {readonly is: 'below'; readonly on: readonly InstanceId[]};

export interface PlanDiff {
  readonly instances: ReadonlyMap<InstanceId, InstanceChange>;
  /** Those of the run that the plan does not have any more. */
  readonly removed: readonly InstanceId[];
  readonly known: readonly Known[];
}

export async function diffPlan(
  shell: Shell,
  pipeline: Pipeline,
  options: Options,
  before: RunRecord,
): Promise<PlanDiff> {
  const inquiry = await Inquiry.open(shell, pipeline, options);
  const {plan} = inquiry;
  const known = await inquiry.of(plan.instances);
  const instances = new Map<InstanceId, InstanceChange>();
  for (const each of known) instances.set(each.instance.id, await changeOf(pipeline, each));
  await inquiry.close();
  const removed = [...before.instances.keys()].filter(id => !instances.has(id));
  return {instances, removed, known};
}

async function changeOf(pipeline: Pipeline, known: Known): Promise<InstanceChange> {
  const {cache, explain, lastStateOf} = storesOf(pipeline);
  const last = lastStateOf(known.instance.id);
  if (last?.resultOf === undefined) return {is: 'added'};
  if (known.fingerprint === last.resultOf) return {is: 'same'};
  const before = await cache.actionOf(last.resultOf);
  const action = before.ok ? before.value : undefined;
  const after = known.action ?? (action && {...action, params: known.instance.params});
  const changes = action && after ? explain(action, after) : [];
  if (changes.length === 0 && known.status === 'missing' && known.lack.why === 'behind')
    return {is: 'below', on: known.lack.on};
  return {is: 'changed', changes, isKnown: known.status === 'found'};
}

/** Instances of one stage that change alike share a line. */
export function planDiffLines({instances, removed}: PlanDiff, palette: Palette): string[] {
  const groups = new Map<string, InstanceId[]>();
  let same = 0;
  for (const [id, change] of instances) {
    if (change.is === 'same') {
      same++;
      continue;
    }
    const key = `${id.replace(/\[.*$/, '')}\0${changeLines(change).join('\n')}`;
    groups.set(key, [...(groups.get(key) ?? []), id]);
  }
  const lines = [...groups].flatMap(([key, [first, ...others]]) => {
    const [stage = '', text = ''] = key.split('\0');
    const name = others.length === 0 ? String(first) : `${stage}, ${plural(others.length + 1, 'instance')}`;
    return [palette.name(name), ...text.split('\n').map(line => `  ${line}`)];
  });
  for (const id of removed) lines.push(palette.name(id), '  is not in the plan any more');
  const rest = `${plural(same, 'instance')} ${same === 1 ? 'stays as it is' : 'stay as they are'}`;
  return lines.length === 0 ? [palette.dim(`nothing would change: ${rest}`)] : [...lines, palette.dim(rest)];
}

function changeLines(change: InstanceChange): string[] {
  switch (change.is) {
    case 'same':
      return [];
    case 'added':
      return ['has no result yet'];
    case 'below': {
      const more = change.on.length > 1 ? ` and ${change.on.length - 1} more` : '';
      return [`runs again if ${change.on[0]}${more} gives other bytes`];
    }
    case 'changed': {
      const lines = change.changes.length === 0 ? ['its key changed'] : change.changes.map(describeChange);
      return change.isKnown ? [...lines, 'has a result of an earlier run'] : lines;
    }
    default:
      return assertNever(change);
  }
}
