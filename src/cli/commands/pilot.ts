// `pipe pilot POST`: takes jobs of one shape from a post office, one after the other, until none has come for a while or
// its time is nearly over. Executors of clusters start it; people do not. TERM, which schedulers send before they
// take a machine away, puts back what it has: its checkpoint waits for the next pilot.

import {hostname} from 'node:os';
import {join, resolve} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type {Executor} from '../../exec/executor.ts';
import {Post, type PostedJob} from '../../exec/fleet/post.ts';
import {ProcessExecutor} from '../../exec/process-executor.ts';
import {localExecutorOf} from '../executors.ts';
import {EXIT, type ExitCode, refuse} from '../exit.ts';
import {pilotAction, secretsFrom} from '../piloting.ts';
import type {Invocation, Shell} from '../shell.ts';
import {machineOf, openWorkspace, type Workspace} from '../workspace.ts';

/** Between two looks for a job, and for a wish to end the one at hand. Milliseconds. */
const LOOK_MS = 100;
const STOP_LOOK_MS = 500;
const SIGN_MS = 2_000;
/** Between TERM and KILL of a stage: shorter than what schedulers leave to this one. */
const GRACE_MS = 2_000;
/** By how much the signals of one job may be apart. Milliseconds. */
const SIGNAL_MS = 1_000;
/** A task of which nobody says how long it takes is not begun in the last moments. Milliseconds. */
const LAST_MS = 60_000;

export async function pilot(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const {store, shape, name = 'pilot', executor: executorName = 'pilot'} = options;
  const [folder] = args;
  if (
    folder === undefined ||
    store === undefined ||
    shape === undefined ||
    outside.env.PIPE_STORE === undefined
  ) {
    return refuse('bad-pilot', 'expected a post office, --store, --shape and PIPE_STORE');
  }
  const post = new Post(resolve(outside.cwd, folder));
  const workspace = await openWorkspace(shell, outside.cwd, {
    scratch: resolve(outside.cwd, store),
    remote: outside.env.PIPE_STORE,
    checkpoints: join(post.folder, 'checkpoints'),
  });
  const processes = new ProcessExecutor({
    env: outside.env,
    cwd: workspace.project,
    graceMs: GRACE_MS,
  });
  const executor = localExecutorOf(
    workspace,
    processes,
    machineOf(shell, options.jobs),
    outside.clock.now,
    executorName,
  );
  const leaving = new AbortController();
  const release = outside.onInterrupt(() => leaving.abort());
  const sign = (): void => post.live(name, hostname(), shape);
  sign();
  const signs = setInterval(sign, SIGN_MS);
  try {
    const pilotWork = {post, workspace, executor, name, shape, own: outside.env};
    await work(shell, pilotWork, {idleMs: (options.idle ?? 30) * 1000, until: options.ends}, leaving.signal);
    return EXIT.ok;
  } finally {
    clearInterval(signs);
    release();
    await executor.close();
    await workspace.results.close();
    post.leave(name);
  }
}

interface PilotWork {
  readonly post: Post;
  readonly workspace: Workspace;
  readonly executor: Executor;
  readonly name: string;
  readonly shape: string;
  /** The environment of this pilot: where secrets are, which do not travel. */
  readonly own: Shell['outside']['env'];
}

async function work(
  shell: Shell,
  pilotWork: PilotWork,
  {idleMs, until}: {readonly idleMs: number; readonly until: number | undefined},
  leaving: AbortSignal,
): Promise<void> {
  const {now} = shell.outside.clock;
  const {post, shape, name} = pilotWork;
  let idleSince = now();
  while (!leaving.aborted && now() - idleSince < idleMs) {
    if (until !== undefined && now() > until * 1000 - LAST_MS) return;
    const job = post.take(shape, name);
    if (job === undefined) {
      await sleep(LOOK_MS, undefined, {signal: leaving}).catch(() => undefined);
      continue;
    }
    await runJob(pilotWork, job, leaving);
    idleSince = now();
  }
}

async function runJob(
  {post, workspace, executor, name, shape, own}: PilotWork,
  {fingerprint, orders, env, postedAt}: PostedJob,
  leaving: AbortSignal,
): Promise<void> {
  const unwanted = new AbortController();
  const looks = setInterval(() => {
    if (post.isStopped(fingerprint)) unwanted.abort();
  }, STOP_LOOK_MS);
  try {
    const signal = AbortSignal.any([leaving, unwanted.signal]);
    const last = await pilotAction(
      workspace,
      executor,
      {
        fingerprint,
        orders,
        variables: {...secretsFrom(own, orders), ...env},
        waitedMs: Date.now() - postedAt,
      },
      message => post.tell(fingerprint, name, message),
      signal,
    );
    // A scheduler signals every process of a job: what the stage runs on may be gone a moment before this one hears of
    // it, and a stage that lost a child of its own fails in whatever way it likes.
    if (last.type === 'failed') await sleep(SIGNAL_MS, undefined, {signal: leaving}).catch(() => undefined);
    // The machine is taken away: whoever comes next goes on from the checkpoint.
    const isTakenAway = leaving.aborted && (last.type === 'cancelled' || last.type === 'failed');
    const isUnwanted = unwanted.signal.aborted || post.isStopped(fingerprint);
    if (isTakenAway && !isUnwanted) return post.giveBack(fingerprint, shape, name);
    post.tell(fingerprint, name, last);
    post.finish(fingerprint, name);
  } finally {
    clearInterval(looks);
  }
}
