// What a pilot does with one action: brings what it needs from the store that it shares with whoever sent it, runs it
// here, takes its outputs in, and records the result. Blobs before record, record before word.

import {
  type Action,
  type Artifact,
  digestOfVariable,
  type Fingerprint,
  isSamePlatform,
  platformHint,
  platformText,
} from '../action/action.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {Ending, Executor} from '../exec/executor.ts';
import type {Orders, PilotMessage} from '../exec/pilot.ts';
import {ownPlatform} from '../host/platform.ts';
import {decodeAction} from '../store/index/row-schema.ts';
import {type Patience, patiently} from '../store/remote/patience.ts';
import type {RemoteTier} from '../store/remote/tier.ts';
import {describeStoreError, type StoreError} from '../store/store-error.ts';
import {artifactsOf} from './fleet.ts';
import type {Workspace} from './workspace.ts';

/** What a pilot was sent. */
export interface PilotJob {
  readonly fingerprint: Fingerprint;
  readonly orders: Orders;
  /** Where declared variables are found. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** How long it had waited for a pilot. Milliseconds. */
  readonly waitedMs: number;
}

/** Secrets do not travel: a pilot has them in its own environment. */
export const secretsFrom = (own: PilotJob['variables'], {secrets}: Orders): PilotJob['variables'] =>
  Object.fromEntries(secrets.map(name => [name, own[name]]));

/** `tell` gets all but the last word, which is the answer. */
export async function pilotAction(
  workspace: Workspace,
  executor: Executor,
  {fingerprint, orders, variables, waitedMs}: PilotJob,
  tell: (message: PilotMessage) => void,
  signal: AbortSignal,
): Promise<PilotMessage> {
  const {blobs, tier} = workspace;
  const patience: Patience = {forMs: STORE_PATIENCE_MS, signal, onSilence: () => undefined};
  const bring = (work: () => Promise<Result<void, StoreError>>): Promise<Result<void, StoreError>> =>
    patiently(tier, patience, work);
  const brought = await bring(() => blobs.bringBlob(fingerprint));
  if (!brought.ok) return {type: 'lost', message: describeStoreError(brought.error)};
  const bytes = blobs.read(fingerprint);
  if (!bytes.ok) return {type: 'lost', message: describeStoreError(bytes.error)};
  const action = decodeAction(bytes.value.toString('utf8'));
  if (action === undefined) {
    return {type: 'lost', message: `the action ${fingerprint} is of another version of pipe than this one`};
  }
  if (action.platform !== null && !isSamePlatform(action.platform, ownPlatform())) {
    const here = platformText(ownPlatform());
    return {
      type: 'lost',
      message: `the action is for ${platformText(action.platform)}, this machine is ${here}; ${platformHint(ownPlatform())}`,
    };
  }
  if (tier !== null && !orders.isFresh && (await isRecorded(tier, action, patience)))
    return {type: 'done', notices: []};
  // All of it before it begins: a store that is gone for a while is no failure of the stage. What it does not have is the
  // executor's to tell.
  const all = await Promise.all(
    artifactsOf({...orders, action}).map(artifact => bring(() => bringArtifact(workspace, artifact))),
  );
  const missing = all.find(each => !each.ok);
  if (missing !== undefined && !missing.ok && tier?.isSilent === true)
    return {type: 'lost', message: describeStoreError(missing.error)};
  const env = variablesOf(action, orders, variables);
  if (!env.ok) return env.error;
  const ending = await executor.execute(
    {...orders, action, fingerprint, env: env.value, isFresh: true},
    {
      onLog: (stream, text) => tell({type: 'log', stream, text}),
      onProgress: progress => tell({type: 'progress', progress}),
      onPlaced: host => tell({type: 'placed', host}),
      onAudit: () => undefined,
      onFree: () => tell({type: 'free'}),
    },
    signal,
  );
  return conclude(
    workspace,
    {action, fingerprint, isFresh: orders.isFresh},
    waited(ending, waitedMs),
    patience,
  );
}

/** Its result says how long it waited in all. */
function waited(ending: Ending, waitedMs: number): Ending {
  if (ending.status !== 'done') return ending;
  const {result} = ending;
  const queuedMs = result.made.queuedMs + Math.max(0, Math.round(waitedMs));
  return {...ending, result: {...result, made: {...result.made, queuedMs}}};
}

/** What a stage computed may be dear: a store that does not answer is waited for. Milliseconds. */
const STORE_PATIENCE_MS = 600_000;

/**
 * Whoever sent it may have asked while the store did not answer, and a job whose pilot was taken for dead may come twice:
 * what is recorded is not made again.
 */
async function isRecorded(tier: RemoteTier, action: Action, patience: Patience): Promise<boolean> {
  const found = await patiently(tier, patience, async () => ({ok: (await tier.find(action)) !== undefined}));
  return found.ok;
}

/** A tracked file is named by its digest alone. */
const bringArtifact = ({blobs}: Workspace, artifact: Artifact): Promise<Result<void, StoreError>> =>
  artifact.size < 0 ? blobs.bringBlob(artifact.digest) : blobs.bring(artifact);

async function conclude(
  {cache, tier, checkpoints}: Workspace,
  {
    action,
    fingerprint,
    isFresh,
  }: {readonly action: Action; readonly fingerprint: Fingerprint; readonly isFresh: boolean},
  ending: Ending,
  patience: Patience,
): Promise<PilotMessage> {
  if (ending.status === 'cancelled') return {type: 'cancelled'};
  if (ending.status === 'lost') return {type: 'lost', message: ending.message};
  if (ending.status === 'failed') {
    const {failure, logTail, log, advice} = ending;
    if (log !== null) await tier?.sendArtifacts([{kind: 'file', digest: log, size: -1}]);
    return {type: 'failed', failure, logTail, log, advice};
  }
  const recorded = await cache.record(action, ending.result);
  if (!recorded.ok) return {type: 'lost', message: describeStoreError(recorded.error)};
  if (tier !== null) {
    const {result} = ending;
    const how = isFresh ? 'replace' : 'new';
    const sent = await patiently(tier, patience, () => tier.send(action, result, how));
    if (!sent.ok) return {type: 'lost', message: `${sent.error.place}: ${sent.error.message}`};
  }
  checkpoints.drop(fingerprint);
  return {type: 'done', notices: ending.notices};
}

/** The declared variables, as the action names them. */
function variablesOf(
  {env}: Action,
  {secrets}: Orders,
  own: Readonly<Record<string, string | undefined>>,
): Result<Record<string, string>, PilotMessage> {
  const values: Record<string, string> = {};
  for (const [name, digest] of Object.entries(env)) {
    const value = own[name];
    if (digest === 'secret') {
      if (value !== undefined) values[name] = value;
      else if (secrets.includes(name))
        return err(missingVariable(`the secret ${name} in its environment`, value));
      continue;
    }
    if ((value === undefined ? null : digestOfVariable(value)) !== digest) {
      return err(missingVariable(`the variable ${name} as the action names it`, value));
    }
    if (value !== undefined) values[name] = value;
  }
  return ok(values);
}

function missingVariable(what: string, value: string | undefined): PilotMessage {
  const message = `expected ${what}, got ${value === undefined ? 'none' : 'another value'}`;
  const hint = 'it has to be set on the machine where the stage runs';
  return {
    type: 'failed',
    failure: {reason: 'mistake', message, hint},
    logTail: [],
    log: null,
    advice: null,
  };
}
