// Executors of more than this machine, put together from settings: the post office, the store that is shared with
// pilots, and what starts pilots.

import {join, resolve} from 'node:path';
import {type Action, type Artifact, actionText} from '../action/action.ts';
import {err, ok} from '../core/result.ts';
import {artifactsOfCard} from '../exec/content-store.ts';
import type {Assignment} from '../exec/executor.ts';
import {FleetExecutor} from '../exec/fleet/fleet-executor.ts';
import {Post} from '../exec/fleet/post.ts';
import {pilotJobName, SlurmStarter} from '../exec/fleet/slurm.ts';
import {Squeue} from '../exec/fleet/squeue.ts';
import type {PilotStore} from '../exec/last-word.ts';
import {adviceOn} from '../exec/undeclared.ts';
import {type Patience, patiently} from '../store/remote/patience.ts';
import type {RemoteTier} from '../store/remote/tier.ts';
import {describeStoreError} from '../store/store-error.ts';
import type {NamedExecutor} from './executor-config.ts';
import {refuse} from './exit.ts';
import type {Shell} from './shell.ts';
import type {SlurmConfig} from './slurm-config.ts';
import type {Workspace} from './workspace.ts';

/** Jobs in flight at once: what is beyond waits here, in the order of the critical path. */
const MOST_JOBS = 2_000;

/** How long a store that does not answer is waited for, before its jobs count as lost. Milliseconds. */
const STORE_PATIENCE_MS = 60_000;
const NEVER = new AbortController().signal;

/** Where the post office of an executor is: pilots of one take no jobs of another. */
export const postOf = (workspace: Workspace, {name, config}: NamedExecutor<SlurmConfig>): Post =>
  new Post(join(resolve(workspace.project, config.share), 'post', name));

/** For all Slurm executors of the settings. */
export function squeueOf({outside}: Shell, workspace: Workspace): Squeue {
  const names = [...workspace.config.executors.byName.values()].flatMap(({name, config}) =>
    config.kind === 'slurm' ? [pilotJobName(postOf(workspace, {name, config}).folder)] : [],
  );
  return new Squeue(names, outside.clock.now);
}

/** `notice`: what people should know while jobs are out. */
export function slurmExecutorOf(
  shell: Shell,
  workspace: Workspace,
  named: NamedExecutor<SlurmConfig>,
  squeue: Squeue,
  notice: (text: string) => void,
): FleetExecutor {
  const {outside, packageRoot} = shell;
  const {name, config} = named;
  const {tier} = workspace;
  if (tier === null) {
    return refuse(
      'no-store',
      'expected a store that the nodes share',
      'say `store: FOLDER` in pipe.config.yaml',
    );
  }
  const post = postOf(workspace, named);
  const starter = new SlurmStarter({
    name,
    post: post.folder,
    command: config.command ?? [process.execPath, join(packageRoot, 'dist/cli.js')],
    store: tier.address,
    scratch: config.scratch,
    partition: config.partition,
    account: config.account,
    minutes: config.minutes,
    pilots: config.pilots,
    idle: config.idle,
    flags: config.flags,
    env: {PATH: outside.env.PATH ?? '/usr/bin:/bin'},
    hasSigns: () => post.pilots().some(({silentMs}) => silentMs < config.silence * 1000),
    squeue,
    now: outside.clock.now,
  });
  return new FleetExecutor({
    post,
    store: fleetStoreOf(workspace, tier, notice),
    starter,
    most: MOST_JOBS,
    gpus: config.gpus,
    silentMs: config.silence * 1000,
    now: outside.clock.now,
    notice,
  });
}

/** What the nodes share, from this workspace's side. */
export function fleetStoreOf(
  {blobs, project}: Workspace,
  tier: RemoteTier,
  notice: (text: string) => void,
): PilotStore {
  const patience = (signal: AbortSignal): Patience => ({
    forMs: STORE_PATIENCE_MS,
    signal,
    onSilence() {
      for (const text of tier.takeNotices()) notice(text);
    },
  });
  return {
    async send(assignment, signal) {
      const put = blobs.putBytes(actionText(assignment.action));
      if (!put.ok) return err(describeStoreError(put.error));
      const artifacts = [put.value, ...artifactsOf(assignment)];
      const sent = await patiently(tier, patience(signal), () => tier.sendArtifacts(artifacts));
      return sent.ok ? ok(undefined) : err(`${sent.error.place}: ${sent.error.message}`);
    },
    async find({action}) {
      const found = await patiently(tier, patience(NEVER), async () => {
        const result = await tier.find(action);
        return {ok: result !== undefined, result};
      });
      return found.result;
    },
    adviceOn: (action, failure, logTail) =>
      failure.reason === 'exited' || failure.reason === 'threw'
        ? adviceOn(action, project, [...logTail, ...(failure.reason === 'threw' ? [failure.message] : [])])
        : null,
    async bringLog(log) {
      await tier.bringBlob(log);
    },
  };
}

/** Everything that whoever runs an action will ask for. */
export function artifactsOf({
  action,
  card,
  prefix,
}: Pick<Assignment, 'action' | 'card' | 'prefix'>): Artifact[] {
  const inputs = Object.values(action.inputs).flatMap(input =>
    input.kind === 'one' ? [input.content] : input.contents,
  );
  return [
    ...inputs.flatMap(({outputs}) => Object.values(outputs).map(({artifact}) => artifact)),
    ...filesOf(action),
    ...(prefix === null ? [] : [prefix.state]),
    ...(card === null ? [] : artifactsOfCard(card)),
  ];
}

const filesOf = ({files, work}: Action): Artifact[] =>
  [...Object.values(files), ...(work.kind === 'shell' ? Object.values(work.code) : [])].map(({digest}) => ({
    kind: 'file',
    digest,
    size: UNKNOWN,
  }));

/** The store knows the size of a tracked file's blob. */
const UNKNOWN = -1;
