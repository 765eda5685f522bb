// Executors whose pilots are elsewhere keep the contract of all executors; pilots and coordinators that die lose nothing.

import assert from 'node:assert/strict';
import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, test} from 'node:test';
import {fleetStoreOf} from '../src/cli/fleet.ts';
import type {Workspace} from '../src/cli/workspace.ts';
import {FleetExecutor} from '../src/exec/fleet/fleet-executor.ts';
import {Post} from '../src/exec/fleet/post.ts';
import {parseRemote} from '../src/store/remote/open-remote.ts';
import {RemoteTier} from '../src/store/remote/tier.ts';
import {ContractRig, executorContract} from './executor-contract.ts';
import {HandPilots} from './rig/hand-pilots.ts';
import {HeldStages} from './rig/held-stages.ts';
import {packageRoot} from './rig/project-rig.ts';

const base = mkdtempSync(join(tmpdir(), 'pipe-fleet-'));
after(() => rmSync(base, {recursive: true, force: true}));
let shares = 0;

interface Fleet {
  readonly executor: FleetExecutor;
  readonly pilots: HandPilots;
  readonly post: Post;
}

/** `silentMs`: after which a pilot counts as lost. */
function fleetOf(
  workspace: Workspace,
  share = join(base, `share-${shares++}`),
  silentMs = 60_000,
  pilotEnv: Readonly<Record<string, string>> = {},
): Fleet {
  const address = parseRemote(join(share, 'store'), {project: workspace.project, packageRoot, token: null});
  assert.ok(address.ok);
  const tier = new RemoteTier({address: address.value, shelf: workspace.shelf});
  const post = new Post(join(share, 'post'));
  const pilots = new HandPilots(post.folder, join(share, 'store'), pilotEnv);
  const store = fleetStoreOf(workspace, tier, () => undefined);
  const executor = new FleetExecutor({
    post,
    starter: pilots,
    most: 10,
    gpus: 0,
    silentMs,
    now: Date.now,
    notice: text => assert.fail(text),
    store: {
      send: (assignment, signal) => store.send(assignment, signal),
      adviceOn: (action, failure, logTail) => store.adviceOn(action, failure, logTail),
      bringLog: log => store.bringLog(log),
      // The contract looks at blobs as if they were here.
      async find(assignment) {
        const result = await store.find(assignment);
        for (const artifact of Object.values(result?.outputs ?? {})) await tier.bring(artifact);
        if (result !== undefined) await tier.bringBlob(result.log);
        return result;
      },
    },
  });
  return {executor, pilots, post};
}

test('a secret does not go through the post: a pilot has its own, or says that it lacks it', async () => {
  const SECRET = 'swordfish-of-the-pilot';
  const share = join(base, `share-${shares++}`);
  await using rig = await ContractRig.open(
    workspace => fleetOf(workspace, share, undefined, {HAD: SECRET}).executor,
  );
  const command = 'echo "of $HAD"; echo "${#HAD}" > "$out_x"';
  const had = rig.assignment(rig.action(command, {env: {HAD: 'secret'}}), {
    env: {HAD: 'swordfish-of-the-sender'},
  });
  const {result} = await rig.done(had);
  assert.equal(rig.outputOf(result), `${SECRET.length}\n`);
  assert.equal(rig.read(result.log), 'of ***\n');
  const lacked = rig.action(command, {env: {HAD: null, LACKED: 'secret'}});
  const ending = await rig.execute(rig.assignment(lacked, {env: {LACKED: 'swordfish-of-the-sender'}}));
  assert.match(JSON.stringify(ending), /expected the secret LACKED in its environment, got none/);
  for (const entry of readdirSync(share, {withFileTypes: true, recursive: true})) {
    if (!entry.isFile()) continue;
    const bytes = readFileSync(join(entry.parentPath, entry.name));
    assert.ok(!bytes.includes('swordfish'), entry.name);
  }
});

executorContract('a fleet', workspace => fleetOf(workspace).executor);

test('a pilot that is told to leave puts its job back, and the next one goes on from the checkpoint', async () => {
  await using held = await HeldStages.open();
  let fleet: Fleet | undefined;
  await using rig = await ContractRig.open(workspace => {
    fleet = fleetOf(workspace);
    return fleet.executor;
  });
  const action = rig.action(
    `if test -e "$checkpoint/at"; then cat "$checkpoint/at" > "$out_x"; else echo 7 > "$checkpoint/at"; ${held.shell('a')}; fi`,
  );
  const running = rig.done(rig.assignment(action, {keepsCheckpoint: true}));
  await held.next('a');
  for (const pilot of fleet?.pilots.pilots ?? []) pilot.kill('SIGTERM');
  assert.equal(rig.outputOf((await running).result), '7\n');
});

test('a coordinator that dies leaves its jobs to the next one, which attaches', async () => {
  await using held = await HeldStages.open();
  let first: Fleet | undefined;
  const share = join(base, 'attach');
  await using rig = await ContractRig.open(workspace => {
    first = fleetOf(workspace, share);
    return first.executor;
  });
  const assignment = rig.assignment(rig.action(`${held.shell('a')}; echo made > "$out_x"`));
  const abandoned = rig.execute(assignment);
  const stage = await held.next('a');
  const second = fleetOf(rig.workspace, share);
  const listener = {
    onLog: () => {},
    onProgress: () => {},
    onAudit: () => {},
    onFree: () => {},
    onPlaced: () => {},
  };
  const attached = second.executor.attach(assignment, listener, new AbortController().signal);
  stage.release();
  const ending = await attached;
  assert.ok(ending?.status === 'done', JSON.stringify(ending));
  await abandoned;
  assert.equal(
    await second.executor.attach(assignment, listener, new AbortController().signal),
    undefined,
    'there is nothing left to attach to',
  );
  await second.executor.close();
});

test('a pilot that shows no sign of life is lost with what it had, and that is said', async () => {
  let fleet: Fleet | undefined;
  await using rig = await ContractRig.open(workspace => {
    fleet = fleetOf(workspace, join(base, 'ghost'), 5_000);
    return fleet.executor;
  });
  const running = rig.execute(rig.assignment(rig.action('true')));
  // Taken by a pilot that is gone at once, before any other is up.
  while (fleet?.post.take('any', 'ghost') === undefined) await new Promise(resolve => setImmediate(resolve));
  assert.deepEqual(await running, {status: 'lost', message: 'its pilot ghost shows no sign of life'});
});

test('what a pilot recorded after somebody had looked for it is found, and not made again', async () => {
  let fleet: Fleet | undefined;
  await using rig = await ContractRig.open(workspace => {
    fleet = fleetOf(workspace, join(base, 'recorded'));
    return fleet.executor;
  });
  const assignment = rig.assignment(rig.action('echo made > "$out_x"'));
  await rig.done(assignment);
  // As it stands when its coordinator died before it heard of the end.
  fleet?.post.tell(assignment.fingerprint, 'p0', {type: 'done', notices: []});
  const listener = {
    onLog: () => {},
    onProgress: () => {},
    onPlaced: () => {},
    onAudit: () => {},
    onFree: () => {},
  };
  const {signal} = new AbortController();
  const fresh = {...assignment, isFresh: true};
  assert.equal(
    await fleet?.executor.attach(fresh, listener, signal),
    undefined,
    'unless it was asked for anew',
  );
  const found = await fleet?.executor.attach(assignment, listener, signal);
  assert.ok(found?.status === 'done', JSON.stringify(found));
});
