// `pipe exec FINGERPRINT`: a pilot. Reads an action from the store, runs it here, takes its outputs in, records the
// result, and tells what happens as lines of JSON. Executors that run on other machines start it; people do not.

import {readFileSync} from 'node:fs';
import {availableParallelism} from 'node:os';
import {resolve} from 'node:path';
import type {Fingerprint} from '../../action/action.ts';
import {isDigest} from '../../core/digest.ts';
import {type Orders, type PilotMessage, parseOrders} from '../../exec/pilot.ts';
import {ProcessExecutor} from '../../exec/process-executor.ts';
import {writeAtomically} from '../../host/atomic-file.ts';
import {localExecutorOf} from '../executors.ts';
import {EXIT, type ExitCode, refuse} from '../exit.ts';
import {pilotAction} from '../piloting.ts';
import {findProject} from '../project.ts';
import type {Invocation, Options, Shell} from '../shell.ts';
import {machineOf, openWorkspace} from '../workspace.ts';

export async function exec(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const [fingerprint = ''] = args;
  if (!isDigest(fingerprint)) refuse('bad-fingerprint', `expected a fingerprint, got '${fingerprint}'`);
  const orders = ordersOf(options, outside.cwd);
  const store = options.store === undefined ? undefined : resolve(outside.cwd, options.store);
  const workspace = await openWorkspace(
    shell,
    store === undefined ? findProject(outside.cwd) : outside.cwd,
    store === undefined
      ? {}
      : {scratch: store, ...(outside.env.PIPE_STORE === undefined ? {} : {remote: outside.env.PIPE_STORE})},
  );
  const tell = (message: PilotMessage): void => outside.stdout.screen.write(`${JSON.stringify(message)}\n`);
  const abort = new AbortController();
  const release = outside.onInterrupt(() => abort.abort());
  try {
    const pass = await workspace.gate.enterRun(abort.signal);
    try {
      const processes = new ProcessExecutor({env: outside.env, cwd: workspace.project});
      const machine = machineOf(shell, Math.max(orders.limits.cpus, availableParallelism()));
      const executor = localExecutorOf(workspace, processes, machine, outside.clock.now);
      const ending = await pilotAction(
        workspace,
        executor,
        {fingerprint: fingerprint as Fingerprint, orders, variables: outside.env, waitedMs: 0},
        tell,
        abort.signal,
      ).finally(() => executor.close());
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

/** Orders are JSON, or a file that holds it, behind an `@`. */
function ordersOf({orders = '{}'}: Options, cwd: string): Orders {
  const json = orders.startsWith('@') ? readFileSync(resolve(cwd, orders.slice(1)), 'utf8') : orders;
  const read = parseOrders(json);
  return typeof read === 'string' ? refuse('bad-orders', `expected orders of an executor: ${read}`) : read;
}
