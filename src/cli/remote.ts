// The executor of a build farm, put together from settings: the server, the store that is its own, and what lies between
// its bytes and ours.

import {existsSync, statSync} from 'node:fs';
import {join} from 'node:path';
import type {Artifact} from '../action/action.ts';
import type {StageFailure} from '../action/outcome.ts';
import type {Digest} from '../core/digest.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {BuildContent} from '../exec/remote/build-server.ts';
import {Operations} from '../exec/remote/operations.ts';
import {RemoteExecutor} from '../exec/remote/remote-executor.ts';
import type {RootFile, RootFolder} from '../exec/remote/root-folder.ts';
import {decodeFolder, encodeFolder} from '../store/blobs/folder-blob.ts';
import {parseRemote} from '../store/remote/open-remote.ts';
import {ReapiExecution} from '../store/remote/reapi-execution.ts';
import {RemoteTier} from '../store/remote/tier.ts';
import {describeStoreError, type StoreError} from '../store/store-error.ts';
import type {NamedExecutor} from './executor-config.ts';
import {refuse} from './exit.ts';
import type {RemoteConfig} from './remote-config.ts';
import type {Shell} from './shell.ts';
import type {Workspace} from './workspace.ts';

/** Which its users install. */
export const REMOTE_PACKAGES = ['@grpc/grpc-js', '@grpc/proto-loader'];

/** What is out on servers, by the name of the executor. */
export const operationsOf = ({store}: Workspace, name: string): Operations =>
  new Operations(join(store, 'operations', name));

export function buildServerOf({outside, packageRoot}: Shell, {address}: RemoteConfig): ReapiExecution {
  const url = new URL(address);
  return new ReapiExecution({
    address: url.host,
    isSecure: url.protocol === 'grpcs:',
    instance: url.pathname.replace(/^\/+|\/+$/g, ''),
    token: outside.env.PIPE_STORE_TOKEN ?? null,
    protocol: join(packageRoot, 'data/remote-execution'),
  });
}

export function remoteExecutorOf(
  shell: Shell,
  workspace: Workspace,
  {name, config}: NamedExecutor<RemoteConfig>,
): RemoteExecutor {
  return new RemoteExecutor({
    name,
    server: buildServerOf(shell, config),
    content: buildContentOf(workspace, tierOf(shell, workspace, config)),
    operations: operationsOf(workspace, name),
    needs: {
      properties: config.properties,
      command: config.command ?? [process.execPath, join(shell.packageRoot, 'dist/cli.js')],
      setup: config.setup,
      path: config.path,
      bash: config.bash,
    },
    project: workspace.project,
    most: config.jobs,
    gpus: config.gpus,
    now: shell.outside.clock.now,
  });
}

/** The way to the server's own store: the workspace's, where that is the same. */
function tierOf(
  {outside, packageRoot}: Shell,
  {tier, project, shelf}: Workspace,
  {address}: RemoteConfig,
): RemoteTier {
  const base = (text: string): string => text.split('?')[0] ?? '';
  if (tier !== null && base(tier.address) === base(address)) return tier;
  const parsed = parseRemote(address, {project, packageRoot, token: outside.env.PIPE_STORE_TOKEN ?? null});
  return parsed.ok
    ? new RemoteTier({address: parsed.value, shelf})
    : refuse('bad-address', parsed.error, 'look at `address` of the executor');
}

/** `tier`: the server's store. Where the workspace has another one, bytes come here, and go from here. */
export function buildContentOf(workspace: Workspace, tier: RemoteTier): BuildContent {
  const {blobs, shelf} = workspace;
  const isServers = workspace.tier === tier;
  const bring = async (artifact: Artifact): Promise<Result<void, StageFailure>> => {
    const brought = isServers ? ok(undefined) : await blobs.bring(artifact);
    return brought.ok ? ok(undefined) : storeFailed(brought.error);
  };
  const folderOf = async (digest: Digest): Promise<Result<RootFolder, StageFailure>> => {
    const brought = await blobs.bringBlob(digest);
    if (!brought.ok) return storeFailed(brought.error);
    const read = blobs.read(digest);
    if (!read.ok) return storeFailed(read.error);
    const decoded = decodeFolder(read.value.toString('utf8'));
    if (decoded === undefined) return storeFailed(shelf.setAside(digest));
    const folders = new Map<string, RootFolder>();
    for (const [name, below] of decoded.folders) {
      const folder = await folderOf(below);
      if (!folder.ok) return folder;
      folders.set(name, folder.value);
    }
    return ok({files: decoded.files, folders});
  };
  return {
    bring,
    async folderOf(artifact) {
      const brought = await bring(artifact);
      return brought.ok ? folderOf(artifact.digest) : brought;
    },
    sizeOf: digest => statSync(shelf.pathOf(digest), {throwIfNoEntry: false})?.size,
    pathOf: digest => (existsSync(shelf.pathOf(digest)) ? shelf.pathOf(digest) : undefined),
    putText(text) {
      const put = blobs.putBytes(text);
      return put.ok ? put : storeFailed(put.error);
    },
    putFolder(folder) {
      const put = putFolder(workspace, folder);
      return put.ok ? put : storeFailed(put.error);
    },
    async adopt(action, result, refs) {
      const adopted = await tier.adopt(action, result, refs);
      if (!adopted.ok) return err(`${adopted.error.place}: ${adopted.error.message}`);
      for (const artifact of isServers ? [] : Object.values(result.outputs)) {
        const brought = await tier.bring(artifact);
        if (!brought.ok) return err(describeStoreError(brought.error));
      }
      return ok(undefined);
    },
  };
}

function putFolder(workspace: Workspace, {files, folders}: RootFolder): Result<Artifact, StoreError> {
  let size = 0;
  const own = new Map<string, RootFile>(files);
  for (const file of own.values()) size += file.size;
  const below = new Map<string, Digest>();
  for (const [name, folder] of folders) {
    const put = putFolder(workspace, folder);
    if (!put.ok) return put;
    below.set(name, put.value.digest);
    size += put.value.size;
  }
  const listed = workspace.blobs.putBytes(encodeFolder({files: own, folders: below}));
  return listed.ok ? ok({kind: 'folder', digest: listed.value.digest, size}) : listed;
}

const storeFailed = (error: StoreError): {readonly ok: false; readonly error: StageFailure} =>
  err({reason: 'store', message: describeStoreError(error)});
