// Stages on a real server of the Remote Execution API keep the contract of all executors; coordinators and servers that
// die lose nothing, and bytes stay on the server until somebody asks for them.

import assert from 'node:assert/strict';
import {join} from 'node:path';
import {after, test} from 'node:test';
import {LIKE_HERE} from '../src/cli/away-config.ts';
import {buildContentOf, buildServerOf} from '../src/cli/remote.ts';
import type {RemoteConfig} from '../src/cli/remote-config.ts';
import {surroundingsOf} from '../src/cli/surroundings.ts';
import type {Workspace} from '../src/cli/workspace.ts';
import type {Ending, Executor} from '../src/exec/executor.ts';
import {Operations} from '../src/exec/remote/operations.ts';
import {RemoteExecutor} from '../src/exec/remote/remote-executor.ts';
import {parseRemote} from '../src/store/remote/open-remote.ts';
import {RemoteTier} from '../src/store/remote/tier.ts';
import {executorContract} from './executor-contract.ts';
import {CliProject} from './rig/cli-project.ts';
import {HeldStages} from './rig/held-stages.ts';
import {packageRoot} from './rig/project-rig.ts';
import {startRemoteExecution} from './rig/servers.ts';
import {writeSmallStudy} from './rig/small-study.ts';

const farm = await startRemoteExecution([packageRoot, process.execPath]);
after(() => farm?.[Symbol.asyncDispose]());

/** The network is there for stages that a test holds. */
const configOf = (address: string): RemoteConfig => ({
  ...LIKE_HERE,
  kind: 'remote',
  address,
  properties: {network: 'on'},
  command: null,
  setup: '',
  path: '/usr/bin:/bin',
  bash: '/bin/bash',
  jobs: 4,
});

function executorOf(workspace: Workspace, address: string): Executor {
  const shell = {outside: surroundingsOf(process), version: '0.0.0', packageRoot, argv: []};
  const parsed = parseRemote(address, {project: workspace.project, packageRoot, token: null});
  assert.ok(parsed.ok);
  const tier = new RemoteTier({address: parsed.value, shelf: workspace.shelf});
  const config = configOf(address);
  const server = buildServerOf(shell, config);
  const executor = new RemoteExecutor({
    name: 'farm',
    server,
    content: buildContentOf(workspace, tier),
    operations: new Operations(join(workspace.store, 'operations')),
    needs: {...config, command: [process.execPath, join(packageRoot, 'dist/cli.js')]},
    project: workspace.project,
    most: 4,
    gpus: 0,
    now: Date.now,
  });
  const brought = async (running: Promise<Ending | undefined>): Promise<Ending | undefined> => {
    const ending = await running;
    // The contract looks at blobs as if they were here.
    if (ending?.status === 'done') {
      for (const artifact of Object.values(ending.result.outputs)) await tier.bring(artifact);
    }
    return ending;
  };
  return {
    capabilities: () => executor.capabilities(),
    room: () => executor.room(),
    execute: async (...told) => (await brought(executor.execute(...told))) ?? assert.fail(),
    attach: (...told) => brought(executor.attach(...told)),
    sweep: () => executor.sweep(),
    rest: () => executor.rest(),
    async close() {
      await executor.close();
      await tier.close();
      server.close();
    },
  };
}

