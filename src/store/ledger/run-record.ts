// The record of one run as it is read back. Lines that a kill cut short are passed over.

import type {Fingerprint, GitState} from '../../action/action.ts';
import type {Audit} from '../../action/audit.ts';
import type {Outcome} from '../../action/outcome.ts';
import {isJsonObject, type JsonObject, parseJson} from '../../core/json.ts';
import {CUT, checkedLine, uncut} from '../../host/checked-line.ts';
import type {InstanceId} from '../../plan/plan.ts';
import type {RunHeader} from '../store.ts';
import {isFingerprint} from './last-states.ts';

export type RunEntry =
  /** It began; the run was stopped before it ended. */
  | {
      readonly status: 'unfinished';
      readonly fingerprint: Fingerprint;
      /** The name of the executor that it was given to. */
      readonly executor: string;
      readonly startedAt: number;
    }
  | {
      readonly status: 'finished';
      readonly outcome: Outcome;
      readonly startedAt: number | undefined;
      readonly at: number;
    }
  /** Found in the cache as it had been in the run `from`, which has its result. */
  | {readonly status: 'known'; readonly from: string};

export interface RunRecord {
  readonly header: RunHeader;
  /** In the order in which they ended or began. */
  readonly instances: ReadonlyMap<InstanceId, RunEntry>;
  /** The state of the sources when it began to make something; `null` where that is not known. */
  readonly git: GitState | null;
  /** What was seen of tries that were looked at; the last one of each instance. */
  readonly audits: ReadonlyMap<InstanceId, Audit>;
  /** `undefined` for a run that was killed, or that goes on. */
  readonly end: {readonly at: number; readonly durationMs: number} | undefined;
}

/** How a line begins that keeps an action: what the index is made again from. */
const ACTION_LINE = '{"type":"action",';

/** The actions of a record, by fingerprint. They are as they were read: nothing says that they are whole. */
export function* actionsIn(text: string): Generator<readonly [Fingerprint, unknown], void> {
  for (const each of text.split('\n')) {
    if (!each.startsWith(ACTION_LINE)) continue;
    const line = parseJson(checkedLine(uncut(each)) ?? '');
    if (isJsonObject(line) && isFingerprint(line.fingerprint)) yield [line.fingerprint, line.action];
  }
}

/** How many lines of a record are not what was written; one that a kill cut short is none. */
export const countDamagedLines = (text: string): number =>
  text
    .split('\n')
    .slice(0, -1)
    .filter(line => line !== '' && !line.endsWith(CUT) && checkedLine(line) === undefined).length;

/** A record without those lines; `undefined` where the first is one, without which it is no record. */
export function withoutDamagedLines(text: string): string | undefined {
  const [first = '', ...lines] = text.split('\n').slice(0, -1).map(uncut);
  if (checkedLine(first) === undefined) return undefined;
  return [first, ...lines.filter(line => checkedLine(line) !== undefined)].map(line => `${line}\n`).join('');
}

/** `undefined` if not even the first line is whole. */
export function decodeRun(text: string): RunRecord | undefined {
  const [first = '', ...lines] = text.split('\n');
  const header = decodeHeader(parseJson(checkedLine(first) ?? ''));
  if (header === undefined) return undefined;
  const instances = new Map<InstanceId, RunEntry>();
  const audits = new Map<InstanceId, Audit>();
  let end: RunRecord['end'];
  let git: RunRecord['git'] = null;
  for (const text of lines) {
    // Long, and of no interest to those who look back.
    if (text.startsWith(ACTION_LINE)) continue;
    const line = parseJson(checkedLine(uncut(text)) ?? '');
    if (!isJsonObject(line)) continue;
    if (line.type === 'end' && typeof line.at === 'number' && typeof line.durationMs === 'number') {
      end = {at: line.at, durationMs: line.durationMs};
    } else if (line.type === 'git' && typeof line.commit === 'string' && typeof line.isClean === 'boolean') {
      git = {commit: line.commit, isClean: line.isClean};
    } else if (line.type === 'audited' && typeof line.id === 'string' && isJsonObject(line.audit)) {
      // Our own line, whole: its checksum fits.
      audits.set(line.id as InstanceId, line.audit as unknown as Audit);
    } else if (line.type === 'known' && typeof line.from === 'string' && Array.isArray(line.ids)) {
      for (const id of line.ids) instances.set(id, {status: 'known', from: line.from});
    } else readInstance(line, instances);
  }
  return {header, instances, git, audits, end};
}

function readInstance(line: JsonObject, instances: Map<InstanceId, RunEntry>): void {
  if (typeof line.id !== 'string' || typeof line.at !== 'number') return;
  const id = line.id as InstanceId;
  const {fingerprint, executor} = line;
  if (line.type === 'started' && isFingerprint(fingerprint) && typeof executor === 'string') {
    instances.set(id, {status: 'unfinished', fingerprint, executor, startedAt: line.at});
  } else if (line.type === 'finished' && isJsonObject(line.outcome)) {
    const before = instances.get(id);
    const startedAt = before?.status === 'unfinished' ? before.startedAt : undefined;
    // Our own line, whole: it parsed.
    const outcome = line.outcome as unknown as Outcome;
    instances.set(id, {status: 'finished', outcome, startedAt, at: line.at});
  }
}

function decodeHeader(value: unknown): RunHeader | undefined {
  if (!isJsonObject(value) || value.type !== 'run') return undefined;
  const {run, pipeline, file, params, argv, host, platform, startedAt} = value;
  return typeof run === 'string' &&
    typeof pipeline === 'string' &&
    typeof file === 'string' &&
    isJsonObject(params) &&
    Array.isArray(argv) &&
    typeof host === 'string' &&
    typeof platform === 'string' &&
    typeof startedAt === 'number'
    ? {run, pipeline, file, params, argv: argv.map(String), host, platform, startedAt}
    : undefined;
}
