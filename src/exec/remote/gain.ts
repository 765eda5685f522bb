// What a job gave that ran to its end, as an ending of its action: the log, the metrics, the outputs by digest, and who
// ran it. Small things are read; outputs stay where they are until somebody asks for them.

import type {ActionResult, Artifact, Provenance, Usage} from '../../action/action.ts';
import {NO_USAGE} from '../../action/action.ts';
import type {StageFailure} from '../../action/outcome.ts';
import type {Digest} from '../../core/digest.ts';
import {byCodeUnit} from '../../core/json.ts';
import type {Metrics} from '../../core/metric.ts';
import {err, ok, type Result} from '../../core/result.ts';
import type {Assignment, Ending, ExecutionListener} from '../executor.ts';
import {failureOfCode} from '../exit-code.ts';
import {tailOf} from '../log-tail.ts';
import {parseShellMetrics} from '../shell-metrics.ts';
import {adviceOn} from '../undeclared.ts';
import {ENDING_FILE, METRICS_FILE, OUTPUT_FOLDER} from './build-job.ts';
import type {BlobRef, BuildContent, BuildGain, BuildServer} from './build-server.ts';
import {parseCarried} from './carried.ts';
import {filesIn, type RootFolder} from './root-folder.ts';
import {UNFIT_CODE, WHERE_FILE} from './worker-script.ts';

export interface GainServices {
  readonly name: string;
  readonly server: BuildServer;
  readonly content: BuildContent;
  readonly project: string;
  readonly now: () => number;
}