if (farm === undefined) {
  test('stages on a build farm', {skip: 'buildbox-casd is not installed'}, () => {});
} else {
  const {url} = farm;
  executorContract('a build farm', workspace => executorOf(workspace, url), {
    keepsCheckpoints: false,
    runsPython: false,
  });

  // For a machine that is ten times slower than an idle one.
  const patience = {timeout: 300_000};

  test(
    'a study on a build farm gives the bytes of a local run, and fetches what is read',
    patience,
    async () => {
      using here = new CliProject();
      writeSmallStudy(here);
      await here.expect(0, 'run', 'study');
      using there = new FarmProject(url);
      writeSmallStudy(there);
      const ran = await there.pipe('run', 'study');
      assert.equal(ran.code, 0, ran.stdout + ran.stderr);
      assert.equal(there.read('pipelines/study.lock.json'), here.read('pipelines/study.lock.json'));
      assert.equal(there.read('results/study/table.md'), here.read('results/study/table.md'));
      const shown = await there.expect(0, 'show', 'study', 'table', '--json');
      assert.match(shown, /"executor": "farm"/);
      // A second clone: everything is known, and nothing is made.
      using clone = new FarmProject(url);
      writeSmallStudy(clone);
      assert.match(await clone.expect(0, 'run', 'study'), /nothing to do: 13 cached/);
      assert.equal(clone.read('results/study/table.md'), here.read('results/study/table.md'));
    },
  );

  test(
    'doctor has it run something, and what it can never run is told before anything runs',
    patience,
    async () => {
      using there = new FarmProject(url);
      there.write(
        'pipelines/study.yaml',
        `pipeline: study
stages:
  first: {run: 'echo one > "$out_x"', out: {x: x}}
  token: {run: 'echo two > "$out_x"', in: {first: first}, env: {PIPE_T_TOKEN: secret}, out: {x: x}}
`,
      );
      assert.match(await there.expect(0, 'doctor'), /farm +grpc:\/\/\S+ runs commands; a worker has \S+/);
      const env = {PIPE_T_TOKEN: 'a-long-enough-one'};
      const refused = await there.start(['run', 'study'], {env}).ended;
      assert.equal(refused.code, 2, refused.stdout + refused.stderr);
      assert.match(
        refused.stderr,
        /error\[cannot-run-there\]: expected a stage without secrets for farm[^\n]*\n +--> \S+:4:/,
      );
      assert.doesNotMatch(refused.stdout, /first/, 'nothing ran');
    },
  );

  test('folders come back as they were made, and go to the next stage', patience, async () => {
    using there = new FarmProject(url);
    there.write(
      'pipelines/study.yaml',
      `
pipeline: study
stages:
  tree:
    run: mkdir -p "$out_tree/a/b"; echo one > "$out_tree/a/one"; echo '#!/bin/sh' > "$out_tree/a/b/go"; chmod +x "$out_tree/a/b/go"
    out: {tree: tree/}
  count:
    run: cat "$in_tree"/a/one > "$out_n"; test -x "$in_tree/a/b/go"; echo '{"n":3}' > "$metrics"
    in: {tree: tree.tree}
    out: {n: n.txt}
    publish: results/study
`,
    );
    const ran = await there.pipe('run', 'study');
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    const remote = there.read('pipelines/study.lock.json');
    there.write('pipe.config.yaml', '');
    await there.expect(0, 'run', 'study', '--force');
    assert.equal(there.read('pipelines/study.lock.json'), remote, 'the same digests as here');
  });

  test('a coordinator that is killed: the next one listens to what goes on', patience, async () => {
    await using held = await HeldStages.open();
    using there = new FarmProject(url);
    there.writeSlow(held);
    const first = there.start(['run', 'study']);
    const stage = await held.next('slow');
    first.kill('SIGKILL');
    await first.ended;
    const second = there.start(['run', 'study', '--explain']);
    // Not before it has been taken up again: what ended in between would be found by its record alone.
    await second.until(/slow/);
    stage.release();
    const {code, stdout, stderr} = await second.ended;
    assert.equal(code, 0, stdout + stderr);
    assert.equal(there.read('results/study/n.txt'), 'made\n');
    assert.deepEqual(held.history, ['slow'], 'it was made once');
  });

  test('a run that is cancelled ends what runs on the server', patience, async () => {
    await using held = await HeldStages.open();
    using there = new FarmProject(url);
    there.writeSlow(held);
    const running = there.start(['run', 'study']);
    const stage = await held.next('slow');
    running.interrupt();
    await running.until(/again/);
    running.interrupt();
    await stage.gone;
    assert.equal((await running.ended).code, 130);
  });

  // The last: whatever is on the server dies with it.
  test('a server that is killed and comes back costs no attempt', patience, async () => {
    await using held = await HeldStages.open();
    using there = new FarmProject(url);
    there.writeSlow(held);
    const running = there.start(['run', 'study']);
    const stage = await held.next('slow');
    await farm.kill();
    await stage.gone;
    await farm.start();
    (await held.next('slow')).release();
    const {code, stdout, stderr} = await running.ended;
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /was lost and is tried again/);
    assert.equal(there.read('results/study/n.txt'), 'made\n');
  });
}

/** A project whose stages run on the farm. */
class FarmProject extends CliProject {
  constructor(address: string) {
    super();
    this.write(
      'pipe.config.yaml',
      `executor: farm
executors:
  farm: {kind: remote, address: "${address}", properties: {network: "on"}}
`,
    );
  }

  writeSlow(held: HeldStages): void {
    this.write(
      'pipelines/study.yaml',
      `
pipeline: study
stages:
  slow:
    run: ${JSON.stringify(`${held.shell('slow')}; echo made >> "$out_n"`)}
    out: {n: n.txt}
    publish: results/study
`,
    );
  }
}
