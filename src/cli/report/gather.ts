// Gathers what a report page shows: plan, store, ledger and lock file → `PageFacts`. What cannot be found any more is
// left out or said; nothing here writes or runs anything.

import {join} from 'node:path';
import {numbersOf} from '../../core/metric.ts';
import {printable} from '../../core/printable.ts';
import type {CodeFacts, InstanceFacts, PageFacts} from '../../report/page/facts.ts';
import {drawableGraph} from '../../report/stage-graph.ts';
import {type Lock, type LockEntry, lockPathOf, readLock} from '../../store/ledger/lock-file.ts';
import {UserMistakes} from '../exit.ts';
import {Inquiry, type Known, type Missing} from '../inquiry.ts';
import type {Pipeline} from '../pipeline.ts';
import type {Options, Shell} from '../shell.ts';
import type {Workspace} from '../workspace.ts';
import {gatherExhibits} from './exhibits.ts';
import {gatherCommands, gatherLastRun} from './history.ts';

export async function gatherFacts(shell: Shell, pipeline: Pipeline, options: Options): Promise<PageFacts> {
  const {workspace} = pipeline;
  const inquiry = await Inquiry.open(shell, pipeline, options);
  const {plan} = inquiry;
  const lock = readLock(join(workspace.project, lockPathOf(plan)), lockPathOf(plan));
  if (!lock.ok) throw new UserMistakes([lock.error]);
  const known = await inquiry.of(plan.instances);
  const instances = known.map(each => gatherInstance(pipeline, each, lock.value));
  await inquiry.close();
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

/** Lines of a log that are kept, from its end. */
const LOG_LINES = 200;
const LOG_CHARACTERS = 40_000;

function gatherInstance({workspace}: Pipeline, known: Known, lock: Lock): InstanceFacts {
  const {instance, failed} = known;
  const tried = failed === undefined ? undefined : failed.failure === null ? 'unfinished' : 'failed';
  if (known.status === 'found') {
    return {
      instance,
      state: tried ?? 'done',
      isOutdated: known.changes.length > 0,
      action: known.action,
      fingerprint: known.fingerprint,
      outputs: known.result.outputs,
      metrics: numbersOf(known.result.metrics),
      made: known.result.made,
      log: gatherLog(workspace, failed?.log ?? known.result.log),
    };
  }
  const recorded = tried === undefined ? recordedOf(known, lock) : undefined;
  return {
    instance,
    state:
      tried ?? (recorded !== undefined ? 'recorded' : known.other === undefined ? 'never-run' : 'missing'),
    isOutdated: false,
    action: known.action ?? undefined,
    fingerprint: recorded?.fingerprint ?? known.fingerprint,
    outputs: Object.fromEntries(
      Object.entries(recorded?.outputs ?? {}).map(([name, output]) => [name, {...output, size: null}]),
    ),
    metrics: numbersOf(recorded?.metrics ?? {}),
    made: null,
    log: failed?.log == null ? null : gatherLog(workspace, failed.log),
  };
}

/** What the lock file says of it, where nothing known here contradicts that. */
function recordedOf({instance, fingerprint, other}: Missing, lock: Lock): LockEntry | undefined {
  const entry = lock.get(instance.id);
  const agrees = fingerprint === null ? other === undefined : entry?.fingerprint === fingerprint;
  return agrees ? entry : undefined;
}

function gatherLog(
  {blobs}: Workspace,
  digest: Parameters<Workspace['blobs']['read']>[0],
): InstanceFacts['log'] {
  const bytes = blobs.read(digest);
  if (!bytes.ok) return null;
  const lines = printable(bytes.value.toString('utf8')).trimEnd().split('\n');
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
