// Stages on a real server of the Remote Execution API keep the contract of all executors; coordinators and servers that
// die lose nothing, and bytes stay on the server until somebody asks for them.

import assert from 'node:assert/strict';
import {join} from 'node:path';
import {after, test} from 'node:test';
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
import {packageRoot} from './rig/project-rig.ts';
import {startRemoteExecution} from './rig/servers.ts';

const farm = await startRemoteExecution([packageRoot, process.execPath]);
after(() => farm?.[Symbol.asyncDispose]());

/** The network is there for stages that a test holds. */
const configOf = (address: string): RemoteConfig => ({
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
  test('the contract of executors', {skip: 'buildbox-casd is not installed'}, () => {});
} else {
  const {url} = farm;
  executorContract('a build farm', workspace => executorOf(workspace, url), {
    host: 'buildbox',
    keepsCheckpoints: false,
  });
}
