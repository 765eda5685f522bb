// `pipelines/NAME.lock.json`: what each instance of a pipeline last gave, one line per instance, sorted, to be committed
// by the user. A partial run keeps the lines of the others; an instance that is gone from the pipeline loses its line.

import {existsSync, readFileSync, renameSync} from 'node:fs';
import type {ActionResult, Artifact, Fingerprint} from '../../action/action.ts';
import {type Diagnostic, mistake} from '../../core/diagnostic.ts';
import {type Digest, isDigest} from '../../core/digest.ts';
import {byCodeUnit, canonicalJson, isJsonObject, type Json, parseJson} from '../../core/json.ts';
import {isMetric, type Metric, type Metrics} from '../../core/metric.ts';
import {err, ok, type Result} from '../../core/result.ts';
import type {SourceFile} from '../../core/source.ts';
import {writeAtomically} from '../../host/atomic-file.ts';
import {hasCode} from '../../host/system-error.ts';
import type {InstanceId, Plan} from '../../plan/plan.ts';
import {ioError, type StoreError} from '../store-error.ts';

export interface LockEntry {
  readonly fingerprint: Fingerprint;
  readonly outputs: Readonly<Record<string, {readonly kind: Artifact['kind']; readonly digest: Digest}>>;
  readonly metrics: Metrics;
}

export type Lock = ReadonlyMap<InstanceId, LockEntry>;

/** `pipelines/NAME.yaml` → `pipelines/NAME.lock.json`; `pipelines/NAME-PROFILE.lock.json` for what a profile gave. */
export const lockPathOf = ({file, profile}: Pick<Plan, 'file' | 'profile'>): string =>
  `${file.replace(/\.ya?ml$/, '')}${profile === null ? '' : `-${profile}`}.lock.json`;

export const lockEntry = (fingerprint: Fingerprint, {outputs, metrics}: ActionResult): LockEntry => ({
  fingerprint,
  outputs: Object.fromEntries(
    Object.entries(outputs).map(([name, {kind, digest}]) => [name, {kind, digest}]),
  ),
  metrics,
});

/** The lock after a run: `fresh` lines, then `before`'s for those of `instances` that the run did not touch. */
export function mergeLock(before: Lock, instances: Iterable<InstanceId>, fresh: Lock): Lock {
  const merged = new Map<InstanceId, LockEntry>();
  for (const id of instances) {
    const entry = fresh.get(id) ?? before.get(id);
    if (entry !== undefined) merged.set(id, entry);
  }
  return merged;
}

/** The text of a lock file: JSON whose instances are one line each, so that merges touch what changed. */
export function formatLock(lock: Lock): string {
  const lines = [...lock]
    .sort((a, b) => byCodeUnit(a[0], b[0]))
    .map(([id, entry]) => `    ${JSON.stringify(id)}: ${canonicalJson(encode(entry))}`);
  return lines.length === 0
    ? '{\n  "format": 1,\n  "instances": {}\n}\n'
    : `{\n  "format": 1,\n  "instances": {\n${lines.join(',\n')}\n  }\n}\n`;
}

/** Reads a lock; an absent file is an empty one. `shown`: the path as people know it. */
export function readLock(path: string, shown: string): Result<Lock, Diagnostic> {
  try {
    return parseLock({path: shown, text: readFileSync(path, 'utf8')});
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return ok(new Map());
    const {message} = error instanceof Error ? error : {message: String(error)};
    return err(mistake('lock-file', `${shown}: ${message}`));
  }
}

/** Unknown members are passed over; what cannot be read is one diagnostic with its place. */
export function parseLock(file: SourceFile): Result<Lock, Diagnostic> {
  const conflict = /^(<{7}|={7}|>{7})/m.exec(file.text);
  if (conflict !== null) {
    const span = {file, start: conflict.index, end: conflict.index + 7};
    const hint = 'resolve the merge, or delete the file: the next run writes it again from the cache';
    return err(
      mistake('lock-conflict', 'Expected a lock file, got the markers of a merge conflict', span, {hint}),
    );
  }
  const value = parseJson(file.text);
  const span = {file, start: 0, end: 1};
  if (isJsonObject(value) && typeof value.format === 'number' && value.format !== 1) {
    const hint = 'use the version of pipe that wrote it, or delete the file: the next run writes it again';
    return err(mistake('lock-format', `Expected a lock file of format 1, got ${value.format}`, span, {hint}));
  }
  const damaged = err(
    mistake(DAMAGED, 'Expected a whole lock file, got a part of one, or something else', span, {
      hint: 'the next run writes it again from what it knows, and keeps this one beside it',
    }),
  );
  if (!isJsonObject(value) || value.format !== 1 || !isJsonObject(value.instances)) return damaged;
  const lock = new Map<InstanceId, LockEntry>();
  for (const [id, text] of Object.entries(value.instances)) {
    const entry = decode(text);
    // A line less would protect less from the sweep, and nobody would know.
    if (entry === undefined) return damaged;
    lock.set(id as InstanceId, entry);
  }
  return ok(lock);
}

const DAMAGED = 'lock-damaged';

/** True for what `readLock` says of a file that a power cut or an editor left in pieces: nobody's work, to be replaced. */
export const isDamaged = ({code}: Diagnostic): boolean => code === DAMAGED;

/** Moves a damaged lock file out of the way of a new one, and answers its path from then on. */
export function setLockAside(path: string): Result<string, StoreError> {
  try {
    for (let n = 1; ; n++) {
      const aside = `${path}.damaged${n === 1 ? '' : `-${n}`}`;
      if (existsSync(aside)) continue;
      renameSync(path, aside);
      return ok(aside);
    }
  } catch (error) {
    return err(ioError(error, path));
  }
}

/** Replaces the file in one step, and only when its text changes; true if it did. */
export function writeLock(path: string, lock: Lock): Result<boolean, StoreError> {
  try {
    const text = formatLock(lock);
    if (readIfThere(path) === text) return ok(false);
    writeAtomically(path, text, 'durable');
    return ok(true);
  } catch (error) {
    return err(ioError(error, path));
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** A folder's digest ends in `/`. */
function encode({fingerprint, outputs, metrics}: LockEntry): Json {
  const digests = Object.entries(outputs).map(([name, {kind, digest}]) => [
    name,
    kind === 'folder' ? `${digest}/` : digest,
  ]);
  return {fingerprint, metrics, outputs: Object.fromEntries(digests)};
}

function decode(value: Json): LockEntry | undefined {
  if (!isJsonObject(value) || !isJsonObject(value.outputs) || !isJsonObject(value.metrics)) return undefined;
  const {fingerprint} = value;
  if (typeof fingerprint !== 'string' || !isDigest(fingerprint)) return undefined;
  const outputs: Array<[string, {kind: Artifact['kind']; digest: Digest}]> = [];
  for (const [name, text] of Object.entries(value.outputs)) {
    if (typeof text !== 'string') return undefined;
    const digest = text.replace(/\/$/, '');
    if (!isDigest(digest)) return undefined;
    outputs.push([name, {kind: text.endsWith('/') ? 'folder' : 'file', digest}]);
  }
  const metrics: Array<[string, Metric]> = [];
  for (const [name, metric] of Object.entries(value.metrics)) {
    if (isMetric(metric)) metrics.push([name, metric]);
  }
  return {
    fingerprint: fingerprint as Fingerprint,
    outputs: Object.fromEntries(outputs),
    metrics: Object.fromEntries(metrics),
  };
}
