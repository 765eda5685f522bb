// The executors that are at hand everywhere: this machine's, and one that starts a pilot in an empty folder.

import assert from 'node:assert/strict';
import {mkdtempSync} from 'node:fs';
import {hostname, tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {localExecutorOf} from '../src/cli/executors.ts';
import type {Workspace} from '../src/cli/workspace.ts';
import type {Executor} from '../src/exec/executor.ts';
import {parseOrders, parsePilotMessage} from '../src/exec/pilot.ts';
import {ProcessExecutor} from '../src/exec/process-executor.ts';
import {ContractRig, executorContract} from './executor-contract.ts';
import {buildWorker} from './rig/executor-rig.ts';
import {HeldStages} from './rig/held-stages.ts';
import {LoopbackExecutor} from './rig/loopback-executor.ts';

const worker = buildWorker(mkdtempSync(join(tmpdir(), 'pipe-worker-')));

const local = (workspace: Workspace): Executor => {
  const processes = new ProcessExecutor({worker, env: process.env, cwd: workspace.project, graceMs: 200});
  const machine = {cpus: 4, memory: 2 ** 30, gpus: [], host: hostname(), platform: process.arch};
  return localExecutorOf(workspace, processes, machine, Date.now);
};
const loopback = ({store, blobs, cache}: Workspace): LoopbackExecutor =>
  new LoopbackExecutor(store, blobs, cache);

executorContract('local', local);
executorContract('loopback', loopback);

test('a pilot that dies is lost, unless it had recorded: then its work is done', async () => {
  await using held = await HeldStages.open();
  let made: LoopbackExecutor | undefined;
  await using rig = await ContractRig.open(workspace => {
    made = loopback(workspace);
    return made;
  });
  const assignment = rig.assignment(rig.action(`${held.shell('a')}; echo a > "$out_x"`));
  const running = rig.execute(assignment);
  const stage = await held.next('a');
  made?.killPilots();
  assert.deepEqual(await running, {status: 'lost', message: 'its pilot is gone'});
  // What a killed pilot had started ends with the next sweep of its machine.
  stage.release();
});

test('a pilot takes no orders that it does not understand, and hears nothing in noise', () => {
  assert.match(String(parseOrders('{"label": 1}')), /label/);
  assert.equal(parsePilotMessage('(node:1) Warning: something'), undefined);
  assert.equal(parsePilotMessage('{"type": "unheard-of"}'), undefined);
  assert.deepEqual(parsePilotMessage('{"type": "free"}'), {type: 'free'});
});
