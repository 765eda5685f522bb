// Writes what a run gave into the pipeline's lock file. One in pieces (a power cut) is written again from what is known,
// and kept beside; one that somebody is working on (a merge) is left alone.

import {basename, dirname, resolve} from 'node:path';
import {removeStaleSiblings} from '../host/atomic-file.ts';
import type {InstanceId, Plan} from '../plan/plan.ts';
import {paletteOf} from '../report/palette.ts';
import type {RunSummary} from '../run/request.ts';
import {
  isDamaged,
  type Lock,
  type LockEntry,
  lockEntry,
  lockPathOf,
  mergeLock,
  readLock,
  setLockAside,
  writeLock,
} from '../store/ledger/lock-file.ts';
import {describeStoreError} from '../store/store-error.ts';
import type {Pipeline} from './pipeline.ts';
import type {Shell} from './shell.ts';

export function lockResults({outside}: Shell, pipeline: Pipeline, summary: RunSummary): void {
  const {workspace, plan} = pipeline;
  const shown = lockPathOf(plan);
  const path = resolve(workspace.project, shown);
  const warn = (text: string): void =>
    outside.stderr.screen.write(`${paletteOf(outside.stderr.colors).warning('!')} ${text}\n`);
  const read = readLock(path, shown);
  let before: Lock;
  if (read.ok) before = read.value;
  else if (isDamaged(read.error)) {
    const aside = setLockAside(path);
    if (!aside.ok) {
      warn(`${shown} is damaged, and cannot be replaced: ${describeStoreError(aside.error)}`);
      return;
    }
    warn(`${shown} was damaged: written again from what is known; the old one is ${basename(aside.value)}`);
    before = knownResults(pipeline, summary.plan);
  } else {
    const {message, hint} = read.error;
    warn(`${shown} is left as it is: ${message}${hint === undefined ? '' : `; ${hint}`}`);
    return;
  }
  const fresh = new Map<InstanceId, LockEntry>();
  for (const [id, outcome] of summary.outcomes) {
    if (outcome.status !== 'executed' && outcome.status !== 'cached') continue;
    fresh.set(id, lockEntry(outcome.fingerprint, outcome.result));
  }
  const ids = summary.plan.instances.map(({id}) => id);
  const written = writeLock(path, mergeLock(before, ids, fresh));
  // What a killed run had begun to write there is no file of anybody's repository.
  removeStaleSiblings(dirname(path), workspace.store);
  if (!written.ok) warn(`the lock file could not be written: ${describeStoreError(written.error)}`);
}

/** The last result of each instance, as the ledger has it. */
function knownResults({workspace}: Pipeline, plan: Plan): Lock {
  const known = new Map<InstanceId, LockEntry>();
  for (const {id} of plan.instances) {
    const last = workspace.ledger.last(plan.pipeline, id);
    if (last?.result !== undefined && last.resultOf !== undefined) {
      known.set(id, lockEntry(last.resultOf, last.result));
    }
  }
  return known;
}
