// The parts of a project that commands work with, put together: the store, the ledger, code, and this machine.
// Opening is cheap: databases and bundlers are loaded by the parts themselves when they are needed.

import {readdirSync, realpathSync} from 'node:fs';
import {availableParallelism, hostname, totalmem} from 'node:os';
import {join, resolve} from 'node:path';
import {printable} from '../core/printable.ts';
import {ownPlatform} from '../host/platform.ts';
import type {Machine} from '../run/request.ts';
import {BlobShelf} from '../store/blobs/blob-shelf.ts';
import {DiskBlobStore} from '../store/blobs/blob-store.ts';
import {FileStateCache} from '../store/blobs/file-state.ts';
import {Checkpoints} from '../store/claims/checkpoint.ts';
import {ClaimTable} from '../store/claims/claim.ts';
import {RunGate} from '../store/claims/run-gate.ts';
import {KeyvActionCache} from '../store/index/action-cache.ts';
import {parseIndexPlace} from '../store/index/index-server.ts';
import {KnownValues} from '../store/index/known-values.ts';
import {Ledger} from '../store/ledger/ledger.ts';
import {parseRemote} from '../store/remote/open-remote.ts';
import {RemoteTier} from '../store/remote/tier.ts';
import {TieredActionCache} from '../store/remote/tiered-action-cache.ts';
import type {ActionCache, BlobStore, FileStates} from '../store/store.ts';
import {type Code, openCode} from './code.ts';
import {type Config, readConfig} from './config.ts';
import {NO_EXECUTORS} from './executor-config.ts';
import {refuse} from './exit.ts';
import type {Shell} from './shell.ts';

export interface Workspace {
  /** Absolute, without symbolic links. */
  readonly project: string;
  /** The store's folder, absolute. */
  readonly store: string;
  readonly config: Config;
  readonly shelf: BlobShelf;
  readonly blobs: BlobStore;
  readonly files: FileStates;
  /** This machine's own, or the one that a team shares by a server of rows. */
  readonly cache: KeyvActionCache;
  /** What runs and answers ask: `cache`, and the store elsewhere behind it. */
  readonly results: ActionCache;
  readonly tier: RemoteTier | null;
  readonly values: KnownValues;
  readonly claims: ClaimTable;
  readonly checkpoints: Checkpoints;
  readonly ledger: Ledger;
  readonly gate: RunGate;
  readonly code: Code;
  /** The environment of the command line. */
  readonly env: Shell['outside']['env'];
}

/** Other places than the project's own. */
export interface Places {
  /** A store to work with instead of `cache/`, absolute; what settings say of shared ones is for projects alone. */
  readonly scratch?: string;
  /** The store elsewhere, beside a scratch one. */
  readonly remote?: string;
  /** Where checkpoints are kept, absolute. */
  readonly checkpoints?: string;
  /** The executor that the command line asks for. */
  readonly executor?: string;
}

export async function openWorkspace(
  {outside, packageRoot}: Shell,
  folder: string,
  {scratch, remote, checkpoints, executor}: Places = {},
): Promise<Workspace> {
  const {clock} = outside;
  const project = realpathSync(folder);
  const store = scratch ?? join(project, 'cache');
  const config = await readConfig(project, outside);
  const place =
    config.cache === null || scratch !== undefined
      ? {kind: 'local' as const, folder: store}
      : parseIndexPlace(config.cache);
  if (place === undefined) {
    return refuse('bad-cache', `expected redis://… or postgres://… for the cache, got '${config.cache}'`);
  }
  const openTier = (address: string): RemoteTier => {
    const token = outside.env.PIPE_STORE_TOKEN ?? null;
    const parsed = parseRemote(address, {project, packageRoot, token});
    return parsed.ok ? new RemoteTier({address: parsed.value, shelf}) : refuse('bad-store', parsed.error);
  };
  const ledger = new Ledger(store);
  const files = new FileStateCache(join(store, 'files.journal'), clock.now);
  const shelf = new BlobShelf(store);
  const elsewhere = scratch === undefined ? sharedStoreOf(config, executor) : (remote ?? null);
  const tier = elsewhere === null ? null : openTier(elsewhere);
  const blobs = new DiskBlobStore(shelf, files, tier);
  const cache = new KeyvActionCache(place, blobs, {
    remembered: () => ledger.remembered(),
    onMended: sentence => outside.stderr.screen.write(`! ${sentence}\n`),
  });
  const tellNotice = (notice: string): void => outside.stderr.screen.write(`note: ${printable(notice)}\n`);
  return {
    project,
    store,
    config,
    shelf,
    blobs,
    files,
    cache,
    results: tier === null ? cache : new TieredActionCache(cache, tier),
    tier,
    values: new KnownValues(store),
    claims: new ClaimTable(store),
    checkpoints: new Checkpoints(checkpoints ?? store),
    ledger,
    gate: new RunGate(store),
    code: openCode({
      project,
      store,
      packageRoot,
      files,
      blobs,
      python: {program: config.python, path: config.pythonPath, env: outside.env, onNotice: tellNotice},
      onNotice: tellNotice,
    }),
    env: outside.env,
  };
}

/** Nodes of a cluster need a store that they share, where none is named. */
function sharedStoreOf({store, executors}: Config, executor: string | undefined): string | null {
  if (store !== null) return store;
  const used = [executor, executors.otherwise, ...executors.byProfile.values()].flatMap(name =>
    name === undefined ? [] : (executors.byName.get(name) ?? []),
  );
  const own = [...executors.byName.values()].filter(each => !NO_EXECUTORS.byName.has(each.name));
  for (const {config} of [...used, ...own]) {
    if (config.kind === 'slurm') return `${config.share}/shared`;
    if (config.kind === 'remote' && config.address !== '') return config.address;
  }
  return null;
}

/** What this machine gives to a run. `jobs`: CPU slots where the user said how many. */
export function machineOf({outside}: Shell, jobs: number | undefined): Machine {
  return {
    cpus: jobs ?? availableParallelism(),
    memory: totalmem(),
    gpus: gpusOf(outside.env.CUDA_VISIBLE_DEVICES),
    host: hostname(),
    platform: `${process.platform} ${process.arch}, node ${process.versions.node}`,
    system: ownPlatform(),
  };
}

/** Device files say how many GPUs there are, without loading a driver. */
function gpusOf(visible: string | undefined): number[] {
  if (visible !== undefined) {
    return visible
      .split(',')
      .map(id => id.trim())
      .filter(id => /^\d+$/.test(id))
      .map(Number);
  }
  if (process.platform !== 'linux') return [];
  return readdirSync('/dev')
    .flatMap(name => /^nvidia(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** A path of the command line, absolute. */
export const fromCwd = ({outside}: Shell, path: string): string => resolve(outside.cwd, path);
