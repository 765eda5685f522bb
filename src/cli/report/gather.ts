// Gathers what a report page shows: plan, store, ledger and lock file → `PageFacts`. What cannot be found any more is
// left out or said; nothing here writes or runs anything.

import {join} from 'node:path';
import type {Action} from '../../action/action.ts';
import {canonicalJson} from '../../core/json.ts';
import type {Plan} from '../../plan/plan.ts';
import type {CodeFacts, InstanceFacts, PageFacts} from '../../report/page/facts.ts';
import {plainLog} from '../../report/page/html.ts';
import {drawableGraph} from '../../report/stage-graph.ts';
import {PlanReader} from '../../run/plan-reader.ts';
import {type Lock, lockPathOf, readLock} from '../../store/ledger/lock-file.ts';
import {UserMistakes} from '../exit.ts';
import type {Pipeline} from '../pipeline.ts';
import {knownOf} from '../results.ts';
import type {Options, Shell} from '../shell.ts';
import type {Workspace} from '../workspace.ts';
import {gatherExhibits} from './exhibits.ts';
import {gatherCommands, gatherLastRun} from './history.ts';

export async function gatherFacts(shell: Shell, pipeline: Pipeline, options: Options): Promise<PageFacts> {
  const {workspace} = pipeline;
  const plan = await wholePlan(pipeline);
  const lock = readLock(join(workspace.project, lockPathOf(plan.file)), lockPathOf(plan.file));
  if (!lock.ok) throw new UserMistakes([lock.error]);
  const instances: InstanceFacts[] = [];
  for (const instance of plan.instances) {
    instances.push(await gatherInstance({...pipeline, plan}, instance, lock.value));
  }
  await workspace.cache.close();
  return {
    version: shell.version,
    pipeline: plan.pipeline,
    about: plan.about,
    file: plan.file,
    params: plan.params,
    lastRun: gatherLastRun(workspace.ledger, plan),
    instances,
    ...gatherExhibits(workspace, instances),
    graph: drawableGraph(plan, 'stages'),
    code: gatherCode(workspace, instances),
    commands: gatherCommands(workspace.ledger, plan, instances, options),
  };
}

/** The plan with every cell and parameter that last results have chosen; what cannot be read stays open. */
async function wholePlan({workspace, plan, replan}: Pipeline): Promise<Plan> {
  const reader = new PlanReader(workspace.blobs, replan);
  let whole = plan;
  for (;;) {
    const {planned} = await reader.read(whole, id => workspace.ledger.last(plan.pipeline, id)?.result);
    if (!planned) return whole;
    whole = planned.answer;
  }
}

/** Lines of a log that are kept, from its end. */
const LOG_LINES = 200;
const LOG_CHARACTERS = 40_000;

async function gatherInstance(
  pipeline: Pipeline,
  instance: Plan['instances'][number],
  lock: Lock,
): Promise<InstanceFacts> {
  const known = await knownOf(pipeline, instance.id);
  const recorded = lock.get(instance.id);
  const result = known?.result;
  if (result === undefined) {
    const isRecorded = recorded !== undefined;
    return {
      instance,
      state:
        known !== undefined && known.last.status !== 'done'
          ? known.last.status
          : isRecorded
            ? 'recorded'
            : 'never-run',
      isOutdated: false,
      action: undefined,
      fingerprint: recorded?.fingerprint ?? null,
      outputs: Object.fromEntries(
        Object.entries(recorded?.outputs ?? {}).map(([name, output]) => [name, {...output, size: null}]),
      ),
      metrics: recorded?.metrics ?? {},
      made: null,
      log: null,
    };
  }
  const action = known?.action;
  return {
    instance,
    state: known?.last.status ?? 'done',
    isOutdated: isOutdated(action, instance),
    action,
    fingerprint: known?.last.resultOf ?? known?.last.fingerprint ?? null,
    outputs: result.outputs,
    metrics: result.metrics,
    made: result.made,
    log: gatherLog(pipeline.workspace, result.log),
  };
}

const isOutdated = (action: Action | undefined, {params}: Plan['instances'][number]): boolean =>
  action !== undefined && canonicalJson(action.params) !== canonicalJson(params);

function gatherLog(
  {blobs}: Workspace,
  digest: Parameters<Workspace['blobs']['read']>[0],
): InstanceFacts['log'] {
  const bytes = blobs.read(digest);
  if (!bytes.ok) return null;
  const lines = plainLog(bytes.value.toString('utf8')).trimEnd().split('\n');
  const kept: string[] = [];
  let characters = 0;
  for (let at = lines.length - 1; at >= 0 && kept.length < LOG_LINES; at--) {
    const line = lines[at] ?? '';
    characters += line.length + 1;
    if (characters > LOG_CHARACTERS && kept.length > 0) break;
    kept.unshift(line.slice(0, LOG_CHARACTERS));
  }
  return {text: kept.join('\n'), hidden: lines.length - kept.length};
}

/** Each code digest once, in the order in which the plan uses it. */
function gatherCode({code}: Workspace, instances: readonly InstanceFacts[]): CodeFacts[] {
  const found = new Map<string, CodeFacts>();
  for (const {action, instance} of instances) {
    if (action === undefined || action.work.kind === 'shell' || instance.work.kind !== 'module') continue;
    const {code: digest, packages} = action.work;
    if (found.has(digest)) continue;
    const files = Object.entries(code.manifestOf(digest) ?? {})
      .filter(([, file]) => file.isBundled)
      .map(([path, {digest, importedBy}]) => ({path, digest, importedBy}));
    found.set(digest, {digest, uses: instance.work.uses, files, packages});
  }
  return [...found.values()];
}
