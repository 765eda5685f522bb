// `pipe exec FINGERPRINT`: a pilot. Reads an action from the store, runs it here, takes its outputs in, records the
// result, and tells what happens as lines of JSON. Executors that run on other machines start it; people do not.

import {readFileSync} from 'node:fs';
import {availableParallelism} from 'node:os';
import {resolve} from 'node:path';
import {type Action, digestOfVariable, type Fingerprint} from '../../action/action.ts';
import {isDigest} from '../../core/digest.ts';
import {err, ok, type Result} from '../../core/result.ts';
import type {Ending} from '../../exec/executor.ts';
import {type Orders, type PilotMessage, parseOrders} from '../../exec/pilot.ts';
import {ProcessExecutor} from '../../exec/process-executor.ts';
import {writeAtomically} from '../../host/atomic-file.ts';
import {decodeAction} from '../../store/index/row-schema.ts';
import {describeStoreError} from '../../store/store-error.ts';
import {localExecutorOf} from '../executors.ts';
import {EXIT, type ExitCode, refuse} from '../exit.ts';
import {findProject} from '../project.ts';
import type {Invocation, Options, Shell} from '../shell.ts';
import {machineOf, openWorkspace, type Workspace} from '../workspace.ts';

export async function exec(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const [fingerprint = ''] = args;
  if (!isDigest(fingerprint)) refuse('bad-fingerprint', `expected a fingerprint, got '${fingerprint}'`);
  const orders = ordersOf(options, outside.cwd);
  const store = options.store === undefined ? undefined : resolve(outside.cwd, options.store);
  const workspace = await openWorkspace(
    shell,
    store === undefined ? findProject(outside.cwd) : outside.cwd,
    store,
  );
  const tell = (message: PilotMessage): void => outside.stdout.screen.write(`${JSON.stringify(message)}\n`);
  const abort = new AbortController();
  const release = outside.onInterrupt(() => abort.abort());
  try {
    const pass = await workspace.gate.enterRun(abort.signal);
    try {
      const ending = await pilot(shell, workspace, fingerprint as Fingerprint, orders, tell, abort.signal);
      if (options.ending !== undefined) {
        writeAtomically(resolve(outside.cwd, options.ending), `${JSON.stringify(ending)}\n`);
      }
      tell(ending);
      return ending.type === 'done' ? EXIT.ok : ending.type === 'cancelled' ? EXIT.interrupted : EXIT.failed;
    } finally {
      pass?.leave();
    }
  } finally {
    release();
    await workspace.results.close();
  }
}

async function pilot(
  shell: Shell,
  workspace: Workspace,
  fingerprint: Fingerprint,
  orders: Orders,
  tell: (message: PilotMessage) => void,
  signal: AbortSignal,
): Promise<PilotMessage> {
  const {outside} = shell;
  const brought = await workspace.blobs.bringBlob(fingerprint);
  const bytes = brought.ok ? workspace.blobs.read(fingerprint) : brought;
  if (!bytes.ok) return {type: 'lost', message: describeStoreError(bytes.error)};
  const action = decodeAction(bytes.value.toString('utf8'));
  if (action === undefined) {
    return {type: 'lost', message: `the action ${fingerprint} is of another version of pipe than this one`};
  }
  const env = variablesOf(action, outside.env);
  if (!env.ok) return env.error;
  const processes = new ProcessExecutor({env: outside.env, cwd: workspace.project});
  const machine = machineOf(shell, Math.max(orders.limits.cpus, availableParallelism()));
  const executor = localExecutorOf(workspace, processes, machine, outside.clock.now);
  try {
    const ending = await executor.execute(
      {...orders, action, fingerprint, env: env.value},
      {
        onLog: (stream, text) => tell({type: 'log', stream, text}),
        onProgress: progress => tell({type: 'progress', progress}),
        onFree: () => tell({type: 'free'}),
      },
      signal,
    );
    return await conclude(workspace, action, fingerprint, ending);
  } finally {
    await executor.close();
  }
}

/** Blobs before record, record before word. */
async function conclude(
  {results, tier, checkpoints}: Workspace,
  action: Action,
  fingerprint: Fingerprint,
  ending: Ending,
): Promise<PilotMessage> {
  if (ending.status === 'cancelled') return {type: 'cancelled'};
  if (ending.status === 'lost') return {type: 'lost', message: ending.message};
  if (ending.status === 'failed') {
    const {failure, logTail, log, advice} = ending;
    return {type: 'failed', failure, logTail, log, advice};
  }
  const recorded = await results.record(action, ending.result);
  if (!recorded.ok) return {type: 'lost', message: describeStoreError(recorded.error)};
  // Whoever sent the action may have no other way to the result.
  await tier?.flush();
  checkpoints.drop(fingerprint);
  return {type: 'done', notices: ending.notices};
}

/** The declared variables, as the action names them. */
function variablesOf(
  {env}: Action,
  own: Readonly<Record<string, string | undefined>>,
): Result<Record<string, string>, PilotMessage> {
  const values: Record<string, string> = {};
  for (const [name, digest] of Object.entries(env)) {
    const value = own[name];
    if ((value === undefined ? null : digestOfVariable(value)) !== digest) {
      const message = `expected the variable ${name} as the action names it, got ${value === undefined ? 'none' : 'another value'}`;
      return err({
        type: 'failed',
        failure: {reason: 'mistake', message, hint: 'the executor has to hand it on to where the stage runs'},
        logTail: [],
        log: null,
        advice: null,
      });
    }
    if (value !== undefined) values[name] = value;
  }
  return ok(values);
}

/** Orders are JSON, or a file that holds it, behind an `@`. */
function ordersOf({orders = '{}'}: Options, cwd: string): Orders {
  const json = orders.startsWith('@') ? readFileSync(resolve(cwd, orders.slice(1)), 'utf8') : orders;
  const read = parseOrders(json);
  return typeof read === 'string' ? refuse('bad-orders', `expected orders of an executor: ${read}`) : read;
}