/** What the worker told of itself. */
interface Where {
  readonly host: string;
  readonly platform: string;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** What the task told beside its files. */
interface Told {
  readonly metrics: Metrics;
  readonly device: string;
  readonly usage: Usage;
  readonly notices: readonly string[];
}

export type Concluded =
  | Exclude<Ending, {readonly status: 'cancelled'}>
  /** The worker is of another kind than the action wants. */
  | {readonly status: 'unfit'; readonly platform: string};

export async function concludeGain(
  assignment: Assignment,
  gain: BuildGain,
  services: GainServices,
  listener: ExecutionListener,
): Promise<Concluded> {
  const {server, content, project} = services;
  const where = await whereOf(gain, services);
  if (!where.ok) return {status: 'lost', message: where.error};
  if (gain.exitCode === UNFIT_CODE && assignment.action.platform !== null) {
    return {status: 'unfit', platform: where.value.platform};
  }
  const printed = Buffer.isBuffer(gain.stdout) ? ok(gain.stdout) : await server.read(gain.stdout);
  if (!printed.ok) return {status: 'lost', message: printed.error};
  const log = content.putText(printed.value);
  if (!log.ok) return failed(log.error, [], null);
  if (printed.value.length > 0) listener.onLog('stdout', printed.value.toString('utf8'));
  const logTail = tailOf(printed.value);
  const logDigest = printed.value.length > 0 ? log.value.digest : null;
  if (gain.exitCode !== 0) {
    const advice = adviceOn(assignment.action, project, logTail);
    return {...failed(failureOfCode(gain.exitCode), logTail, logDigest), advice};
  }
  const told = await toldOf(assignment, gain, server, listener);
  if (!told.ok) {
    return typeof told.error === 'string'
      ? {status: 'lost', message: told.error}
      : failed(told.error, logTail, logDigest);
  }
  const tree = gain.folders.get(OUTPUT_FOLDER);
  const below = tree === undefined ? ok(NOTHING) : await server.folderOf(tree);
  if (!below.ok)
    return failed({reason: 'wrong-output', output: '', message: below.error}, logTail, logDigest);
  const outputs = outputsOf(assignment, below.value, content);
  if (!outputs.ok) return failed(outputs.error, logTail, logDigest);
  const result: ActionResult = {
    outputs: outputs.value,
    metrics: told.value.metrics,
    log: log.value.digest,
    made: madeBy(services.name, assignment, where.value, told.value),
  };
  const blobs: BlobRef[] = [log.value, ...filesIn(below.value)];
  const adopted = await content.adopt(assignment.action, result, blobs);
  if (!adopted.ok) return {status: 'lost', message: adopted.error};
  return {status: 'done', result, notices: [...told.value.notices, ...straysIn(assignment, below.value)]};
}

const NOTHING: RootFolder = {files: new Map(), folders: new Map()};

const failed = (
  failure: StageFailure,
  logTail: readonly string[],
  log: Digest | null,
): Extract<Ending, {status: 'failed'}> => ({status: 'failed', failure, logTail, log, advice: null});

async function whereOf(gain: BuildGain, {server, now}: GainServices): Promise<Result<Where, string>> {
  const file = gain.files.get(WHERE_FILE);
  const read = file === undefined ? ok(Buffer.alloc(0)) : await server.read(file);
  if (!read.ok) return read;
  const [host = '', platform = '', started = '', ended = ''] = read.value.toString('utf8').split('\n');
  const [startedAt, endedAt] = [Number(started) || now(), Number(ended) || now()];
  return ok({host: gain.worker === '' ? host : gain.worker, platform, startedAt, endedAt});
}

/** A text for what the way to the server is to blame for. */
async function toldOf(
  {action}: Assignment,
  gain: BuildGain,
  server: BuildServer,
  listener: ExecutionListener,
): Promise<Result<Told, StageFailure | string>> {
  const isCommand = action.work.kind === 'shell';
  const file = gain.files.get(isCommand ? METRICS_FILE : ENDING_FILE);
  const read = file === undefined ? undefined : await server.read(file);
  if (read?.ok === false) return err(read.error);
  const text = read?.value.toString('utf8');
  if (isCommand) {
    const metrics = text === undefined ? ok({}) : parseShellMetrics(text);
    return metrics.ok ? ok({metrics: metrics.value, device: '', usage: NO_USAGE, notices: []}) : metrics;
  }
  const carried = text === undefined ? undefined : parseCarried(text);
  if (carried === undefined) return err('its worker did not say what came of it');
  for (const progress of carried.progress) listener.onProgress(progress);
  if (carried.status === 'failed') return err(carried.failure);
  if (carried.status === 'lost') return err(carried.message);
  return ok(carried);
}

function outputsOf(
  {action}: Assignment,
  root: RootFolder,
  content: BuildContent,
): Result<Record<string, Artifact>, StageFailure> {
  const outputs: Record<string, Artifact> = {};
  for (const [output, {kind, path}] of Object.entries(action.outputs)) {
    const found = path === '.' ? root : find(root, path.split('/'));
    if (found === undefined) return err({reason: 'missing-output', output, path});
    const got = 'digest' in found ? 'file' : 'folder';
    if (got !== kind) {
      return err({reason: 'wrong-output', output, message: `expected a ${kind} at ${path}, got a ${got}`});
    }
    if ('digest' in found) {
      outputs[output] = {kind: 'file', digest: found.digest, size: found.size};
      continue;
    }
    const put = content.putFolder(found);
    if (!put.ok) return put;
    outputs[output] = put.value;
  }
  return ok(outputs);
}

function find(folder: RootFolder, [name = '', ...rest]: readonly string[]): RootFolder | BlobRef | undefined {
  if (rest.length === 0) return folder.files.get(name) ?? folder.folders.get(name);
  const below = folder.folders.get(name);
  return below === undefined ? undefined : find(below, rest);
}

/** Names that belong to no declared output; sorted. */
function straysIn({action}: Assignment, root: RootFolder): string[] {
  const declared = Object.values(action.outputs).map(({path}) => path);
  const strays: string[] = [];
  const visit = (folder: RootFolder, at: string): void => {
    for (const name of [...folder.files.keys(), ...folder.folders.keys()]) {
      const path = `${at}${name}`;
      if (declared.includes(path)) continue;
      const below = folder.folders.get(name);
      if (below !== undefined && declared.some(each => each.startsWith(`${path}/`))) visit(below, `${path}/`);
      else strays.push(path);
    }
  };
  if (!declared.includes('.')) visit(root, '');
  return strays.sort(byCodeUnit);
}

const madeBy = (
  executor: string,
  {run, limits, action, git}: Assignment,
  {host, platform, startedAt, endedAt}: Where,
  {device, usage}: Told,
): Provenance => ({
  run,
  startedAt,
  durationMs: Math.max(0, endedAt - startedAt),
  queuedMs: 0,
  executor,
  host,
  platform,
  device: device !== '' ? device : (action.device ?? ''),
  cpus: limits.cpus,
  git,
  continued: null,
  ...usage,
});
